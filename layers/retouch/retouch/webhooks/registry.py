"""Registers, changes and removes the endpoints of a scope, and makes their secrets."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import replace

from retouch.core.credentials.sealed_text import open_text, seal_text
from retouch.core.credentials.webhook_signature import signing_key, signing_secret
from retouch.core.errors import InvalidRequest, NotFound
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import RowTable
from retouch.core.sortable_time import encode_time
from retouch.core.url_policy.errors import FetchError
from retouch.webhooks.endpoint import ENDPOINT_PREFIX, Endpoint
from retouch.webhooks.records import (
    change_endpoint,
    endpoint_of_row,
    read_endpoint,
    write_record,
)
from retouch.webhooks.services import EventClient, WebhookServices

MAX_ENDPOINTS = 20  # of one scope
_MAX_OLD_SECRETS = 10  # each adds a signature to every request
_OVERLAP_SECONDS = 86_400  # how long an old secret signs too
_KEY_BYTES, _ID_BYTES = 32, 10
_HINT_CHARS = 4


@frozen_dataclass
class EndpointChanges:
    """What a caller sets of an endpoint. None: it stays."""

    url: str | None = None
    name: str | None = None
    event_types: tuple[str, ...] | None = None


def create_endpoint(
    scope: str, changes: EndpointChanges, services: WebhookServices, pepper: str, now: int
) -> tuple[Endpoint, str]:
    """Register an endpoint. Return it and its secret, which is never shown again.

    Raises InvalidRequest for a URL that the gateway may not call and for too many endpoints.
    """
    _check_url(changes.url or "", services.client)
    if len(list_endpoints(scope, services.table)) >= MAX_ENDPOINTS:
        raise InvalidRequest(
            f"There are {MAX_ENDPOINTS} endpoints already, which is the limit. Delete one first.",
            code="too_many_webhook_endpoints",
        )
    suffix = b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    identifier = f"{ENDPOINT_PREFIX}{encode_time(now)}{suffix}"
    secret = _new_secret()
    endpoint = Endpoint(
        id=identifier,
        scope=scope,
        url=changes.url or "",
        name=changes.name or "",
        event_types=changes.event_types or (),
        secret=seal_text(secret, identifier, pepper),
        secret_hint=_hint(secret),
        created=now,
        updated=now,
    )
    return write_record(services.table, endpoint, None), secret


def find_endpoint(scope: str, identifier: str, table: RowTable) -> Endpoint:
    """Return an endpoint of the scope. Raises NotFound."""
    is_id = identifier.startswith(ENDPOINT_PREFIX)
    endpoint = read_endpoint(table, scope, identifier) if is_id else None
    if endpoint is None:
        raise _missing_error()
    return endpoint


def list_endpoints(scope: str, table: RowTable) -> Sequence[Endpoint]:
    """Return the endpoints of the scope, the newest first."""
    # Two requests at once may exceed the limit by one.
    rows = table.list_rows(scope, ENDPOINT_PREFIX, "", 2 * MAX_ENDPOINTS, is_ascending=False)
    return [endpoint_of_row(row) for row in rows]


def update_endpoint(
    endpoint: Endpoint, changes: EndpointChanges, services: WebhookServices, now: int
) -> Endpoint:
    """Change an endpoint. Another URL enables it again. Raises InvalidRequest and NotFound."""
    if changes.url is not None:
        _check_url(changes.url, services.client)

    def change(stored: Endpoint) -> Endpoint:
        url = stored.url if changes.url is None else changes.url
        changed = replace(
            stored,
            url=url,
            name=stored.name if changes.name is None else changes.name,
            event_types=stored.event_types if changes.event_types is None else changes.event_types,
        )
        if url != stored.url:
            changed = replace(changed, failures=0, failing_since=0, disabled_reason="")
        return changed if changed == stored else replace(changed, updated=now)

    return change_endpoint(services.table, endpoint, change) or _raise_missing()


def rotate_secret(
    endpoint: Endpoint, table: RowTable, pepper: str, now: int, *, keep_old: bool
) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret. Return both. With `keep_old`, the old secret signs too for 24 hours.

    An earlier old secret keeps its time, because a client repeats a rotation whose response was lost. Without
    `keep_old`, no earlier secret signs any more.
    """
    secret = _new_secret()
    sealed = seal_text(secret, endpoint.id, pepper)

    def change(stored: Endpoint) -> Endpoint:
        earlier = [one for one in stored.old_secrets if now < one[1]]
        old = [(stored.secret, now + _OVERLAP_SECONDS), *earlier] if keep_old else []
        return replace(
            stored,
            secret=sealed,
            secret_hint=_hint(secret),
            old_secrets=tuple(old[:_MAX_OLD_SECRETS]),
            updated=now,
        )

    return change_endpoint(table, endpoint, change) or _raise_missing(), secret


def signing_keys(endpoint: Endpoint, pepper: str, now: int) -> list[bytes]:
    """Return the keys that sign an event now, the newest first. Raises ValueError for another pepper."""
    sealed = [endpoint.secret, *(text for text, until in endpoint.old_secrets if now < until)]
    return [signing_key(open_text(text, endpoint.id, pepper)) for text in sealed]


def _check_url(url: str, client: EventClient) -> None:
    try:
        client.check(url)
    except FetchError as error:
        message = (
            "The URL of the endpoint is not valid: write it as https://host/path, in at most 4096 characters."
            if error.code == "invalid_url"
            else "The gateway cannot call this URL: it does not lead to a public https host at port 443. Use another "
            "URL, or ask the operator of this gateway to allow the host with RETOUCH_WEBHOOK_ALLOW."
        )
        raise InvalidRequest(message, param="url", code="webhook_url_refused") from None


def _new_secret() -> str:
    return signing_secret(secrets.token_bytes(_KEY_BYTES))


def _hint(secret: str) -> str:
    return f"whsec_...{secret[-_HINT_CHARS:]}"


def _missing_error() -> NotFound:
    return NotFound("There is no such webhook endpoint. It may belong to another key.")


def _raise_missing() -> Endpoint:
    raise _missing_error()
