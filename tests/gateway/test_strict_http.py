"""What a head may be: smuggling, size and slowness, over raw sockets against a real server."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from loopback import serving, spoken

from solon.gateway.asgi import Disconnected, Receive, Scope, Send, read_body, send_bytes


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with path and body."""
    if scope["type"] == "http":
        with suppress(Disconnected):
            body = await read_body(receive, 1 << 20)
            await send_bytes(send, 200, scope["raw_path"] + b"|" + body, media=b"text/plain")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(echo, header_timeout_s=0.4, max_connections=20) as url:
        yield url


def test_a_plain_request_is_answered(address: str) -> None:
    heard = spoken(address, b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
    assert heard.startswith(b"HTTP/1.1 200") and heard.endswith(b"/a|hi")


def test_chunks_are_joined(address: str) -> None:
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    assert spoken(address, head, b"2\r\nhi\r\n", b"1\r\n!\r\n0\r\n\r\n").endswith(b"/a|hi!")


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 3\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 3",
        b"content-length: 3\r\ncontent-length: 4",
        b"content-length: 3\r\ncontent-length: 3",
        b"content-length: +3",
        b"content-length: 3, 3",
        b"content-length: -1",
        b"transfer-encoding: gzip, chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
        b"transfer-encoding: xchunked",
        b"transfer-encoding : chunked",
        b"transfer-encoding:\x0bchunked",
        b"x: a\r\n b",
        b"x\x00y: a",
        b"content-length: 3\nx: y",
    ],
)
def test_a_body_of_ambiguous_length_is_refused(address: str, head: bytes) -> None:
    heard = spoken(
        address, b"POST /a HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
    )
    assert heard.startswith(b"HTTP/1.1 400") and b"connection: close" in heard
    assert b"smuggled" not in heard and heard.count(b"HTTP/1.1") <= 2  # the message itself names the version


def test_chunked_is_of_http_1_1_only(address: str) -> None:
    heard = spoken(address, b"POST /a HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    assert not heard.startswith(b"HTTP/1.1 200")


def test_a_large_head_is_refused(address: str) -> None:
    heard = spoken(address, b"GET / HTTP/1.1\r\nx: ", *[b"y" * 10_000] * 7)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 431")  # a reset may overtake the answer
    heard = spoken(address, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 101 + b"\r\n")
    assert heard.startswith(b"HTTP/1.1 400")
    heard = spoken(address, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("first", [b"", b"GET / HT", b"\r\n", b"GET / HTTP/1.1\r\nx: y\r\n"])
def test_a_slow_head_is_given_up(address: str, first: bytes) -> None:
    begun = time.monotonic()
    heard = spoken(address, first) if first else spoken(address)
    assert time.monotonic() - begun < 3
    assert heard == b"" or heard.startswith(b"HTTP/1.1 408")


def test_blank_lines_do_not_keep_a_connection(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection, pytest.raises(OSError):
        for _ in range(100):
            connection.sendall(b"\r\n")
            time.sleep(0.05)


def test_pipelined_requests_are_answered_in_order(address: str) -> None:
    one = b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n1"
    two = b"POST /two HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\nconnection: close\r\n\r\n2"
    heard = spoken(address, one + two)
    assert heard.index(b"/one|1") < heard.index(b"/two|2")


def test_connections_are_bounded(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    idle = [socket.create_connection((host, int(port)), timeout=5) for _ in range(20)]
    try:
        assert spoken(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 503")
    finally:
        for connection in idle:
            connection.close()


def test_an_idle_connection_may_be_used_again(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for _ in range(2):
            connection.sendall(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(65536).endswith(b"/a|")
            time.sleep(0.6)  # longer than a head may take
