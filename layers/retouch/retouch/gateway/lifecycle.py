"""The shutdown dates and the models that providers state, compared with those of the gateway's table."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from retouch.core.capabilities import Provider
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderResponse
from retouch.gateway.provider_call.error_mapping import MALFORMED_RESPONSE_ERRORS
from retouch.planning.retirement import retirements

ABSENT = "not listed"  # what a provider states about a model that its list of models lacks


@frozen_dataclass
class LifecycleDifference:
    """A model about which the provider states something else than the table.

    `ours` and `theirs` are ISO dates, or None without a date. `theirs` may also be ABSENT.
    """

    model: str
    ours: str | None
    theirs: str | None


@dataclass
class LifecycleReport:
    """The differences by provider, for the providers that were asked. `today` is the day of the report."""

    today: date
    differences: dict[str, tuple[LifecycleDifference, ...]] = field(default_factory=dict)

    def add(self, provider: Provider, response: ProviderResponse) -> None:
        """Compare the response to the provider's health check with the table. An unreadable list is no failure."""
        try:
            if provider.read_shutdown_dates:
                dates = provider.read_shutdown_dates(response)
                self.differences[provider.name] = tuple(_date_differences(provider, dates))
            if provider.read_model_names and (names := provider.read_model_names(response)):
                absent = tuple(_absent_models(provider, names, self.today))
                self.differences[provider.name] = absent
        except MALFORMED_RESPONSE_ERRORS as error:
            logging.getLogger("retouch").warning("the list of models was not read", exc_info=error)

    def all_differences(self) -> list[dict[str, str | None]]:
        """Return the differences of all providers, for JSON."""
        return [
            {"model": one.model, "ours": one.ours, "theirs": one.theirs}
            for found in self.differences.values()
            for one in found
        ]


def _date_differences(
    provider: Provider, dates: Mapping[str, date | None]
) -> Iterator[LifecycleDifference]:
    for model in provider.models:
        name = model.upstream_name or model.id
        ours = _known_date(f"{provider.name}/{model.id}")
        if name in dates and ours != dates[name]:
            yield LifecycleDifference(
                f"{provider.name}/{model.id}", _text(ours), _text(dates[name])
            )


def _absent_models(
    provider: Provider, names: Collection[str], today: date
) -> Iterator[LifecycleDifference]:
    """Yield the models that the provider does not list, without those that it has surely shut down."""
    for model in provider.models:
        model_id = f"{provider.name}/{model.id}"
        retirement = retirements().get(model_id)
        is_shut_down = retirement is not None and retirement.is_shut_down(today)
        if (model.upstream_name or model.id) not in names and not is_shut_down:
            yield LifecycleDifference(model_id, _text(_known_date(model_id)), ABSENT)


def _known_date(model_id: str) -> date | None:
    retirement = retirements().get(model_id)
    return retirement.shutdown_date if retirement else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
