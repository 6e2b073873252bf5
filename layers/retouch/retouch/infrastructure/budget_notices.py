"""What the operator is told about budgets, in the log and in metrics."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from retouch.infrastructure.embedded_metrics import Metric, MetricsWriter
from retouch.orders.charges import Charge
from retouch.tenants.budget_rows import BudgetRow

_log = logging.getLogger("retouch")
_MICRO_DOLLARS = 1_000_000


class BudgetNotices:
    """Writes overruns and thresholds. The metric CostOverrun is in US dollars."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._metrics = MetricsWriter("budgets", environment)

    def report_overrun(self, charge: Charge, amount: int) -> None:
        """Report that an edit cost this much more than it held."""
        _log.error(
            "an edit cost more than it held",
            extra={"budget": charge.account, "hold": charge.hold, "overrun_micro_usd": amount},
        )
        self._metrics.write([Metric("CostOverrun", "None", amount / _MICRO_DOLLARS)])

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
