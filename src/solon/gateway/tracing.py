"""Traces in OpenTelemetry's conventions for generative AI; without a collector in the configuration nothing is loaded.

A request is a server span, named after its method and route; each call to an upstream is a client span ``chat MODEL``
below it. A caller's ``traceparent`` is continued and handed on. Words of clients and models are never attributes.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import solon
from solon.gateway.config_model import TracingSettings
from solon.gateway.wire import Usage

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

Attribute = str | int | float | bool | list[str]

_PROVIDERS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "embedded": "solon.embedded",
}
_TRACE_HEADERS = (b"traceparent", b"tracestate")


class Traced(Protocol):
    """A span while it is open."""

    def set(self, **attributes: Attribute | None) -> None:
        """Add attributes; ``__`` in a name stands for a dot, and ``None`` is left out."""
        ...

    def failed(self, kind: str) -> None:
        """It ended with an error of that kind (``error.type``)."""
        ...

    def headers(self) -> Mapping[str, str]:
        """The headers by which whoever is called continues the trace."""
        ...


class _Nothing:
    """A span that is not recorded."""

    def set(self, **attributes: Attribute | None) -> None:
        """Do nothing."""

    def failed(self, kind: str) -> None:
        """Do nothing."""

    def headers(self) -> Mapping[str, str]:
        """None."""
        return {}


NOTHING: Traced = _Nothing()


@dataclass(frozen=True, slots=True)
class _Recorded:
    span: "Span"

    def set(self, **attributes: Attribute | None) -> None:
        for name, value in attributes.items():
            if value is not None:
                self.span.set_attribute(name.replace("__", "."), value)

    def failed(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR))

    def headers(self) -> Mapping[str, str]:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(self.span))
        return carrier


class Tracer:
    """Makes spans, or nothing at all where ``settings`` name no collector.

    Args:
        settings: where spans go, and how many.
        exporter: instead of OTLP over HTTP.

    Raises:
        ConfigError: where a collector is named and the ``otel`` extra is not installed.
    """

    def __init__(self, settings: TracingSettings, exporter: "SpanExporter | None" = None) -> None:
        self._provider: Any = None
        self._tracer: Any = None
        if settings.otlp is not None or exporter is not None:
            self._open(settings, exporter)

    @property
    def enabled(self) -> bool:
        """Whether spans are recorded."""
        return self._tracer is not None

    @contextmanager
    def request(
        self, *, route: str, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> Generator[Traced]:
        """The span of one request; ``path`` is that of a dialect, never the client's own."""
        if self._tracer is None:
            yield NOTHING
            return
        attributes: dict[str, Attribute] = {
            "http.request.method": method,
            "http.route": path,
            "solon.route": route,
        }
        with self._span(f"{method} {path}", "server", attributes, parent=_context(headers)) as traced:
            yield traced

    @contextmanager
    def upstream(self, *, dialect: str, model: str, upstream: str, address: str, port: int | None) -> Generator[Traced]:
        """The span of one call to an upstream, below the request's."""
        if self._tracer is None:
            yield NOTHING
            return
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(dialect, dialect),
            "gen_ai.request.model": model,
            "solon.upstream": upstream,
        }
        if address:
            attributes["server.address"] = address
        if port:
            attributes["server.port"] = port
        with self._span(f"chat {model}", "client", attributes) as traced:
            yield traced

    def flush(self, timeout_s: float = 5.0) -> None:
        """Send what waits; blocks."""
        if self._provider is not None:
            self._provider.force_flush(int(timeout_s * 1000))

    def close(self) -> None:
        """Send what waits and stop; blocks."""
        if self._provider is not None:
            self._provider.shutdown()

    @contextmanager
    def _span(
        self, name: str, kind: Literal["server", "client"], attributes: dict[str, Attribute], parent: Any = None
    ) -> Generator[Traced]:
        from opentelemetry.trace import SpanKind

        kinds = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
        started = self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=kinds[kind],
            attributes=attributes,
            record_exception=False,  # its words may be a client's
            set_status_on_exception=False,
        )
        with started as span:
            traced = _Recorded(span)
            try:
                yield traced
            except BaseException as error:
                traced.failed(getattr(error, "kind", None) or type(error).__name__)
                raise

    def _open(self, settings: TracingSettings, exporter: "SpanExporter | None") -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        except ImportError as error:
            raise _not_installed(error) from None
        resource = Resource.create({"service.name": settings.service, "service.version": solon.__version__})
        self._provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.sample)))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or _otlp(settings)))
        self._tracer = self._provider.get_tracer("solon.gateway", solon.__version__)


def usage_attributes(usage: Usage | None) -> dict[str, Attribute | None]:
    """Token counts under the names of the conventions, for ``Traced.set``."""
    if usage is None:
        return {}
    return {
        "gen_ai__usage__input_tokens": usage.input,
        "gen_ai__usage__output_tokens": usage.output,
        "gen_ai__usage__reasoning__output_tokens": usage.reasoning,
        "gen_ai__usage__cache_read__input_tokens": usage.cache_read,
        "gen_ai__usage__cache_creation__input_tokens": usage.cache_write,
    }


def _context(headers: Iterable[tuple[bytes, bytes]]) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in _TRACE_HEADERS}
    return TraceContextTextMapPropagator().extract(carrier)


def _otlp(settings: TracingSettings) -> "SpanExporter":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise _not_installed(error) from None
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    return OTLPSpanExporter(endpoint=f"{settings.otlp}/v1/traces", headers=headers, timeout=5)


def _not_installed(error: ImportError) -> Exception:
    from solon.core.errors import ConfigError

    return ConfigError(
        f"traces need OpenTelemetry: {error}", place="tracing.otlp", repair="Install it: pip install 'solon[otel]'."
    )
