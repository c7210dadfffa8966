"""The guard as what is attacked: in process, as fast as it judges; alone or in front of another target."""

from collections.abc import Sequence
from dataclasses import replace

from solon.core.action import Action
from solon.core.attempt import Answer, Prompt, Spent, Target
from solon.core.decision import Decision
from solon.core.errors import WeightsError
from solon.core.exchange import Exchange
from solon.core.record import digest
from solon.guard.guard import Guard

_ONE = Spent(calls=1)


class GuardTarget:
    """A guard that answers only whether it lets a request through.

    Args:
        guard: the guard.
        stops: the mildest action that counts as stopped. With ``refine``, the default, an attacker must be let
            through untouched; with ``block`` a request that would be answered with care counts as let through too.
    """

    def __init__(self, guard: Guard, *, stops: Action = Action.REFINE) -> None:
        self.guard = guard
        self.stops = stops
        self.name = "guard" if stops is Action.REFINE else f"guard:{stops}"

    @property
    def digest(self) -> str:
        """Of policy, weights, thresholds, further engines, the judge and what counts as stopped."""
        return guard_digest(self.guard, self.stops)

    def bound(self, prompt: Prompt) -> Spent:
        """A call costs nothing but time."""
        return _ONE

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Whether each is stopped; what cannot be judged is an error, never a pass."""
        decided = decisions(self.guard, [prompt.exchange for prompt in prompts])
        return [Answer(error=found, spent=_ONE) if isinstance(found, str) else self._answer(found) for found in decided]

    def _answer(self, decision: Decision) -> Answer:
        stopped = decision.action >= self.stops
        return Answer(blocked=stopped, layer="input" if stopped else "", risk=decision.risk, spent=_ONE)


class GuardedTarget:
    """A guard in front of another target: what it stops is never asked, and what it hears of a reply it may stop.

    Args:
        guard: judges requests before they are asked, and replies as they would stream.
        behind: the target that answers.
        stops: the mildest action that counts as stopped.
    """

    def __init__(self, guard: Guard, behind: Target, *, stops: Action = Action.REFINE) -> None:
        self.guard = guard
        self.behind = behind
        self.stops = stops
        self.name = f"guard+{behind.name}"

    @property
    def digest(self) -> str:
        """Of the guard and the target behind it."""
        return digest([guard_digest(self.guard, self.stops), self.behind.digest])

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Answers of the target behind, or who stopped them."""
        answers: list[Answer] = []
        for found in decisions(self.guard, [prompt.exchange for prompt in prompts]):
            if isinstance(found, str):
                answers.append(Answer(error=found))
            else:
                stopped = found.action >= self.stops
                answers.append(Answer(blocked=stopped, layer="input" if stopped else "", risk=found.risk))
        asked = [place for place, answer in enumerate(answers) if not answer.blocked and not answer.error]
        replies = await self.behind.ask([prompts[place] for place in asked])
        heard = [place for place, reply in zip(asked, replies, strict=True) if reply.text and not reply.error]
        for place, reply in zip(asked, replies, strict=True):
            answers[place] = replace(reply, risk=answers[place].risk)
        judged = decisions(
            self.guard, [replace(prompts[place].exchange, response=answers[place].text) for place in heard]
        )
        for place, found in zip(heard, judged, strict=True):
            answers[place] = self._heard(answers[place], found)
        return answers

    def _heard(self, answer: Answer, found: Decision | str) -> Answer:
        if isinstance(found, str):
            return replace(answer, text="", error=found)
        if found.action >= self.stops:
            return Answer(blocked=True, layer="output", risk=found.risk, spent=answer.spent)
        return replace(answer, risk=found.risk)


def guard_digest(guard: Guard, stops: Action) -> str:
    """What would have to change for the guard's decisions to change."""
    return digest(
        {
            "policy": guard.policy.digest,
            "weights": guard.weights.digest,
            "thresholds": [guard.thresholds.refine, guard.thresholds.block],
            "engines": [classifier.name for classifier in guard.classifiers],
            "judge": guard.judge is not None,
            "stops": str(stops),
        }
    )


def decisions(guard: Guard, exchanges: Sequence[Exchange]) -> list[Decision | str]:
    """A decision each, or why there is none; an exchange that cannot be judged does not cost its neighbours theirs."""
    try:
        return list(guard.check_many(exchanges))
    except Exception:  # whatever it is, it is found again one by one and told with its exchange
        return [_alone(guard, exchange) for exchange in exchanges]


def _alone(guard: Guard, exchange: Exchange) -> Decision | str:
    try:
        return guard.check(exchange)
    except WeightsError:
        raise  # no exchange's fault: nothing could be judged any more
    except Exception as error:
        return f"the guard could not judge it: {type(error).__name__}: {error}"
