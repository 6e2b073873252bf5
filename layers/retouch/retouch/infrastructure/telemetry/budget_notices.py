"""The notices about budgets to the operator: in the log, in metrics and on the event bus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from retouch.core.pricing import MICRO_DOLLARS
from retouch.gateway.budgets.threshold_events import THRESHOLD_EVENT, threshold_data
from retouch.infrastructure.telemetry.embedded_metrics import Metric, MetricsWriter
from retouch.orders.charges import Charge
from retouch.tenants.budget_rows import BudgetRow

_log = logging.getLogger("retouch")
THRESHOLD_TYPE = f"retouch.{THRESHOLD_EVENT}"
_SOURCE = "urn:retouch:budgets"
Publish = Callable[[Sequence[Mapping[str, Any]]], None]


class BudgetNotices:
    """Writes overruns and thresholds. The metric CostOverrun is in US dollars."""

    def __init__(
        self, environment: Mapping[str, str], publish: Publish | None = None, stack: str = ""
    ) -> None:
        """`publish` sends CloudEvents to the bus. `stack` tells apart the stacks that share it."""
        self._metrics = MetricsWriter("budgets", environment)
        self._publish, self._stack = publish, stack

    def report_overrun(self, charge: Charge, amount: int) -> None:
        """Report that an edit cost this much more than it held."""
        _log.error(
            "an edit cost more than it held",
            extra={"budget": charge.account, "hold": charge.hold, "overrun_micro_usd": amount},
        )
        self._metrics.write([Metric("CostOverrun", "None", amount / MICRO_DOLLARS)])

    def report_threshold(self, charge: Charge, row: BudgetRow) -> None:
        """Report that the use of a budget has reached its threshold."""
        _log.warning(
            "the use of a budget has reached its threshold",
            extra={
                "budget": charge.account,
                "period": charge.period,
                "taken_micro_usd": row.taken,
                "threshold_micro_usd": charge.alert_at,
            },
        )
        if self._publish:
            self._publish([threshold_event(charge, row, self._stack)])


def threshold_event(charge: Charge, row: BudgetRow, stack: str) -> dict[str, Any]:
    """Return the CloudEvent about a budget whose use has reached its threshold. A budget has one in each period."""
    return {
        "specversion": "1.0",
        "id": f"{charge.account}/{charge.period}",
        "source": f"{_SOURCE}:{stack}" if stack else _SOURCE,
        "type": THRESHOLD_TYPE,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": charge.account.partition("#")[2],
        "datacontenttype": "application/json",
        "data": threshold_data(charge, row.taken),
    }
