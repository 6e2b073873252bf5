"""The second attempt, with the successor of a model, after the provider has said that the model does not exist."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.errors import Fault, ModelNotFound
from retouch.gateway.attempt import Attempt
from retouch.gateway.result import AttemptResult
from retouch.tenants.permissions import is_model_allowed


def successor_attempt(attempt: Attempt, fault: Fault | None) -> Attempt | None:
    """Return the attempt at the successor, or None when the fault has another reason or no successor may be tried.

    The provider has said that the model does not exist, so nothing was bought.
    """
    target, key = attempt.target, attempt.context.principal.key
    model = target.model
    if not _is_gone(fault) or model is None or model.successor is None:
        return None
    if not is_model_allowed(key, model.provider.name, model.successor.id):
        return None
    return replace(attempt, target=replace(target, model=model.replace_by_successor()))


def name_replacement(attempt: Attempt, result: AttemptResult) -> AttemptResult:
    """Return the result. An error about a model that is gone also names the model that replaces it."""
    fault, model = result.fault, attempt.target.model
    if fault is None or not _is_gone(fault) or model is None or not model.replacement_id:
        return result
    return replace(result, outcome=fault.with_remedy(f"Use {model.replacement_id}."))


def _is_gone(fault: Fault | None) -> bool:
    return isinstance(fault, ModelNotFound) and fault.billed == "no"
