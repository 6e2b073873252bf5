"""The limit on how often a workspace writes logs and feedback: each write is stored, and nothing else limits them."""

from __future__ import annotations

from retouch.api.admin.request import AdminRequest, AdminServices
from retouch.tenants.limits import RateLimit
from retouch.tenants.rates import make_windows

# A request has up to 100 logs. It is no limit of the key, so that logs leave its edits alone.
_WRITES = RateLimit("requests", "rpm", 300)


def count_log_write(request: AdminRequest, services: AdminServices) -> None:
    """Count a request that writes logs or feedback. Raises RateExceeded and BudgetUnavailable."""
    if services.open_rates is None:
        return
    account = f"ws#{request.key.workspace.id}#logs"
    windows = make_windows("workspace", account, (_WRITES,), services.clock.unix_time())
    services.open_rates().count_request(windows)
