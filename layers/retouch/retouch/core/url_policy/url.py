"""The strict URL parser. Each URL is parsed once, and the request is built from the parsed parts.

Two parsers that disagree about the host would let a URL pass the check and then reach another host. So there is only
this parser. It rejects every text that another parser might read differently: user names, backslashes, encoded hosts
and unusual numbers.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.url_policy import hostnames, ip_ranges
from retouch.core.url_policy.errors import FetchError

_SCHEME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_URL_PATTERN = re.compile(r"[^:]+://(?P<authority>[^/?#]*)(?P<target>[^#]*)")
_AUTHORITY_PATTERN = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]%]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_FORBIDDEN_CHARACTERS = frozenset(' \\"<>')
_ENCODED_CHARACTERS = frozenset(' "<>')
_PRINTABLE_ASCII = "".join(map(chr, range(33, 127)))
_DEFAULT_PORTS = {"https": 443, "http": 80}


@frozen_dataclass
class Url:
    """A URL in its canonical spelling.

    `host` is a name in A-labels or an address. `target` is the path and the query as given.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def ip_address(self) -> ip_ranges.IpAddress | None:
        """Return the host's address when the host is a literal address, else None."""
        return ip_ranges.parse_address(self.host)

    @property
    def authority(self) -> str:
        """Return the host and the port in the form of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str, max_length: int = 4096) -> Url:
    """Return the URL that the text denotes, of at most `max_length` characters.

    Raises FetchError for any other text.
    """
    _check_characters(text, max_length)
    scheme_match = _SCHEME_PATTERN.match(text)
    if not scheme_match:
        raise FetchError("invalid_url")
    scheme = scheme_match[0].lower()
    if scheme not in _DEFAULT_PORTS:
        raise FetchError("scheme_not_allowed")
    parts = _URL_PATTERN.fullmatch(text.partition("#")[0])
    if not parts:
        raise FetchError("invalid_url")
    host, port = _parse_authority(parts["authority"])
    return Url(scheme, host, port or _DEFAULT_PORTS[scheme], _encode_target(parts["target"]))


def resolve_redirect(base: Url, location: str, max_length: int = 4096) -> Url:
    """Return the destination of a redirect from `base`, which servers write as browsers read it.

    Characters that a URL cannot have are encoded, and the fragment is dropped. Raises FetchError when it is not a URL,
    when it has a backslash, or when it leads from https to http.
    """
    location = _encode_like_browser(location)
    _check_characters(location, max_length)
    if _SCHEME_PATTERN.match(location):
        redirect_url = parse_url(location, max_length)
    elif location.startswith("//"):
        redirect_url = parse_url(f"{base.scheme}:{location}", max_length)
    else:
        relative = location.partition("#")[0]
        is_plain = relative.startswith("/") and "/." not in relative.partition("?")[0]
        target = relative if is_plain else urljoin(base.target, relative)
        redirect_url = parse_url(
            f"{base.scheme}://{base.authority}{_encode_target(target)}", max_length
        )
    if base.scheme == "https" and redirect_url.scheme != "https":
        raise FetchError("redirect_blocked")
    return redirect_url


def _encode_like_browser(text: str) -> str:
    """Return a Location header without surrounding white space and tabs, and with other spaces encoded.

    A backslash stays, so that the URL is refused: clients disagree about its meaning.
    """
    return "".join(
        quote(c) if c in _ENCODED_CHARACTERS or not (c.isascii() or c.isprintable()) else c
        for c in text.strip(" \t").replace("\t", "")
    )


def _check_characters(text: str, max_length: int) -> None:
    """Raise FetchError for spaces, control characters, invisible characters and lone surrogates."""
    if len(text) > max_length:
        raise FetchError("url_too_long")
    if not text or not text.isprintable() or not _FORBIDDEN_CHARACTERS.isdisjoint(text):
        raise FetchError("invalid_url")


def _parse_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise FetchError("userinfo_not_allowed")
    parts = _AUTHORITY_PATTERN.fullmatch(authority)
    if not parts:
        raise FetchError("host_not_allowed")
    port = int(parts["port"]) if parts["port"] else None
    if port and port > 65_535:
        raise FetchError("port_not_allowed")
    return canonical_host(parts["host"]), port


def canonical_host(text: str) -> str:
    """Return a name, an IPv4 address or a bracketed IPv6 address in its canonical spelling, without the brackets."""
    address = ip_ranges.parse_address(text.strip("[]"))
    if address and (address.version == 6) == text.startswith("["):
        return str(address)
    return hostnames.canonical_name(text)


def _encode_target(text: str) -> str:
    """Return the path and the query. ASCII characters stay byte for byte, because signatures cover them."""
    target = text if text.startswith("/") else f"/{text}"
    return quote(target, safe=_PRINTABLE_ASCII)
