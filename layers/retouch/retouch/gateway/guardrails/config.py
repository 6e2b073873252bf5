"""Parse a config's hooks into Guardrails.

The parser is strict. It refuses every unknown name, so that no check is silently left out.

The formats come from https://portkey.ai/docs/product/guardrails/creating-raw-guardrails-in-json and from
Portkey-AI/gateway (`convertHooksShorthand`). A full hook has `checks`. In a shorthand hook, every key that is not
an option is a check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.config_reader import ConfigReader, InvalidConfig
from retouch.gateway.guardrails.types import Check, FeedbackScore, Guardrails, Hook, HookPhase

if TYPE_CHECKING:
    from retouch.gateway.guardrails.registry import CheckType


_MAX_CHECKS = 24
_MAX_REMOTE_CHECKS = 4
_MAX_ID_LENGTH = 128
_BEFORE_KEYS = ("default_input_guardrails", "before_request_hooks", "input_guardrails")
_AFTER_KEYS = ("default_output_guardrails", "after_request_hooks", "output_guardrails")
_NO_GUARDRAILS = Guardrails()
_HOOK_OPTIONS = ("type", "id", "name", "deny", "async", "sequential", "on_success", "on_fail")


def read_guardrails(hooks: Mapping[str, Any], path: str = "config") -> Guardrails:
    """Return the hooks of before_request_hooks, input_guardrails and default_input_guardrails, and their "after" forms.

    `path` is the place of the hooks in the config, for error messages. Raises InvalidConfig, which names the place and
    the rule.
    """
    if not hooks:
        return _NO_GUARDRAILS
    reader = ConfigReader(path, hooks)
    guardrails = Guardrails(
        _read_hooks(reader, _BEFORE_KEYS, "before"), _read_hooks(reader, _AFTER_KEYS, "after")
    )
    reader.reject_unknown_keys()
    checks = [check for hook in (*guardrails.before, *guardrails.after) for check in hook.checks]
    if len(checks) > _MAX_CHECKS:
        raise InvalidConfig(path, f"has {len(checks)} checks; at most {_MAX_CHECKS} are run")
    if sum(_check_types()[check.id].is_remote for check in checks) > _MAX_REMOTE_CHECKS:
        raise InvalidConfig(path, f"has more than {_MAX_REMOTE_CHECKS} remote checks")
    return guardrails


def _read_hooks(reader: ConfigReader, keys: tuple[str, ...], phase: HookPhase) -> tuple[Hook, ...]:
    hooks: list[Hook] = []
    for key in keys:
        raw_hooks = reader.raw_value(key)
        for raw_hook in raw_hooks if isinstance(raw_hooks, list) else ():
            if isinstance(raw_hook, str):
                raise _saved_guardrail_error(f"{reader.path}.{key}", raw_hook)
        readers = reader.children(key, _MAX_CHECKS)
        hooks.extend(
            _read_hook(hook_reader, list(raw_hook), phase)
            for hook_reader, raw_hook in zip(readers, raw_hooks or (), strict=True)
        )
    return tuple(hooks)


def _saved_guardrail_error(path: str, name: str) -> InvalidConfig:
    """Return the error for a hook that refers to a saved guardrail by its id.

    Portkey has them; this gateway does not.
    """
    return InvalidConfig(
        path,
        f"names the saved guardrail {name[:64]!r}, which is not supported; list its checks here",
    )


def _empty_hook_error(path: str) -> InvalidConfig:
    return InvalidConfig(path, "has no checks; leave the hook out or give it one")


def _read_hook(reader: ConfigReader, keys: list[str], phase: HookPhase) -> Hook:
    reader.choice("type", ("guardrail",), "guardrail")
    reader.flag("sequential")  # accepted without effect: checks always run one after the other
    hook_id = reader.text("id") or reader.text("name") or reader.path
    checks = (
        _read_full_checks(reader, phase)
        if "checks" in keys
        else _read_shorthand_checks(reader, keys, phase)
    )
    if not checks:
        raise (
            _saved_guardrail_error(reader.path, hook_id)
            if "id" in keys
            else _empty_hook_error(reader.path)
        )
    deny, is_async = reader.flag("deny"), reader.flag("async")
    if deny and is_async:
        raise InvalidConfig(reader.path, "has both deny and async; an async hook cannot deny")
    hook = Hook(
        hook_id[:_MAX_ID_LENGTH],
        tuple(check for check in checks if check),
        deny,
        is_async,
        _read_feedback(reader.child("on_success")),
        _read_feedback(reader.child("on_fail")),
    )
    reader.reject_unknown_keys()
    return hook


def _read_full_checks(reader: ConfigReader, phase: HookPhase) -> list[Check | None]:
    """Read `"checks": [{"id": "default.contains", "parameters": {...}}]`."""
    checks = []
    for check_reader in reader.children("checks", _MAX_CHECKS):
        check_id = check_reader.text("id")
        if check_id is None:
            raise InvalidConfig(check_reader.path, "needs 'id'")
        parameters = check_reader.child("parameters") or ConfigReader(
            f"{check_reader.path}.parameters", {}
        )
        enabled = check_reader.raw_value("is_enabled") is None or check_reader.flag("is_enabled")
        check_reader.reject_unknown_keys()
        check = _read_check(check_id, parameters, phase)
        checks.append(check if enabled else None)
    return checks


def _read_shorthand_checks(
    reader: ConfigReader, keys: list[str], phase: HookPhase
) -> list[Check | None]:
    """Read `"default.contains": {...}`, or the shorter `"contains": {...}`."""
    check_names = [key for key in keys if key not in _HOOK_OPTIONS]
    return [_read_check(key, _read_parameters(reader, key), phase) for key in check_names]


def _read_parameters(reader: ConfigReader, key: str) -> ConfigReader:
    return reader.child(key) or ConfigReader(f"{reader.path}.{key}", None)


def _read_check(name: str, parameters: ConfigReader, phase: HookPhase) -> Check | None:
    check_id = name if "." in name else f"default.{name}"
    check_type = _check_types().get(check_id)
    if check_type is None:
        raise InvalidConfig(
            parameters.path,
            f"is {check_id[:64]!r}, which is not a known check: use one of {', '.join(_check_types())}",
        )
    if phase not in check_type.phases:
        other_phase = "after" if phase == "before" else "before"
        raise InvalidConfig(
            parameters.path, f"is {check_id!r}, which can only run {other_phase} the edit"
        )
    enabled = parameters.raw_value("is_enabled") is None or parameters.flag("is_enabled")
    fail_open = _read_fail_open(parameters) if check_type.is_remote else False
    needs_pixels = check_id == "retouch.output" and parameters.flag("notBlank")
    check = Check(check_id, check_type.build(parameters, phase), fail_open, needs_pixels)
    parameters.reject_unknown_keys()
    return check if enabled else None


def _check_types() -> Mapping[str, CheckType]:
    # Most configs have no hooks. A late import keeps the checks out of every other cold start.
    from retouch.gateway.guardrails.registry import CHECK_TYPES

    return CHECK_TYPES


def _read_fail_open(parameters: ConfigReader) -> bool:
    """Read both spellings. Portkey writes parameters in camelCase and options in snake_case."""
    return parameters.flag("failOpen") or parameters.flag("fail_open")


def _read_feedback(reader: ConfigReader | None) -> FeedbackScore:
    feedback_reader = reader.child("feedback") if reader else None
    if reader:
        reader.reject_unknown_keys()
    if feedback_reader is None:
        return FeedbackScore()
    feedback = FeedbackScore(
        feedback_reader.number("value", 0, -10, 10), feedback_reader.number("weight", 0, 0, 1)
    )
    feedback_reader.reject_unknown_keys()
    return feedback


@frozen_dataclass
class NumberRange:
    """A range from `minimum` to `maximum`. None means no limit."""

    minimum: float | None
    maximum: float | None

    def __contains__(self, value: float) -> bool:
        is_above_minimum = self.minimum is None or value >= self.minimum
        return is_above_minimum and (self.maximum is None or value <= self.maximum)

    def __bool__(self) -> bool:
        return self.minimum is not None or self.maximum is not None

    def __str__(self) -> str:
        minimum_text = "" if self.minimum is None else f"at least {self.minimum:g}"
        maximum_text = "" if self.maximum is None else f"at most {self.maximum:g}"
        return " and ".join(filter(None, (minimum_text, maximum_text)))


def read_range(
    reader: ConfigReader, minimum_name: str, maximum_name: str, limit: float
) -> NumberRange:
    """Read the range under these two names, with values from 0 to `limit`.

    Raises InvalidConfig when the range is empty.
    """
    number_range = NumberRange(
        reader.number(minimum_name, None, 0, limit), reader.number(maximum_name, None, 0, limit)
    )
    if (
        number_range.minimum is not None
        and number_range.maximum is not None
        and number_range.minimum > number_range.maximum
    ):
        raise InvalidConfig(f"{reader.path}.{minimum_name}", f"must not be above {maximum_name}")
    return number_range
