"""The wall: the only sockets to providers. Adds the key, keeps the deadline, knows what may have been sent.

One request is one attempt. What went wrong is told apart by the only thing that matters afterwards: whether
the order may have reached the provider. No ambient proxies, cookies, netrc or redirects.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import orjson
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from retouch.clock import Clock
from retouch.edges.upstream.identity import Identity
from retouch.edges.upstream.origin import address, is_own
from retouch.errors import BadUpstream, Billed, Fault, OutOfTime, Unreachable
from retouch.guard.refusals import FetchError
from retouch.messages import Call, Reply
from retouch.plan.resolve import Target
from retouch.settings import Settings

# A URL, a deadline, the hosts it may be on (empty: any public one) -> its bytes. Raises FetchError.
Fetch = Callable[[str, float, tuple[str, ...]], bytes]
_PIECE = 262_144
_HEADERS = {"User-Agent": "retouch", "Accept": "*/*", "Accept-Encoding": "identity"}


def key_header(target: Target) -> dict[str, str]:
    """The key as the provider wants it; what looks like a token goes as one."""
    auth, key = target.provider.auth, target.key
    if not auth or not key:
        return {}
    if auth.tokens and key.startswith(auth.tokens):
        return {"Authorization": f"Bearer {key}"}
    return {auth.header: f"{auth.prefix}{key}"}


class Body(Protocol):
    """What a request body is read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""


class Wall:
    """A connection pool to the providers. Call it with a Call, its target and the deadline."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        fetch: Fetch,
        identity: Identity,
    ) -> None:
        """`fetch` brings results from strangers' hosts; `identity` vouches where there is no key."""
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        self._identity = identity
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def __call__(self, call: Call, target: Target, deadline: float) -> Reply:
        """The provider's answer, whatever its status. Unreachable, OutOfTime or BadUpstream otherwise."""
        url = address(call, target)
        if not is_own(call.path, target):
            return self._fetched(url, call, target, deadline)
        upload = _Upload(call, deadline, self._clock)
        try:
            response = self._send(url, call, target, upload, deadline)
        except (HTTPError, OSError) as broken:
            raise self._judged(broken, target, upload, deadline) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        pieces = self._pieces(response, target, deadline)
        if call.stream and response.status < 300 and _is_event_stream(headers):
            return Reply(response.status, headers, chunks=pieces)
        return Reply(response.status, headers, b"".join(pieces))

    def _fetched(self, url: str, call: Call, target: Target, deadline: float) -> Reply:
        """A result on a stranger's host: fetched without the key, by the guarded way."""
        title = target.provider.title
        if call.method != "GET" or not call.repeatable:
            raise BadUpstream(f"{title} named a host that is not its own.", code="foreign_host")
        try:
            return Reply(200, {}, self._fetch(url, deadline, target.provider.result_hosts))
        except FetchError as failed:
            fault = BadUpstream(
                f"{title}'s result could not be fetched. {failed}", code="result_not_fetched"
            )
            raise (_passing(fault) if failed.transient else fault) from None

    def _proof(self, method: str, url: str, upload: _Upload, target: Target) -> Mapping[str, str]:
        """The headers that say who asks: the key, or the word of who vouches."""
        auth = target.provider.auth
        if auth is None or target.key or not auth.identity:
            return key_header(target)
        return self._identity(target, method, url, upload.json)

    def _send(
        self, url: str, call: Call, target: Target, upload: _Upload, deadline: float
    ) -> urllib3.BaseHTTPResponse:
        left = deadline - self._clock.now()
        if left <= 0:
            raise OutOfTime(f"No time is left to ask {target.provider.title}.", billed="no")
        return self._pool.urlopen(
            call.method,
            url,
            body=upload if upload.headers else None,
            headers={
                **_HEADERS,
                **target.forward,
                **call.headers,
                **upload.headers,
                **self._proof(call.method, url, upload, target),
            },
            timeout=urllib3.Timeout(connect=min(self._settings.connect_timeout, left), read=left),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _judged(self, broken: Exception, target: Target, upload: _Upload, deadline: float) -> Fault:
        """What a broken exchange means for the money."""
        title = target.provider.title
        late = self._clock.now() >= deadline or isinstance(broken, ReadTimeoutError)
        if not upload.started and not late:
            return Unreachable(f"{title} cannot be reached.")
        billed: Billed = "unknown" if upload.started else "no"
        if late:
            return OutOfTime(f"{title} did not answer in time.", billed=billed)
        return _passing(
            BadUpstream(f"The connection to {title} broke before an answer came.", billed=billed)
        )

    def _pieces(
        self, response: urllib3.BaseHTTPResponse, target: Target, deadline: float
    ) -> Iterator[bytes]:
        """The body as it arrives. The deadline holds for a dripping body too, the cap for an endless one."""
        title, seen = target.provider.title, 0
        try:
            while piece := response.read1(_PIECE):
                seen += len(piece)
                if seen > self._settings.reply_bytes:
                    raise BadUpstream(f"{title}'s answer is too large.")
                yield piece
                if self._clock.now() >= deadline:
                    raise OutOfTime(f"{title} did not finish its answer in time.")
            _check_whole(response, title, seen)
        except ReadTimeoutError:
            raise OutOfTime(f"{title} did not finish its answer in time.") from None
        except (HTTPError, OSError):
            raise _broken_off(title) from None
        finally:
            _give_back(response)


class _Upload:
    """A request body that remembers whether any of it was handed to the network."""

    def __init__(self, call: Call, deadline: float, clock: Clock) -> None:
        self.started = False
        self._deadline, self._clock = deadline, clock
        self.json = b"" if call.json is None else orjson.dumps(call.json)
        self._source, self.headers = _encoded(call, self.json)

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in large pieces; TimeoutError once the deadline has passed."""
        while self._source and (piece := self._source.read(_PIECE)):
            if self._clock.now() >= self._deadline:
                raise TimeoutError("deadline passed during the upload")
            self.started = True
            yield piece


def _encoded(call: Call, json: bytes) -> tuple[Body | None, dict[str, str]]:
    """The body to read from, and its headers."""
    if json:
        return io.BytesIO(json), _content("application/json", len(json))
    if not call.fields and not call.files:
        return None, {}
    # A tenth of a cold start, and nothing but a paid call needs it.
    from requests_toolbelt import MultipartEncoder

    files = [(name, (filename, p.data, p.mime)) for name, filename, p in call.files]
    encoder = MultipartEncoder([*call.fields, *files])
    return encoder, _content(encoder.content_type, encoder.len)


def _content(media_type: str, length: int) -> dict[str, str]:
    return {"Content-Type": media_type, "Content-Length": str(length)}


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith("text/event-stream")


def _check_whole(response: urllib3.BaseHTTPResponse, title: str, seen: int) -> None:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BadUpstream(f"{title} compressed its answer against the request.")
    promised = response.headers.get("Content-Length", "")
    if promised.isdigit() and int(promised) != seen:
        raise _broken_off(title)


def _broken_off(title: str) -> BadUpstream:
    return _passing(BadUpstream(f"{title}'s answer broke off."))


def _passing(fault: BadUpstream) -> BadUpstream:
    """A mishap that the same call may not meet again. Whether it may be sent again is the money's question."""
    fault.retryable = True
    return fault


def _give_back(response: urllib3.BaseHTTPResponse) -> None:
    """A body read to its end frees its connection for the next call; any other ends with it."""
    if response.closed or getattr(response, "length_remaining", None) == 0:
        response.release_conn()
    else:
        response.close()
