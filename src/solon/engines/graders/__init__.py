"""Graders: how an attempt ended, in four values. They may be given any target's answers.

``grade_by_default()`` is the grader to use: errors and blocked answers by what the target says, markers by state, and
replies by reading whether they refuse; with ``judge=model`` what is not clearly refused goes to a rubric judge.

    grader = grade_by_default()
    grades = await grader.grade([(goal, prompt, answer)])
    grader.quality   # counts behind its sensitivity and specificity, for intervals

``read_reply(text, goal=…)`` is the reading by itself: refused, complied, partial or cannot tell.
"""

from solon.engines.graders.combined import CombinedGrader
from solon.engines.graders.marker import MarkerGrader, find_marker
from solon.engines.graders.quality import GraderQuality
from solon.engines.graders.reader import Reading, RefusalGrader, ReplyReading, read_reply
from solon.engines.graders.rubric import RubricJudge
from solon.models.completion import LanguageModel


def grade_by_default(judge: LanguageModel | None = None) -> CombinedGrader:
    """The combined grader; without ``judge`` it reads replies itself and leaves ``unscored`` what it cannot tell."""
    return CombinedGrader(judge=None if judge is None else RubricJudge(judge))


__all__ = [
    "CombinedGrader",
    "GraderQuality",
    "MarkerGrader",
    "Reading",
    "RefusalGrader",
    "ReplyReading",
    "RubricJudge",
    "find_marker",
    "grade_by_default",
    "read_reply",
]
