"""Figures of measurements: pure functions over counts and arrays, each with an interval that can be believed.

``rates`` one rate · ``clustered`` rates of goals that stand or fall together · ``judged`` what a fallible grader said ·
``paired`` two versions on the same samples · ``planning`` how many samples a claim needs · ``operating`` detection at a
budget of false alarms, and both rates as one curve · ``tries`` success within k tries, and beyond · ``sequential``
figures that may be looked at while they come in · ``several`` many comparisons at once.
"""
