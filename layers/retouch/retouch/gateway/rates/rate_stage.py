"""The rate limits of an attempt: requests of the virtual key that pays, and the pictures and tokens of the result."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retouch.core.errors import BudgetUnavailable
from retouch.core.usage import Usage, total_tokens
from retouch.gateway.attempt import Attempt, DeliveredImages, PreparedAttempt
from retouch.gateway.result import AttemptResult, EditStream, StreamedImage
from retouch.gateway.services import Services

if TYPE_CHECKING:
    from retouch.tenants.rates import RateWindow

_log = logging.getLogger("retouch")


def count_request(prepared: PreparedAttempt, services: Services) -> PreparedAttempt:
    """Count the attempt in the rate limits of the virtual key that pays. Raises RateExceeded."""
    attempt = prepared.planned.attempt
    if attempt.context.is_plan_only:  # the worker counts it
        return prepared
    limits = attempt.target.payer.limits
    if limits and limits.rate_limits and services.open_rates and not attempt.context.is_paid_for:
        from retouch.tenants.rates import windows_of_virtual_key

        windows = windows_of_virtual_key(limits, services.clock.unix_time())
        services.open_rates().count_request(windows)
    return prepared


def count_images(delivered: DeliveredImages, services: Services) -> DeliveredImages:
    """Count the pictures and the tokens of a finished edit."""
    generated = delivered.finished.generated
    windows = _output_windows(generated.planned.attempt, services)
    if windows and not generated.cached:
        _add(windows, len(generated.images), delivered.edit.metadata.get("usage"), services)
    return delivered


def count_stream(attempt: Attempt, result: AttemptResult, services: Services) -> AttemptResult:
    """Return the result of an attempt. A stream counts its pictures and tokens while it runs."""
    stream = result.outcome
    windows = _output_windows(attempt, services) if isinstance(stream, EditStream) else ()
    if not windows or not isinstance(stream, EditStream):
        return result
    events = _counted_events(stream.events, windows, services)
    return replace(result, outcome=replace(stream, events=events))


def _counted_events(
    events: Iterator[StreamedImage | None], windows: tuple[RateWindow, ...], services: Services
) -> Iterator[StreamedImage | None]:
    for event in events:
        if event and event.partial_index is None:
            _add(windows, 1, event.image.metadata.get("usage"), services)
        yield event


def _output_windows(attempt: Attempt, services: Services) -> tuple[RateWindow, ...]:
    """Return the windows of pictures and tokens, in which a request counts when it has made them."""
    key, limits = attempt.context.principal.key, attempt.target.payer.limits
    if services.open_rates is None or not (limits or (key and key.has_rate_limits)):
        return ()
    from retouch.tenants.rates import windows_of_key, windows_of_virtual_key  # for few attempts

    now = services.clock.unix_time()
    windows = (*windows_of_virtual_key(limits, now), *windows_of_key(key, now))
    return tuple(one for one in windows if one.limit.type != "requests")


def _add(
    windows: tuple[RateWindow, ...], pictures: int, usage: Usage | None, services: Services
) -> None:
    """Add to the windows. The images are paid for, so a failure of the table goes to the log."""
    assert services.open_rates, "without it, there are no windows"
    try:
        services.open_rates().add(windows, pictures, total_tokens(usage))
    except BudgetUnavailable as error:
        _log.error("the pictures of an edit were not counted", exc_info=error)
