"""How many samples a claim needs, before anything is run."""

import math

from solon.core.stats import upper_bound
from solon.evaluate.metrics.distributions import normal_quantile

MOST = 10**9


def tries_to_claim(rate: float, *, hits: int = 0, confidence: float = 0.95) -> int:
    """The fewest independent samples that certify "below ``rate``" while ``hits`` of them are hits.

    The one-sided exact bound; with no hits the rule of three: 299 for 1 %, 2,995 for 0.1 %.

    Raises:
        ValueError: unless ``0 < rate < 1`` and ``hits >= 0``.
    """
    _share("rate", rate)
    if hits < 0:
        raise ValueError(f"hits are 0 or more, got {hits}")
    low, high = hits, max(2, hits + 1)
    while upper_bound(hits, high, confidence=confidence) > rate and high < MOST:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(hits, middle, confidence=confidence) > rate:
            low = middle
        else:
            high = middle
    return high


def samples_to_estimate(rate: float, half_width: float, *, confidence: float = 0.95) -> int:
    """Independent samples for a Wilson interval of ``± half_width`` about an expected ``rate``.

    Raises:
        ValueError: unless ``0 <= rate <= 1`` and ``0 < half_width < 0.5``.
    """
    if not 0 <= rate <= 1 or not 0 < half_width < 0.5:
        raise ValueError(f"needs 0 <= rate <= 1 and 0 < half_width < 0.5, got {rate} and {half_width}")
    z2 = normal_quantile(0.5 + confidence / 2) ** 2
    low, high = 0, 1

    def wide(n: int) -> bool:
        return math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n) > half_width

    while wide(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high


def pairs_to_separate(lost: float, gained: float, *, power: float = 0.8, confidence: float = 0.95) -> int | None:
    """Pairs that separate two versions, of which shares ``lost`` and ``gained`` change sides (Connor 1987).

    391 for 2 % against none, 2,353 for 2 % against 1 %. ``None`` where the shares are equal: no number would do.

    Raises:
        ValueError: unless both lie in 0-1 and sum to at most 1.
    """
    if lost < 0 or gained < 0 or lost + gained > 1:
        raise ValueError(f"shares of pairs lie in 0-1 and sum to at most 1, got {lost} and {gained}")
    difference, discordant = abs(gained - lost), lost + gained
    if difference == 0:
        return None
    alpha, beta = normal_quantile(0.5 + confidence / 2), normal_quantile(power)
    root = alpha * math.sqrt(discordant) + beta * math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil(max((root / difference) ** 2, fewest_discordant(confidence=confidence) / discordant))


def samples_to_separate(first: float, second: float, *, power: float = 0.8, confidence: float = 0.95) -> int | None:
    """Independent samples *each* that separate two rates (two-sided normal test; Fleiss 1981); ``None`` where equal.

    Raises:
        ValueError: unless both lie in 0-1.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"rates lie in 0-1, got {first} and {second}")
    if first == second:
        return None
    mean = (first + second) / 2
    alpha, beta = normal_quantile(0.5 + confidence / 2), normal_quantile(power)
    root = alpha * math.sqrt(2 * mean * (1 - mean)) + beta * math.sqrt(first * (1 - first) + second * (1 - second))
    return math.ceil((root / (second - first)) ** 2)


def fewest_discordant(*, confidence: float = 0.95) -> int:
    """How many pairs must change, all to one side, before an exact test can separate anything: 6 at 95 %."""
    return math.ceil(1 - math.log2(1 - confidence))


def design_effect(size: float, correlation: float) -> float:
    """What clusters of ``size`` samples multiply a sample number by (Kish 1965): 2.8 for 10 samples at 0.2.

    Raises:
        ValueError: unless ``size >= 1`` and ``0 <= correlation <= 1``.
    """
    if size < 1 or not 0 <= correlation <= 1:
        raise ValueError(f"needs size >= 1 and 0 <= correlation <= 1, got {size} and {correlation}")
    return 1 + (size - 1) * correlation


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} lies between 0 and 1, got {value}")
