"""The line to one upstream: its address and key, and what is remembered between calls."""

from dataclasses import dataclass, field

from yarl import URL

from solon.gateway.breaker import Breaker, RetryBudget
from solon.gateway.config_model import Upstream
from solon.gateway.dialects.base import WireError


class Busy(WireError):
    """An upstream that cannot be asked now; another may."""

    def __init__(self, problem: str, retry_after_s: float) -> None:
        super().__init__(problem, repair="Try again later.", status=503, kind="overloaded")
        self.retry_after_s = max(1.0, retry_after_s)


@dataclass(slots=True, kw_only=True)
class Line:
    """One upstream: its circuit, its retry budget, and what is on its way to it."""

    name: str
    upstream: Upstream
    breaker: Breaker
    budget: RetryBudget
    headers: dict[str, str] = field(repr=False)
    """The operator's, key included; they go with every call."""
    in_flight: int = 0
    addresses: dict[str, URL] = field(default_factory=dict[str, URL])

    @classmethod
    def to(cls, name: str, upstream: Upstream) -> "Line":
        """A line on which nothing has happened yet."""
        return cls(
            name=name,
            upstream=upstream,
            breaker=Breaker(upstream.breaker),
            budget=RetryBudget(upstream.retries.budget_share),
            headers=_headers(upstream),
        )

    @property
    def is_embedded(self) -> bool:
        """Whether the upstream runs inside this process."""
        return self.upstream.url is None

    @property
    def dialect(self) -> str:
        """The name of the dialect spoken there."""
        return "openai_chat" if self.upstream.dialect == "embedded" else self.upstream.dialect

    def address(self, path: str) -> URL:
        """Where a path below ``/v1`` is; remembered for the few paths of the dialects."""
        found = self.addresses.get(path)
        if found is None:
            found = URL(f"{self.upstream.url}{path}", encoded=True)
            if len(self.addresses) < 64:
                self.addresses[path] = found
        return found

    def enter(self) -> None:
        """Take a place on the line; ``leave`` gives it back.

        Raises:
            Busy: where all are taken, or the circuit is open.
        """
        most = self.upstream.max_in_flight
        if 0 < most <= self.in_flight:
            raise Busy(f"the upstream {self.name} has all the requests it may have", 1.0)
        if not self.breaker.admits():
            raise Busy(f"the upstream {self.name} is failing and is left alone for a while", self.breaker.reopens_in_s)
        self.in_flight += 1

    def leave(self) -> None:
        """A call has ended."""
        self.in_flight -= 1


def _headers(upstream: Upstream) -> dict[str, str]:
    own = {name.lower(): value.get_secret_value() for name, value in upstream.headers.items()}
    if upstream.api_key is not None:
        key = upstream.api_key.get_secret_value()
        if upstream.dialect == "anthropic_messages":
            own.setdefault("x-api-key", key)
        else:
            own.setdefault("authorization", f"Bearer {key}")
    return own
