"""URLs, read once by one strict grammar. What is fetched is built from this reading and never read again.

Two parsers that disagree on the host are how a check is passed by; so there is only this one, and whatever
some parser might read otherwise (user names, backslashes, encoded hosts, odd numbers) is no URL here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from retouch.guard import addresses, names
from retouch.guard.refusals import FetchError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_PARTS = re.compile(r"[^:]+://(?P<authority>[^/?#]*)(?P<target>[^#]*)")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]%]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_FORBIDDEN = frozenset(' \\"<>')
_ASCII = "".join(map(chr, range(33, 127)))
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Url:
    """A URL in its one spelling. `host` is a name in A-labels or an address; `target` is path and query as given."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> addresses.Address | None:
        """The host, when it is a literal address."""
        return addresses.parsed(self.host)

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str, longest: int = 4096) -> Url:
    """The URL a text is, at most `longest` characters long. FetchError when it is none of ours."""
    _check_characters(text, longest)
    scheme = _SCHEME.match(text)
    if not scheme:
        raise FetchError("invalid_url")
    known = scheme[0].lower()
    if known not in _DEFAULT_PORTS:
        raise FetchError("scheme_not_allowed")
    parts = _PARTS.fullmatch(text.partition("#")[0])
    if not parts:
        raise FetchError("invalid_url")
    host, port = _host_and_port(parts["authority"])
    return Url(known, host, port or _DEFAULT_PORTS[known], _target(parts["target"]))


def follow(base: Url, location: str, longest: int = 4096) -> Url:
    """Where a redirect from `base` leads. FetchError when nowhere, or to less protection than before."""
    _check_characters(location, longest)
    if _SCHEME.match(location):
        there = parse(location, longest)
    elif location.startswith("//"):
        there = parse(f"{base.scheme}:{location}", longest)
    else:
        relative = location.partition("#")[0]
        target = relative if relative.startswith("/") else urljoin(base.target, relative)
        there = parse(f"{base.scheme}://{base.authority}{_target(target)}", longest)
    if base.scheme == "https" and there.scheme != "https":
        raise FetchError("redirect_blocked")
    return there


def _check_characters(text: str, longest: int) -> None:
    """No spaces, controls, invisible characters or lone surrogates, wherever they stand."""
    if len(text) > longest:
        raise FetchError("url_too_long")
    if not text or not text.isprintable() or not _FORBIDDEN.isdisjoint(text):
        raise FetchError("invalid_url")


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise FetchError("userinfo_not_allowed")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise FetchError("host_not_allowed")
    port = int(parts["port"]) if parts["port"] else None
    if port and port > 65_535:
        raise FetchError("port_not_allowed")
    return canonical_host(parts["host"]), port


def canonical_host(text: str) -> str:
    """A name, an IPv4 address or an IPv6 address in brackets, in its one spelling; without the brackets."""
    literal = addresses.parsed(text.strip("[]"))
    if literal and (literal.version == 6) == text.startswith("["):
        return str(literal)
    return names.canonical(text)


def _target(text: str) -> str:
    """Path and query. What is ASCII stays byte for byte, since signatures cover it."""
    rooted = text if text.startswith("/") else f"/{text}"
    return quote(rooted, safe=_ASCII)
