"""OpenAI's /v1/files: the inputs of batches, and their results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from retouch.api.endpoint_request import (
    EndpointRequest,
    authenticate_caller,
    json_response,
    own_headers,
    plain_response,
)
from retouch.api.request.batch_fields import ListFields, read_file_fields, read_list_fields
from retouch.api.response.batch import file_document, list_document
from retouch.batches.batch import FILE_PREFIX, new_file_id
from retouch.batches.files import (
    DEFAULT_SECONDS,
    FILE_ID_PATTERN,
    StoredFile,
    content_key,
    file_of_row,
    file_row,
)
from retouch.batches.stores import BatchStores
from retouch.core.errors import InvalidRequest, NotFound
from retouch.core.http_response import HttpResponse
from retouch.core.parameters import EnumParam, quote_value
from retouch.gateway.authentication import Principal
from retouch.gateway.orders.edit_job import job_scope
from retouch.gateway.services import Services

_LIST_NAMES = ("after", "limit", "order", "purpose")
_MAX_LIMIT, _PAGE_SIZE = 100, 101
_PURPOSES = EnumParam(("batch", "batch_output"))
_PATH = "/v1/files/"


def require_batches(services: Services) -> BatchStores:
    """Return what batches need. Raises InvalidRequest when the gateway has no table of batches."""
    stores = services.load_batches()
    if stores:
        return stores
    raise InvalidRequest(
        "This gateway has no table of batches. Set RETOUCH_BATCHES_TABLE and RETOUCH_BATCHES_QUEUE on the gateway.",
        code="batches_not_configured",
    )


def create_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """Store the input of a batch."""
    stores, now = require_batches(services), services.clock.unix_time()
    fields = read_file_fields(request.http_request)
    file = StoredFile(
        new_file_id(now),
        job_scope(request.caller.principal),
        "batch",
        fields.name,
        len(fields.data),
        now,
        now + (fields.seconds or DEFAULT_SECONDS),
    )
    stores.contents.put(content_key(file.id), fields.data)
    stores.rows.write(file_row(file), replaces=None)
    return json_response(file_document(file), request)


def list_files(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the caller's files, the newest first."""
    fields = read_list_fields(request.query, _LIST_NAMES, FILE_PREFIX, _MAX_LIMIT, _MAX_LIMIT)
    purpose = request.query.get("purpose")
    if purpose is not None:
        _PURPOSES.read("purpose", purpose)
    now = services.clock.unix_time()
    shown = (
        file_document(file)
        for file in _iter_files(job_scope(request.caller.principal), fields, services)
        if file.expires > now and purpose in (None, file.purpose)
    )
    documents = list(islice(shown, fields.limit + 1))
    return json_response(list_document(documents, fields.limit), request)


def _iter_files(scope: str, fields: ListFields, services: Services) -> Iterator[StoredFile]:
    """Yield the files of a scope from the place of the list on, also expired ones."""
    rows, after = require_batches(services).rows, fields.after
    while True:
        page = rows.list_rows(
            scope, FILE_PREFIX, after, _PAGE_SIZE, is_ascending=fields.is_ascending
        )
        yield from map(file_of_row, page)
        if len(page) < _PAGE_SIZE:
            return
        after = page[-1].id


def get_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return a file's facts. The route has no check of the key of its own, because signed links share it."""
    principal = authenticate_caller(request.http_request.headers, services).principal
    return json_response(file_document(_find_file(request, principal, services)), request)


def get_content(request: EndpointRequest, services: Services) -> HttpResponse:
    """Redirect to a file's bytes."""
    file = _find_file(request, request.caller.principal, services)
    location = require_batches(services).contents.sign(content_key(file.id), file.name)
    headers = {
        **own_headers(request),
        "Location": location,
        "Cache-Control": "private, no-store",
    }
    return plain_response(302, headers, b"")


def delete_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """Delete a file. A batch that was made of it has its own copy."""
    stores = require_batches(services)
    file = _find_file(request, request.caller.principal, services)
    stores.contents.delete(content_key(file.id))
    stores.rows.delete(file.scope, file.id)
    return json_response({"id": file.id, "object": "file", "deleted": True}, request)


def find_file(identifier: str, principal: Principal, stores: BatchStores, now: int) -> StoredFile:
    """Return a file of the caller. Raises NotFound for any other id."""
    is_id = FILE_ID_PATTERN.fullmatch(identifier)
    row = stores.rows.read(job_scope(principal), identifier) if is_id else None
    if row is None or row.expires <= now:
        raise NotFound(
            f"There is no file {quote_value(identifier)} for this caller, or it has expired. "
            "GET /v1/files lists the files.",
            code="file_not_found",
        )
    return file_of_row(row)


def _find_file(request: EndpointRequest, principal: Principal, services: Services) -> StoredFile:
    identifier = request.http_request.path.rstrip("/").rpartition(_PATH)[2].partition("/")[0]
    now = services.clock.unix_time()
    return find_file(identifier, principal, require_batches(services), now)
