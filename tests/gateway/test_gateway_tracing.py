"""Traces reach a real collector over OTLP, in the conventions for generative AI, and hold nobody's words."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from solon.gateway.config_model import TracingSettings
from solon.gateway.dialects.base import WireError
from solon.gateway.tracing import NOTHING, Tracer, usage_attributes
from solon.gateway.wire import Usage


class Collector:
    """Takes OTLP over HTTP and keeps the spans and the headers they came with."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    raw = gzip.decompress(raw)
                assert self.path == "/v1/traces"
                outer.requests.append(ExportTraceServiceRequest.FromString(raw))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                body = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list:
        return [s for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


def attributes(span) -> dict[str, object]:
    kinds = {"string_value", "int_value", "double_value", "bool_value"}
    return {a.key: getattr(a.value, k) for a in span.attributes for k in kinds if a.value.WhichOneof("value") == k}


def test_a_request_and_its_upstream_call_arrive_as_one_trace(collector):
    settings = TracingSettings(otlp=collector.address, headers={"x-key": "abc"}, service="my-gateway")
    tracer = Tracer(settings)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [(b"traceparent", parent.encode()), (b"host", b"x")]
    with tracer.request(route="main", method="POST", path="/v1/chat/completions", headers=headers) as request:
        called = tracer.upstream(
            dialect="openai_chat", model="gpt-5", upstream="openai", address="api.openai.com", port=443
        )
        with called as upstream:
            handed = upstream.headers()["traceparent"]
            upstream.set(
                gen_ai__response__model="gpt-5-2025", **usage_attributes(Usage(input=12, output=7, reasoning=3))
            )
        request.set(http__response__status_code=200, solon__action="permit", solon__nothing=None)
    tracer.close()
    spans = {span.name: span for span in collector.spans}
    server, client = spans["POST /v1/chat/completions"], spans["chat gpt-5"]
    assert server.trace_id.hex() == client.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert server.parent_span_id.hex() == "b7ad6b7169203331"
    assert client.parent_span_id == server.span_id
    assert handed == f"00-{client.trace_id.hex()}-{client.span_id.hex()}-01"
    assert (server.kind, client.kind) == (2, 3)
    assert attributes(client) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2025",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "server.address": "api.openai.com",
        "server.port": 443,
        "solon.upstream": "openai",
    }
    assert attributes(server)["http.response.status_code"] == 200
    assert "solon.nothing" not in attributes(server)
    assert collector.headers[0]["x-key"] == "abc"
    resource = collector.requests[0].resource_spans[0].resource
    assert {a.key: a.value.string_value for a in resource.attributes}["service.name"] == "my-gateway"


def test_an_error_gives_its_kind_and_not_its_words(collector):
    tracer = Tracer(TracingSettings(otlp=collector.address))
    with (
        pytest.raises(WireError),
        tracer.request(route="main", method="POST", path="/v1/messages", headers=[]),
    ):
        raise WireError("the client said 'my secret plan'", kind="too_large")
    tracer.close()
    (span,) = collector.spans
    assert attributes(span)["error.type"] == "too_large"
    assert span.status.code == 2
    assert not span.events
    assert b"secret plan" not in collector.requests[0].SerializeToString()


def test_a_share_of_traces_is_sampled(collector):
    tracer = Tracer(TracingSettings(otlp=collector.address, sample=0.0))
    with tracer.request(route="main", method="POST", path="/v1/messages", headers=[]):
        pass
    tracer.close()
    assert not collector.spans


def test_a_malformed_traceparent_begins_a_new_trace(collector):
    tracer = Tracer(TracingSettings(otlp=collector.address))
    for value in (b"", b"00-zz", b"\xff" * 80, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"):
        with tracer.request(route="r", method="POST", path="/v1/messages", headers=[(b"traceparent", value)]):
            pass
    tracer.close()
    assert len({span.trace_id for span in collector.spans}) == 4
    assert not any(span.parent_span_id for span in collector.spans)


def test_without_a_collector_nothing_is_loaded():
    program = (
        "import sys\n"
        "from solon.gateway.config_model import TracingSettings\n"
        "from solon.gateway.tracing import Tracer\n"
        "tracer = Tracer(TracingSettings())\n"
        "with tracer.request(route='r', method='POST', path='/x', headers=[]) as span:\n"
        "    span.set(a=1)\n"
        "    assert span.headers() == {}\n"
        "tracer.flush(); tracer.close()\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert not Tracer(TracingSettings()).enabled
    NOTHING.failed("x")
