"""Pictures fetched from addresses that clients name: off unless hosts are allowed, and then safe against SSRF.

HTTPS on its own port only, no credentials, no literal addresses, no redirects, no proxies; a name is resolved once, all
its addresses must be public, and the connection goes to one of those that were checked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from solon.gateway.dialects.base import WireError

_PORT = 443
_CHUNK = 1 << 16


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not private, local, shared, reserved or translated."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        embedded = found.ipv4_mapped or found.sixtofour
        if embedded is not None:
            return is_public(str(embedded))
        if found.teredo is not None or found in _NAT64:
            return False
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class _CheckedResolver(AbstractResolver):
    """Resolves a name to addresses that may be connected to, and to none where one of them may not."""

    def __init__(self, may_reach: Callable[[str], bool]) -> None:
        self._may_reach = may_reach

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [(str(info[4][0]), info[0]) for info in found]
        if not addresses or not all(self._may_reach(address) for address, _ in addresses):
            raise OSError("the host has no public address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address, family in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


class PictureFetcher:
    """Fetches pictures by address.

    Args:
        hosts: names of hosts from which pictures may come; ``*.example.org`` allows all below it.
        max_bytes: of one picture.
        timeout_s: for one picture in all.
        port: of the hosts.
        may_reach: whether an IP address may be connected to.
        trust: whose certificates are believed; the system's by default.
    """

    def __init__(
        self,
        hosts: tuple[str, ...],
        *,
        max_bytes: int,
        timeout_s: float,
        port: int = _PORT,
        may_reach: Callable[[str], bool] = is_public,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = tuple(host.lower().rstrip(".") for host in hosts)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._port = port
        self._may_reach = may_reach
        self._trust = trust

    async def fetch(self, url: str, place: str) -> bytes:
        """The picture's bytes.

        Raises:
            WireError: where it may not or cannot be fetched; it never says what was found behind the address.
        """
        self._check(url, place)
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._may_reach), use_dns_cache=False, ssl=self._trust or True
        )
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.get(url, allow_redirects=False, headers={"Accept": "image/*"}) as answer,
            ):
                if answer.status != 200:
                    raise _unfetched(place)
                return await self._body(answer, place)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _unfetched(place) from error

    def _check(self, url: str, place: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _refused(place, "is not a sound one") from error
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "https":
            raise _refused(place, "does not begin with https://")
        if "@" in parts.netloc or port not in (None, self._port) or not _is_name(parts, host):
            raise _refused(place, "names credentials, a port or a bare IP address")
        if not any(_matches(host, allowed) for allowed in self._hosts):
            raise _refused(place, "is not on the list of allowed hosts")

    async def _body(self, answer: aiohttp.ClientResponse, place: str) -> bytes:
        got = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            got += chunk
            if len(got) > self._max_bytes:
                raise WireError(
                    f"the picture has more than {self._max_bytes} bytes",
                    place=place,
                    repair="Send a smaller one.",
                    status=413,
                    kind="too_large",
                )
        return bytes(got)


def _is_name(parts: SplitResult, host: str) -> bool:
    """A host name and no IP address in any of its spellings, numbers without dots among them."""
    if not host or "[" in parts.netloc or ":" in host:
        return False
    last = host.rpartition(".")[2]
    return not (last.isdigit() or last.startswith("0x"))


def _matches(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return host == allowed


def _refused(place: str, why: str) -> WireError:
    return WireError(
        f"the picture's address {why}", place=place, repair="Send the picture itself, as a data address in base64."
    )


def _unfetched(place: str) -> WireError:
    return WireError(
        "the picture could not be fetched", place=place, repair="Send the picture itself, as a data address in base64."
    )
