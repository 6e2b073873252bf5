"""The HTTP client of the providers. Only this module opens connections to them.

The client adds the key, enforces the deadline, and knows whether a part of the request was sent. One request is one
attempt. Errors differ in one respect that matters for billing: whether the request may have reached the provider.
There are no ambient proxies, cookies, netrc entries or redirects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from itertools import chain

from retouch.core.clock import Clock
from retouch.core.errors import Billed, DeadlineExceeded, Fault, UpstreamError, UpstreamUnreachable
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.core.text.event_stream import is_event_stream
from retouch.core.url_policy.errors import FetchError
from retouch.infrastructure.http1.client import HttpClient
from retouch.infrastructure.http1.response import Response
from retouch.infrastructure.upstream.identity.providers import IdentityProvider
from retouch.infrastructure.upstream.key_scope import can_receive_key, request_url
from retouch.infrastructure.upstream.request_body import RequestBody
from retouch.infrastructure.upstream.response_body import BodyReader

# (URL, deadline, allowed hosts; empty: any public host) -> the bytes. Raises FetchError.
FetchResult = Callable[[str, float, tuple[str, ...]], bytes]
_CHUNK_BYTES = 262_144
_DEFAULT_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


def key_headers(model: ResolvedModel) -> dict[str, str]:
    """Return the header with the key in the provider's format.

    A key that looks like a token is sent as a bearer token.
    """
    auth, key = model.provider.auth, model.key
    if not auth or not key:
        return {}
    if auth.bearer_key_prefixes and key.startswith(auth.bearer_key_prefixes):
        return {"Authorization": f"Bearer {key}"}
    return {auth.header: f"{auth.prefix}{key}"}


class ProviderHttpClient:
    """A client with connections to the providers. Call it with a ProviderRequest, its model and the deadline."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        fetch: FetchResult,
        identity: IdentityProvider,
    ) -> None:
        """Create the client.

        `fetch` gets results from hosts that are not the provider's own. `identity` makes credentials where there is
        no key.
        """
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        self._identity = identity
        self._http = HttpClient()

    def __call__(
        self, request: ProviderRequest, model: ResolvedModel, deadline: float
    ) -> ProviderResponse:
        """Return the provider's response, whatever its status. The body of a success may have ended early.

        Raises UpstreamUnreachable, DeadlineExceeded or UpstreamError when there is none.
        """
        url = request_url(request, model)
        if not can_receive_key(request.path, model):
            return self._fetch_result(url, request, model, deadline)
        body = RequestBody(request, deadline, self._clock)
        try:
            response = self._send(url, request, model, body, deadline)
        except (OSError, ValueError) as error:  # an invalid URL of an operator is a ValueError
            raise self._to_fault(error, model, body, deadline) from None
        headers = response.headers.to_dict()
        reader = BodyReader(
            response,
            model.provider.title,
            self._clock,
            deadline,
            self._settings.max_provider_response_bytes,
        )
        if response.status >= 300:
            return ProviderResponse(response.status, headers, reader.read_error())
        if request.stream:
            return _streamed_response(response.status, headers, reader.stream())
        return _collected_response(response.status, headers, reader.stream())

    def _fetch_result(
        self, url: str, request: ProviderRequest, model: ResolvedModel, deadline: float
    ) -> ProviderResponse:
        """Fetch a result from a host that is not the provider's own. The guarded fetcher does it, without the key."""
        title = model.provider.title
        if request.method != "GET" or not request.idempotent:
            raise UpstreamError(f"{title} named a host that is not its own.", code="foreign_host")
        if not request.is_download:
            raise UpstreamError(
                f"{title}'s result could not be fetched. It named a host that is not its own for its status.",
                code="result_not_fetched",
            )
        try:
            return ProviderResponse(
                200, {}, self._fetch(url, deadline, model.provider.result_hosts)
            )
        except FetchError as error:
            failure = UpstreamError(
                f"{title}'s result could not be fetched. {error.problem}",
                code="result_not_fetched",
                retryable=None if error.is_final else True,
            )
            if not error.received:
                raise failure from None
            return ProviderResponse(200, {}, error.received, failure=failure)

    def _auth_headers(
        self, method: str, url: str, body: RequestBody, model: ResolvedModel
    ) -> Mapping[str, str]:
        """Return the authentication headers: the key, or those of the provider's identity."""
        auth = model.provider.auth
        if auth is None or model.key or not auth.identity:
            return key_headers(model)
        return self._identity(model, method, url, body.json)

    def _send(
        self,
        url: str,
        request: ProviderRequest,
        model: ResolvedModel,
        body: RequestBody,
        deadline: float,
    ) -> Response:
        remaining = deadline - self._clock.now()
        if remaining <= 0:
            raise DeadlineExceeded(f"No time is left to call {model.provider.title}.", billed="no")
        return self._http.send(
            request.method,
            url,
            {
                "User-Agent": self._settings.user_agent,
                **_DEFAULT_HEADERS,
                **model.forwarded_headers,
                **request.headers,
                **body.headers,
                **self._auth_headers(request.method, url, body, model),
            },
            body,
            connect_seconds=min(self._settings.connect_timeout, remaining),
            read_seconds=remaining,
        )

    def _to_fault(
        self, error: Exception, model: ResolvedModel, body: RequestBody, deadline: float
    ) -> Fault:
        """Return the Fault for a failed exchange. It states whether the request may have been billed."""
        title = model.provider.title
        is_late = self._clock.now() >= deadline or isinstance(error, TimeoutError)
        if not body.has_started and not is_late:
            return UpstreamUnreachable(
                f"{title} cannot be reached. Send the request again later, or use another model."
            )
        billed: Billed = "unknown" if body.has_started else "no"
        if is_late:
            return DeadlineExceeded(f"{title} did not respond in time.", billed=billed)
        return UpstreamError(
            f"The connection to {title} failed before a response came.",
            billed=billed,
            retryable=True,
        )


def _collected_response(
    status: int, headers: Mapping[str, str], chunks: Iterator[bytes]
) -> ProviderResponse:
    """Return the response with its body.

    Raises Fault for a body that is too large or cannot be decoded, and when nothing of it arrived before an error.
    """
    received: list[bytes] = []
    failure: Fault | None = None
    try:
        received.extend(chunks)  # after an error it has the chunks before it
    except Fault as error:
        is_early_end = error.retryable or isinstance(error, DeadlineExceeded)
        if not (received and is_early_end):
            raise
        failure = error
    return ProviderResponse(status, headers, b"".join(received), failure=failure)


def _streamed_response(
    status: int, headers: Mapping[str, str], chunks: Generator[bytes, None, None]
) -> ProviderResponse:
    """Return the response to a request for a stream. The provider may send one JSON document instead."""
    head = b""
    while not head.strip() and (chunk := next(chunks, b"")):
        head += chunk
    is_labelled = "text/event-stream" in headers.get("content-type", "").lower()
    is_json = head.lstrip().startswith((b"{", b"["))
    if is_event_stream(head) or (is_labelled and not is_json):
        return ProviderResponse(status, headers, chunks=_prepend(head, chunks))
    return _collected_response(status, headers, chain([head], chunks))


def _prepend(head: bytes, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Yield all chunks. The generator closes `chunks` when it is closed.

    An empty line comes before an error: it ends the last event, which may be whole although the body is not.
    """
    with closing(chunks):
        yield head
        try:
            yield from chunks
        except Fault:
            yield b"\n\n"
            raise
