"""Whether a measurement may be believed: does the model show what it can, and is what it shows what it does?"""
