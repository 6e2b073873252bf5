"""The wall: the only sockets to providers. Adds the key, keeps the deadline, knows what may have been sent.

One request is one attempt. What went wrong is told apart by the only thing that matters afterwards: whether
the order may have reached the provider. No ambient proxies, cookies, netrc or redirects.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import orjson
import requests
from requests_toolbelt import MultipartEncoder
from urllib3.exceptions import HTTPError, ReadTimeoutError

from retouch.clock import Clock
from retouch.errors import BadUpstream, Billed, Fault, OutOfTime, Unreachable
from retouch.messages import Call, Reply
from retouch.plan.resolve import Target
from retouch.settings import Settings

_CHUNK = 65_536
_PIECE = 262_144
TimeoutErrors = (TimeoutError, ReadTimeoutError)


class Wall:
    """A connection pool to the providers. Call it with a Call, its target and the deadline."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict(
            {"User-Agent": "retouch", "Accept": "*/*", "Accept-Encoding": "identity"}
        )

    def __call__(self, call: Call, target: Target, deadline: float) -> Reply:
        """The provider's answer, whatever its status. Unreachable, OutOfTime or BadUpstream otherwise."""
        upload = _Upload(call, deadline, self._clock)
        try:
            response = self._send(call, target, upload, deadline)
        except (requests.RequestException, HTTPError, OSError) as broken:
            raise self._judged(broken, call, target, upload, deadline) from None
        reply = Reply(response.status_code, _lowered(response.headers))
        pieces = self._pieces(response, target, deadline)
        if call.stream and response.ok and _is_event_stream(reply.headers):
            return Reply(reply.status, reply.headers, chunks=pieces)
        return Reply(reply.status, reply.headers, b"".join(pieces))

    def _send(
        self, call: Call, target: Target, upload: _Upload, deadline: float
    ) -> requests.Response:
        left = deadline - self._clock.now()
        if left <= 0:
            raise OutOfTime(f"No time is left to ask {target.provider.title}.", billed="no")
        url = address(call, target)
        return self._session.request(
            call.method,
            url,
            params=dict(call.query) or None,
            data=upload.body,
            headers={**upload.headers, **key_header(target)},
            timeout=(min(self._settings.connect_timeout, left), left),
            allow_redirects=False,
            stream=True,
        )

    def _judged(
        self, broken: Exception, call: Call, target: Target, upload: _Upload, deadline: float
    ) -> Fault:
        """What a broken exchange means for the money."""
        title = target.provider.title
        if isinstance(broken, requests.ConnectionError) and not upload.started:
            return Unreachable(f"{title} cannot be reached.")
        billed: Billed = "no" if call.repeatable else "unknown"
        if self._clock.now() >= deadline or isinstance(broken, requests.Timeout):
            return OutOfTime(f"{title} did not answer in time.", billed=billed)
        return BadUpstream(f"The connection to {title} broke before an answer came.", billed=billed)

    def _pieces(
        self, response: requests.Response, target: Target, deadline: float
    ) -> Iterator[bytes]:
        """The body as it arrives. The deadline holds for a dripping body too, the cap for an endless one."""
        title, seen = target.provider.title, 0
        try:
            while piece := response.raw.read1(_CHUNK, decode_content=False):
                seen += len(piece)
                if seen > self._settings.reply_bytes:
                    raise BadUpstream(f"{title}'s answer is too large.")
                yield piece
                if self._clock.now() >= deadline:
                    raise OutOfTime(f"{title} did not finish its answer in time.")
            _check_whole(response, title, seen)
        except TimeoutErrors:
            raise OutOfTime(f"{title} did not finish its answer in time.") from None
        except (HTTPError, OSError):
            raise BadUpstream(f"{title}'s answer broke off.") from None
        finally:
            # A body read to its end has already gone back to the pool; anything else must not.
            response.close()


class _Upload:
    """A request body that remembers whether any of it was handed to the network."""

    def __init__(self, call: Call, deadline: float, clock: Clock) -> None:
        self.started = False
        self._deadline, self._clock = deadline, clock
        self._source, self.headers = _encoded(call)
        self.body = self if self._source is not None else None

    @property
    def len(self) -> int:
        """Bytes in all, which is how the HTTP library learns the Content-Length."""
        return self._source.len if self._source else 0

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in large pieces; TimeoutError once the deadline has passed."""
        assert self._source is not None
        while piece := self._source.read(_PIECE):
            if self._clock.now() >= self._deadline:
                raise TimeoutError("deadline passed during the upload")
            self.started = True
            yield piece


class _Json(io.BytesIO):
    """A JSON body with the one attribute that a multipart encoder has too."""

    @property
    def len(self) -> int:
        """Bytes in all."""
        return self.getbuffer().nbytes


def _encoded(call: Call) -> tuple[MultipartEncoder | _Json | None, dict[str, str]]:
    if call.json is not None:
        return _Json(orjson.dumps(call.json)), {"Content-Type": "application/json"}
    if not call.fields and not call.files:
        return None, {}
    files = [(name, (filename, p.data, p.mime)) for name, filename, p in call.files]
    encoder = MultipartEncoder([*call.fields, *files])
    return encoder, {"Content-Type": encoder.content_type}


def address(call: Call, target: Target) -> str:
    """The URL to ask. BadUpstream for a host that is not the provider's own: results there are not fetched."""
    base = target.options["base_url"]
    if "://" not in call.path:
        return base.rstrip("/") + call.path
    if origin(call.path) != origin(base):
        raise BadUpstream(
            f"{target.provider.title} answered with a link to another host, which is not followed.",
            code="foreign_result_host",
        )
    return call.path


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; the same origin gets the key, no other does."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def key_header(target: Target) -> dict[str, str]:
    """The key as the provider wants it."""
    auth = target.provider.auth
    return {auth.header: f"{auth.prefix}{target.key}"} if auth and target.key else {}


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith("text/event-stream")


def _check_whole(response: requests.Response, title: str, seen: int) -> None:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BadUpstream(f"{title} compressed its answer against the request.")
    promised = response.headers.get("Content-Length", "")
    if promised.isdigit() and int(promised) != seen:
        raise BadUpstream(f"{title}'s answer broke off.")
