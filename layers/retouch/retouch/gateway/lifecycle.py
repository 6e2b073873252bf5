"""The shutdown dates that providers state, compared with those of the gateway's table."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date

from retouch.core.capabilities import Provider
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderResponse
from retouch.gateway.provider_call.error_mapping import MALFORMED_RESPONSE_ERRORS
from retouch.planning.retirement import retirements


@frozen_dataclass
class DateDifference:
    """A model whose shutdown date the provider states differently. None: no date."""

    model: str
    ours: date | None
    theirs: date | None


@dataclass
class LifecycleReport:
    """The differences by provider, for the providers that were asked."""

    differences: dict[str, tuple[DateDifference, ...]] = field(default_factory=dict)

    def add(self, provider: Provider, response: ProviderResponse) -> None:
        """Compare the dates in the response to the provider's health check. An unreadable list is no failure."""
        if provider.read_shutdown_dates is None:
            return
        try:
            dates = provider.read_shutdown_dates(response)
        except MALFORMED_RESPONSE_ERRORS as error:
            logging.getLogger("retouch").warning("the list of models was not read", exc_info=error)
            return
        stated = {
            f"{provider.name}/{model.id}": dates[name]
            for model in provider.models
            if (name := model.upstream_name or model.id) in dates
        }
        self.differences[provider.name] = tuple(
            DateDifference(model_id, known, day)
            for model_id, day in stated.items()
            if (known := _known_date(model_id)) != day
        )

    def all_differences(self) -> list[dict[str, str | None]]:
        """Return the differences of all providers, for JSON."""
        return [
            {"model": one.model, "ours": _text(one.ours), "theirs": _text(one.theirs)}
            for found in self.differences.values()
            for one in found
        ]


def _known_date(model_id: str) -> date | None:
    retirement = retirements().get(model_id)
    return retirement.shutdown_date if retirement else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
