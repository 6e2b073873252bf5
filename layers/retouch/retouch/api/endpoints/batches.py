"""OpenAI's /v1/batches: many edits in one file."""

from __future__ import annotations

from retouch.api.endpoint_request import EndpointRequest, json_response
from retouch.api.endpoints.files import find_file, require_batches
from retouch.api.request.batch_fields import read_batch_fields, read_list_fields
from retouch.api.request.sdk_headers import read_retry_count
from retouch.api.response.batch import batch_document, list_document
from retouch.api.stored_request import encode_line_head
from retouch.batches.batch import BATCH_PREFIX, Batch, result_folder
from retouch.batches.cancelling import cancel_batch as cancel_stored_batch
from retouch.batches.creation import BatchRequest, find_batch
from retouch.batches.creation import create_batch as create_stored_batch
from retouch.batches.files import content_key
from retouch.batches.record import batch_of_row
from retouch.batches.steps import count_requests
from retouch.core.credentials.upload_ids import UPLOAD_ID_PATTERN
from retouch.core.edit_types import ParsedForm
from retouch.core.errors import InvalidRequest, NotFound
from retouch.core.http_response import HttpResponse
from retouch.gateway.orders.edit_job import job_scope, reject_secrets
from retouch.gateway.services import Services
from retouch.orders.idempotency_key import HEADER_NAME, parse_idempotency_key
from retouch.orders.order_errors import CreationUncertain, add_remedy

_MAX_LIMIT, _DEFAULT_LIMIT = 100, 20
_PATH = "/v1/batches/"


def create_batch(request: EndpointRequest, services: Services) -> HttpResponse:
    """Make a batch of a file. Its lines are checked later, all of them before the first one is bought."""
    stores, now = require_batches(services), services.clock.unix_time()
    fields = read_batch_fields(request.http_request)
    reject_secrets(request.to_context(ParsedForm({}), services))
    headers = request.http_request.headers
    key, retry_count = headers.get(HEADER_NAME.lower()), read_retry_count(headers)
    wanted = BatchRequest(
        job_scope(request.caller.principal),
        fields.input_file,
        _find_source(fields.input_file, request, services),
        encode_line_head(request, result_folder(fields.output_seconds)).decode(),
        fields.output_seconds,
        fields.metadata,
        None if key is None else parse_idempotency_key(key),
        bool(retry_count),
    )
    try:
        batch = create_stored_batch(wanted, stores, now)
    except CreationUncertain as error:
        is_repeatable = key is not None or retry_count is not None
        raise add_remedy(error, is_repeatable=is_repeatable) from error
    return _batch_response(batch, request, services)


def list_batches(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the caller's batches, the newest first."""
    stores = require_batches(services)
    fields = read_list_fields(
        request.query, ("after", "limit"), BATCH_PREFIX, _MAX_LIMIT, _DEFAULT_LIMIT
    )
    rows = stores.rows.list_rows(
        job_scope(request.caller.principal),
        BATCH_PREFIX,
        fields.after,
        fields.limit + 1,
        is_ascending=False,
    )
    documents = [
        batch_document(batch, count_requests(batch, stores.counts))
        for batch in map(batch_of_row, rows)
    ]
    return json_response(list_document(documents, fields.limit), request)


def get_batch(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return a batch."""
    return _batch_response(_find_batch(request, services), request, services)


def cancel_batch(request: EndpointRequest, services: Services) -> HttpResponse:
    """Cancel a batch. Edits that were sent to a provider are awaited."""
    batch = _find_batch(request, services)
    stores, now = require_batches(services), services.clock.unix_time()
    return _batch_response(cancel_stored_batch(batch, stores, now), request, services)


def _find_source(input_file: str, request: EndpointRequest, services: Services) -> str:
    """Return the key of the input in the bucket. Raises NotFound for a file or an upload of another caller."""
    principal = request.caller.principal
    if UPLOAD_ID_PATTERN.fullmatch(input_file):
        if not principal.is_own_upload(input_file):
            raise NotFound(
                f"There is no upload '{input_file}' for this caller. Upload the file with POST /v1/uploads.",
                param="input_file_id",
                code="file_not_found",
            )
        return f"uploads/{input_file}"
    stores, now = require_batches(services), services.clock.unix_time()
    file = find_file(input_file, principal, stores, now)
    if file.purpose != "batch":
        raise InvalidRequest(
            "The file is the result of a batch. Name a file with purpose 'batch'.",
            param="input_file_id",
        )
    return content_key(file.id)


def _find_batch(request: EndpointRequest, services: Services) -> Batch:
    identifier = request.http_request.path.rstrip("/").rpartition(_PATH)[2].partition("/")[0]
    return find_batch(
        job_scope(request.caller.principal),
        identifier,
        require_batches(services),
        services.clock.unix_time(),
    )


def _batch_response(batch: Batch, request: EndpointRequest, services: Services) -> HttpResponse:
    counts = count_requests(batch, require_batches(services).counts)
    return json_response(batch_document(batch, counts), request)
