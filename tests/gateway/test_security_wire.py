"""Attacks on the wire of a running gateway: smuggled requests, slow and oversized ones, paths in disguise."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from running_gateway import RunningGateway, running

pytestmark = pytest.mark.slow

CONFIG = """
listen: {port: 0}
limits_http: {max_body_bytes: 200000, header_timeout_s: 1.5, body_timeout_s: 1.5, max_connections: 60}
reload: {poll_s: 0}
"""
CHAT = b'{"model": "solon-echo", "messages": [{"role": "user", "content": "Good morning!"}]}'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[RunningGateway]:
    with running(tmp_path_factory.mktemp("wire"), CONFIG) as one:
        yield one


def connect(gateway: RunningGateway) -> socket.socket:
    host, _, port = gateway.address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def spoken(gateway: RunningGateway, sent: bytes) -> bytes:
    """What the gateway answers until it closes, or is silent for a while."""
    heard = b""
    with connect(gateway) as connection:
        connection.sendall(sent)
        connection.settimeout(4)
        try:
            while piece := connection.recv(65536):
                heard += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return heard


def answers(heard: bytes) -> list[int]:
    """The statuses of the responses in what was heard."""
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]


def head(*lines: bytes, key: str | None = None, method: bytes = b"POST") -> bytes:
    own = [b"host: x", *([b"authorization: Bearer " + key.encode()] if key else [])]
    return b"\r\n".join([method + b" /v1/chat/completions HTTP/1.1", *own, *lines, b"", b""])


def length(body: bytes) -> bytes:
    return b"content-length: %d" % len(body)


SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


def smuggling(key: str) -> dict[str, bytes]:
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)
    return {
        "length and coding": head(length(CHAT), b"transfer-encoding: chunked", key=key) + chunk + SMUGGLED,
        "coding and length": head(b"transfer-encoding: chunked", b"content-length: 4", key=key)
        + b"0\r\n\r\n"
        + SMUGGLED,
        "two lengths": head(length(CHAT), b"content-length: 0", key=key) + CHAT + SMUGGLED,
        "the same length twice": head(length(CHAT), length(CHAT), key=key) + CHAT + SMUGGLED,
        "a list of lengths": head(b"content-length: 5, 5", key=key) + b"hello" + SMUGGLED,
        "a length with a sign": head(b"content-length: +%d" % len(CHAT), key=key) + CHAT + SMUGGLED,
        "a negative length": head(b"content-length: -1", key=key) + SMUGGLED,
        "a length in hex": head(b"content-length: 0x5", key=key) + b"hello" + SMUGGLED,
        "a space before the colon": head(b"transfer-encoding : chunked", length(CHAT), key=key) + chunk + SMUGGLED,
        "a coding with a tab": head(b"transfer-encoding:\x0bchunked", length(CHAT), key=key) + chunk + SMUGGLED,
        "an unknown coding": head(b"transfer-encoding: xchunked", key=key) + chunk + SMUGGLED,
        "two codings": head(b"transfer-encoding: gzip, chunked", key=key) + chunk + SMUGGLED,
        "two headers of codings": head(b"transfer-encoding: chunked", b"transfer-encoding: identity", key=key) + chunk,
        "a folded header": head(b"x: y", b" transfer-encoding: chunked", length(CHAT), key=key) + chunk + SMUGGLED,
        "a bare line feed": head(length(CHAT), key=key).replace(b"\r\n", b"\n") + CHAT + SMUGGLED,
        "a bare carriage return": head(b"x: a\rtransfer-encoding: chunked", length(CHAT), key=key) + chunk + SMUGGLED,
        "a null in a header": head(b"x: a\x00b", length(CHAT), key=key) + CHAT + SMUGGLED,
        "a chunk of no size": head(b"transfer-encoding: chunked", key=key) + b"\r\nhello\r\n" + SMUGGLED,
        "a chunk of a negative size": head(b"transfer-encoding: chunked", key=key) + b"-5\r\nhello\r\n" + SMUGGLED,
        "a chunk that overflows": head(b"transfer-encoding: chunked", key=key)
        + b"f" * 40
        + b"\r\nhello\r\n"
        + SMUGGLED,
    }


@pytest.mark.parametrize("name", list(smuggling("")))
def test_no_second_request_is_smuggled(gateway, name):
    heard = spoken(gateway, smuggling(gateway.key)[name])
    found = answers(heard)
    assert len(found) <= 1, f"one request, one answer: {heard!r}"
    assert not found or found[0] in (400, 408, 411, 501), heard


def test_a_request_pipelined_in_the_open_is_another_request(gateway):
    """The counter-proof: what is well-formed and stands behind a whole request is answered, as unauthenticated."""
    heard = spoken(gateway, head(length(CHAT), key=gateway.key) + CHAT + SMUGGLED)
    assert answers(heard) == [200, 401], heard


# Time and size ---------------------------------------------------------------------------------------------------


def dripped(gateway: RunningGateway, first: bytes, drop: bytes) -> tuple[bytes, float]:
    """What is answered to bytes that come one by one, and after how long the connection was closed."""
    began = time.monotonic()
    heard = b""
    with connect(gateway) as connection:
        connection.sendall(first)
        connection.settimeout(0.2)
        while time.monotonic() < began + 30:
            try:
                connection.sendall(drop)
                piece = connection.recv(65536)
                if not piece:
                    return heard, time.monotonic() - began
                heard += piece
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return heard, time.monotonic() - began
    raise AssertionError("the connection is still open")


def test_a_head_that_drips_is_ended(gateway):
    heard, _ = dripped(gateway, b"POST /v1/chat/completions HTTP/1.1\r\n", b"x: y\r\n")
    assert not heard or answers(heard) == [408]


def test_a_connection_that_says_nothing_is_ended(gateway):
    heard, _ = dripped(gateway, b"", b"")
    assert not heard or answers(heard) == [408]


def test_a_body_that_drips_is_ended(gateway):
    heard, _ = dripped(gateway, head(b"content-length: 100000", key=gateway.key), b" ")
    assert answers(heard) == [408]


def test_slow_connections_do_not_keep_others_out(gateway):
    slow = [connect(gateway) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
        assert gateway.chat("Good morning!").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(gateway):
    heard = spoken(gateway, head(b"content-length: 200001", key=gateway.key))
    assert answers(heard) == [413]
    assert json.loads(heard.split(b"\r\n\r\n", 1)[1])["error"]["message"]


def test_a_body_that_grows_too_large_is_ended(gateway):
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    heard = b""
    with connect(gateway) as connection:
        connection.sendall(head(b"transfer-encoding: chunked", key=gateway.key))
        try:
            for _ in range(40):
                connection.sendall(piece)
            while more := connection.recv(65536):
                heard += more
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
    assert not heard or answers(heard) == [413]


def test_without_a_key_no_body_is_read(gateway):
    heard = spoken(gateway, head(b"content-length: 150000"))
    assert answers(heard) == [401]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 30_000, b"\xff\xfe", b"", b"null", b"[]", b'{"model": NaN}']
)
def test_bodies_meant_to_break_a_parser_get_an_error_of_the_dialect(gateway, body):
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
        answer = httpx.post(f"{gateway.address}{path}", content=body, headers={"x-api-key": gateway.key}, timeout=30)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["message"]


def test_a_compressed_body_is_not_unpacked(gateway):
    headers = {"x-api-key": gateway.key, "content-encoding": "gzip"}
    answer = httpx.post(f"{gateway.address}/v1/chat/completions", content=b"\x1f\x8b" + b"\0" * 50, headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "lines",
    [[b"x: " + b"y" * 100_000], [b"x%d: y" % n for n in range(500)]],
    ids=["one long header", "many headers"],
)
def test_a_head_that_is_too_large_is_refused(gateway, lines):
    heard = spoken(gateway, head(*lines, length(CHAT), key=gateway.key) + CHAT)
    assert answers(heard)[:1] in ([400], [431], [])


# Paths -----------------------------------------------------------------------------------------------------------

PATHS = [
    "//v1/chat/completions",
    "/v1//chat/completions",
    "/v1/chat/completions/",
    "/v1/./chat/completions",
    "/v1/x/../chat/completions",
    "/v1/chat%2fcompletions",
    "/v1/chat%2Fcompletions",
    "/%761/chat/completions",
    "/v1/chat/completions%00",
    "/v1/chat/completions;x=1",
    "/v1/chat/completions/..;/completions",
    "/v1\\chat\\completions",
    "/V1/chat/completions",
    "/v1/chat/Completions",
    "/livez/../v1/chat/completions",
    "/readyz/..%2fv1/chat/completions",
    "/admin/..;/v1/chat/completions",
    "http://other.example//v1/chat/completions",
]


@pytest.mark.parametrize("path", PATHS)
def test_another_spelling_of_a_path_is_another_path(gateway, path):
    request = b"POST %b HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\nconnection: close\r\n" % (
        path.encode(),
        gateway.key.encode(),
    )
    heard = spoken(gateway, request + length(CHAT) + b"\r\n\r\n" + CHAT)
    assert answers(heard)[0] in (400, 404, 405, 415), heard
    assert b"You said" not in heard


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/admin/",
        "/admin/exchanges",
        "//admin",
        "/livez/../admin",
        "/%61dmin",
        "/admin%2f",
        "/metrics",
        "/metrics/",
    ],
)
def test_nothing_but_probes_is_open_without_a_key(gateway, path):
    heard = spoken(gateway, b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % path.encode())
    (status,) = answers(heard)
    assert status in (303, 302, 307, 400, 401, 403, 404)
    assert b"solon_requests" not in heard


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD"])
def test_other_methods_are_refused(gateway, method):
    heard = spoken(gateway, head(b"connection: close", b"content-length: 0", key=gateway.key, method=method.encode()))
    assert answers(heard)[0] in (400, 404, 405)


def test_the_gateway_still_serves_and_every_line_of_its_log_is_json(gateway):
    assert gateway.chat("Good morning!").json()["choices"][0]["message"]["content"] == "You said: Good morning!"
    gateway.log()
    assert gateway.key not in gateway.told()
