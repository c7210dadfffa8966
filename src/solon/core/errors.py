"""Errors that teach: place, value, expectation, repair."""


class SolonError(Exception):
    """Base of every error Solon raises on purpose.

    Args:
        problem: what is wrong, with the offending value.
        place: file, line, field or argument where it was found.
        repair: what the reader can do about it.
    """

    def __init__(self, problem: str, *, place: str = "", repair: str = "") -> None:
        self.problem = problem
        self.place = place
        self.repair = repair
        head = f"{place}: {problem}" if place else problem
        super().__init__(f"{head}. {repair}" if repair else head)


class PolicyError(SolonError):
    """A policy pack cannot be read or contradicts itself."""


class ConfigError(SolonError):
    """A configuration, keys or price file cannot be read or contradicts itself."""


class WeightsError(SolonError):
    """Weights are missing, damaged, of another version, or fail their self-test."""


class InputError(SolonError):
    """A text, exchange or file handed in for checking is not of the expected form."""


class JudgeError(SolonError):
    """A judge could not be reached or gave no usable answer."""


class TrainingError(SolonError):
    """Training cannot start or go on: data, extras or settings are missing."""


class BudgetSpent(SolonError):
    """What is left of a campaign's budget does not cover what was to be asked."""


class TargetError(SolonError):
    """A target of attacks or measurements is named wrongly or cannot be used at all."""


class SuiteError(SolonError):
    """A suite, its rows or a result file are missing, changed, or not of the expected form."""


class EvidenceError(SolonError):
    """A record, catalogue, incident or claim cannot be read, contradicts itself, or may not be made as asked."""
