"""The edit of a job: what its request may not contain, how it becomes a queued order, and how a worker ends it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from retouch.core.clock import Clock
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import ParsedForm
from retouch.core.errors import Fault, InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.authentication import Principal
from retouch.gateway.orders.edit_order import (
    KEYLESS_VALIDITY_SECONDS,
    OrderReport,
    add_scope,
    find_recent,
)
from retouch.gateway.orders.order_end import end_try
from retouch.gateway.pipeline import edit_image
from retouch.gateway.request_stages import EDITS_PATH, cache_partition
from retouch.gateway.result import EditPreview, EditResult
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.validation import is_stream_requested
from retouch.gateway.webhook_access import require_webhooks
from retouch.orders import jobs
from retouch.orders.fingerprint import make_fingerprint
from retouch.orders.held_order import HeldOrder
from retouch.orders.job_creation import submit_job
from retouch.orders.jobs import JobStores, Pause
from retouch.orders.order import (
    EVENT_SOURCES,
    RUNNING,
    Order,
    OrderSource,
    StoredAnswer,
    order_key,
    random_order_key,
)
from retouch.orders.order_errors import (
    CreationUncertain,
    add_remedy,
    in_progress_error,
    reused_error,
    unknown_error,
)
from retouch.orders.stores import OrderConflict, OrderTable
from retouch.orders.transitions import Claim, JobDetails

_log = logging.getLogger("retouch")
LINK_SECONDS = 86_400  # the life of a result's link; the file behind it may be deleted after a day
# They end when an operator changes a limit, or with its period.
_LIMIT_CODES = ("budget_exceeded", "rate_limit_exceeded", "concurrency_limit_exceeded")
_PASSING_STATUSES = (429, 502, 503, 504)
# Fields of a config and options of a provider that may hold a secret.
_SECRET_NAME = re.compile(r"api_key$|secret|access_key|_token$|^headers$|authorization")


@frozen_dataclass
class JobOptions:
    """What a request says about its job."""

    key: str | None = None  # the idempotency key, unique for its source and caller
    retry_count: int | None = None  # of an SDK
    source: OrderSource = "http"
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str = ""
    begin_within: int | None = None  # seconds until a worker must have begun it; None: the default
    destination: str = (
        ""  # who gets the report of the end of an event's edit, see `retouch.orders.destination`
    )


def require_jobs(services: Services) -> JobStores:
    """Return what jobs need. Raises InvalidRequest when the gateway has no queue of edits."""
    if services.jobs:
        return services.jobs
    raise InvalidRequest(
        "This gateway has no queue of edits. Send the request without 'Prefer: respond-async' and without "
        "'background', or set RETOUCH_EDITS_QUEUE and RETOUCH_ORDERS_TABLE on the gateway.",
        param="Prefer",
        code="jobs_not_configured",
    )


def job_scope(principal: Principal) -> str:
    """Return whose jobs a caller sees: those of its gateway key, or of everybody at an open gateway."""
    return cache_partition(principal, ClientCredentials())


def to_job_form(form: ParsedForm) -> ParsedForm:
    """Return the form of a job, whose result is a link. Raises InvalidRequest for a stream or base64."""
    if is_stream_requested(form):
        raise InvalidRequest("A job has no event stream. Leave 'stream' out.", param="stream")
    if form.values.get("response_format", "url") != "url":
        raise InvalidRequest(
            "The result of a job is a link. Leave 'response_format' out, or send 'url'.",
            param="response_format",
        )
    return replace(form, values={**form.values, "response_format": "url"})


def submit_edit(
    context: RequestContext, options: JobOptions, request: bytes, services: Services
) -> Order | EditResult:
    """Store the request as a queued job, and return the job.

    Return the result of a request that was refused, or that an equal request without a job has answered. Raises Fault.
    Nothing is bought here. The same key, source and caller find the same job, so a way in that may deliver a request
    twice sends a key that it derives from what it repeats unchanged. `request` is what the worker reads again, see
    `retouch.api.stored_request`. `retouch.api.event_edit` calls this for an edit that is no HTTP request.
    """
    stores, form = require_jobs(services), to_job_form(context.form)
    reject_secrets(context)
    claim = _claim(context, options, services)
    stored, found = _find_job(claim, options, stores, services)
    if found:
        return found
    plan = edit_image(replace(context, form=form, is_plan_only=True), services)
    if not isinstance(plan.outcome, EditPreview):
        return plan
    now = services.clock.unix_time()
    details = _job_details(context, options, plan.outcome, claim, now, services)
    claim = replace(claim, key=stored.key if stored else claim.key)
    # The edit of an event waits for a larger budget, so it reserves nothing.
    reservation = plan.outcome.reservation if options.source == "http" else None
    if options.key is None and options.retry_count is not None:
        # Before the job is stored, so that a retry of the SDK finds it whatever fails after that.
        stores.orders.table.add_recent(
            claim.fingerprint.digest, claim.key, now + KEYLESS_VALIDITY_SECONDS, options.retry_count
        )
    try:
        return submit_job(stored, claim, details, request, stores, now, reservation)
    except OrderConflict as conflict:
        existing = _find_existing(conflict.stored, claim, stores)
        if existing is None:
            raise in_progress_error() from None
        return existing
    except CreationUncertain as error:
        is_repeatable = options.key is not None or options.retry_count is not None
        raise add_remedy(error, is_repeatable=is_repeatable) from error


def find_submitted(
    key: str, source: OrderSource, principal: Principal, services: Services
) -> Order | None:
    """Return the job that an earlier delivery of an event has submitted, or None. Raises OrdersUnavailable."""
    table = require_jobs(services).orders.table
    order = table.read(order_key(f"{source}:{job_scope(principal)}", key))
    return order if order and order.expires > services.clock.unix_time() else None


def _choose_webhooks(named: str, scope: str, services: Services) -> tuple[str, ...]:
    """Return the ids of the endpoints that get the job's event. Raises InvalidRequest for a named one that cannot."""
    webhooks = require_webhooks(services) if named else services.load_webhooks()
    if webhooks is None:
        return ()
    from retouch.webhooks.event import EDIT_EVENTS
    from retouch.webhooks.outbox import choose_endpoints

    return choose_endpoints(scope, named, EDIT_EVENTS, webhooks.table)


