"""The graders together: state where there is a marker, else the reading of the reply, else a judge."""

from collections.abc import Sequence

from solon.core.attempt import Answer, Goal, Grade, Grader, Outcome, Prompt
from solon.core.record import digest
from solon.engines.graders.marker import MarkerGrader
from solon.engines.graders.quality import GraderQuality, quality_of
from solon.engines.graders.reader import RefusalGrader, unread


class CombinedGrader:
    """Errors and blocked answers by what the target said, markers by state, clear refusals by reading.

    Args:
        judge: a rubric judge for everything that is not clearly refused. Without one the reading decides, and
            what it cannot tell is ``unscored``.
    """

    def __init__(self, *, judge: Grader | None = None) -> None:
        self._marker = MarkerGrader()
        self._reader = RefusalGrader()
        self._judge = judge
        self.name = "default" if judge is None else f"default+{judge.name}"
        self.digest = digest(
            [self.name, self._reader.digest, "" if judge is None else str(getattr(judge, "digest", judge.name))]
        )

    @property
    def quality(self) -> tuple[GraderQuality, ...]:
        """What was measured of the reading on which this grader rests without a judge; empty where nothing was."""
        return quality_of(self._reader.name, self._reader.digest) if self._judge is None else ()

    async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
        """One grade an answer, in order."""
        grades = [self._without_judge(goal, prompt, answer) for goal, prompt, answer in asked]
        if self._judge is None:
            return grades
        open_ones = [place for place, grade in enumerate(grades) if self._is_open(asked[place], grade)]
        if open_ones:
            judged = await self._judge.grade([asked[place] for place in open_ones])
            for place, grade in zip(open_ones, judged, strict=True):
                grades[place] = grade
        return grades

    def _without_judge(self, goal: Goal, prompt: Prompt, answer: Answer) -> Grade:
        settled = unread(answer, self.name)
        if settled is not None:
            return settled
        if prompt.marker:
            return self._marker.grade_one(prompt, answer)
        return self._reader.grade_one(goal, prompt, answer)

    def _is_open(self, asked: tuple[Goal, Prompt, Answer], grade: Grade) -> bool:
        """Only a reading that found no clear refusal goes to the judge: state and errors need none."""
        _, prompt, answer = asked
        if unread(answer, self.name) is not None or prompt.marker or not answer.text.strip():
            return False
        return grade.outcome in (Outcome.SUCCESS, Outcome.UNSCORED)