def end_job(
    result: EditResult, held: HeldOrder, render: Callable[[], StoredAnswer], clock: Clock
) -> Pause | None:
    """Store how a worker's try ended. Return the pause before the next try, or None at the end of the job."""
    fault = result.outcome if isinstance(result.outcome, Fault) else None
    retry = None
    is_event = held.order.source in EVENT_SOURCES
    if fault and result.billing == "no" and is_temporary(fault, is_event):
        retry = jobs.retry_pause(held.order, fault.retry_after, clock.unix_time())
    return end_try(held, fault, result.billing, render, retry).pause


def is_temporary(fault: Fault, is_event: bool) -> bool:
    """Return whether a later try may succeed. Nobody else repeats an event, so it also waits for a larger budget."""
    is_passing = fault.retryable is not False and fault.status in _PASSING_STATUSES
    return is_passing or (is_event and fault.code in _LIMIT_CODES)


def _job_details(
    context: RequestContext,
    options: JobOptions,
    preview: EditPreview,
    claim: Claim,
    now: int,
    services: Services,
) -> JobDetails:
    seconds = options.begin_within
    return JobDetails(
        preview.plan.resolved.model_id,
        now + (context.settings.job_begin_seconds if seconds is None else seconds),
        options.metadata,
        " ".join(_choose_webhooks(options.webhook, claim.scope, services)),
        options.destination,
    )


def _claim(context: RequestContext, options: JobOptions, services: Services) -> Claim:
    settings, scope = context.settings, job_scope(context.principal)
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    fingerprint = make_fingerprint(
        EDITS_PATH, context.form, context.credentials, context.portkey, pepper
    )
    assert services.jobs, "the caller has checked it"
    return Claim(
        order_key(f"{options.source}:{scope}", options.key) if options.key else random_order_key(),
        scope,
        add_scope(fingerprint, scope),
        context.request_id,
        lease=services.clock.unix_time(),
        validity=services.jobs.orders.validity,
        source=options.source,
    )


def _find_job(
    claim: Claim, options: JobOptions, stores: JobStores, services: Services
) -> tuple[Order | None, Order | EditResult | None]:
    """Return the record that the new job replaces, and what an equal request has left for this one."""
    table, now = stores.orders.table, services.clock.unix_time()
    stored = table.read(claim.key) if options.key else None
    if options.key is None and options.retry_count:
        stored = _join_recent(table, claim.fingerprint.digest, options.retry_count, now)
    if stored is None or stored.expires <= now:
        return stored, None
    return stored, _find_existing(stored, claim, stores)


def _join_recent(table: OrderTable, fingerprint: str, retry: int, now: int) -> Order | None:
    """Return the order that an earlier try of an SDK began, or None."""
    orders = find_recent(table, fingerprint, retry, now)
    return next((one for one in orders if table.join_recent(fingerprint, one.key, retry)), None)


def _find_existing(
    stored: Order | None, claim: Claim, stores: JobStores
) -> Order | EditResult | None:
    """Return the job or the answer of an equal request. None: its order is open for a new try. Raises Fault."""
    if stored is None:
        return None
    if stored.fingerprint.digest != claim.fingerprint.digest:
        raise reused_error(stored, claim.fingerprint)
    if stored.state == "open":
        return None
    if stored.is_job:
        if stored.state == "queued":  # perhaps its message was not sent
            jobs.send_stored_job(stored, stores.queue)
        return stored
    if stored.state in RUNNING:
        raise in_progress_error()
    answer = stores.orders.answers.get(stored.id)
    if answer is None:
        raise unknown_error(stored)
    return EditResult(answer, order=OrderReport(stored.id, stored.expires, is_replay=True))


def reject_secrets(context: RequestContext) -> None:
    """Raise InvalidRequest for a secret of the caller, because the request of a job is stored."""
    portkey = context.portkey
    options = {name.replace("-", "_"): value for name, value in portkey.options.items()}
    places = {
        "Authorization": bool(context.credentials.key),
        "x-portkey-config": _has_secret(portkey.config),
        "x-portkey-default-input-guardrails": _has_secret(portkey.hooks),
        "x-portkey": _has_secret(options),
    }
    for name, is_secret in places.items():
        if is_secret:
            raise InvalidRequest(
                f"'{name}' carries a secret of yours, and the gateway stores the request of a job but no secrets. Use "
                "a key that the operator has set, or send the request without 'Prefer: respond-async'.",
                param=name,
                code="job_with_secret",
            )


def _has_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_SECRET_NAME.search(str(k)) or _has_secret(v) for k, v in value.items())
    return isinstance(value, list | tuple) and any(map(_has_secret, value))
