"""A config's hooks -> Guardrails. Strict: what is not known is refused by name, so that no check is left out unseen.

Forms from https://portkey.ai/docs/product/guardrails/creating-raw-guardrails-in-json and Portkey-AI/gateway
(`convertHooksShorthand`): a full hook has `checks`; in a short one every key that is no option is a check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retouch.guardrails.model import Check, Feedback, Guardrails, Hook, When
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader

if TYPE_CHECKING:
    from retouch.guardrails.kinds import Kind

_MOST_CHECKS = 24
_MOST_REMOTE = 4
_LONGEST_ID = 128
_BEFORE = ("default_input_guardrails", "before_request_hooks", "input_guardrails")
_AFTER = ("default_output_guardrails", "after_request_hooks", "output_guardrails")
_OPTIONS = ("type", "id", "name", "deny", "async", "sequential", "on_success", "on_fail")


def read(hooks: Mapping[str, Any], path: str = "config") -> Guardrails:
    """The hooks under before_request_hooks, input_guardrails and default_input_guardrails, likewise for after.

    `path` is where they stand, for errors. InvalidConfig names the place and the rule.
    """
    reader = Reader(path, hooks)
    found = Guardrails(_hooks(reader, _BEFORE, "before"), _hooks(reader, _AFTER, "after"))
    reader.finish()
    checks = [check for hook in (*found.before, *found.after) for check in hook.checks]
    if len(checks) > _MOST_CHECKS:
        raise InvalidConfig(path, f"has {len(checks)} checks; at most {_MOST_CHECKS} are run")
    if sum(_kinds()[check.id].remote for check in checks) > _MOST_REMOTE:
        raise InvalidConfig(path, f"has more than {_MOST_REMOTE} checks that are made elsewhere")
    return found


def _hooks(reader: Reader, names: tuple[str, ...], when: When) -> tuple[Hook, ...]:
    found: list[Hook] = []
    for name in names:
        written = reader.raw(name)
        for one in written if isinstance(written, list) else ():
            if isinstance(one, str):
                raise _saved(f"{reader.path}.{name}", one)
        hooks = reader.objects(name, _MOST_CHECKS)
        found.extend(
            _hook(hook, list(one), when) for hook, one in zip(hooks, written or (), strict=True)
        )
    return tuple(found)


def _saved(path: str, name: str) -> InvalidConfig:
    """Portkey's guardrails may be saved and named by an id; there is no such place here."""
    return InvalidConfig(path, f"names the saved guardrail {name[:64]!r}; write its checks out")


def _empty(path: str) -> InvalidConfig:
    return InvalidConfig(path, "has no checks; leave the hook out or give it one")


def _hook(reader: Reader, keys: list[str], when: When) -> Hook:
    reader.word("type", ("guardrail",), "guardrail")
    reader.flag("sequential")  # they are run one after the other anyway
    id = reader.text("id") or reader.text("name") or reader.path
    checks = _full(reader, when) if "checks" in keys else _short(reader, keys, when)
    if not checks:
        raise _saved(reader.path, id) if "id" in keys else _empty(reader.path)
    deny, observes = reader.flag("deny"), reader.flag("async")
    if deny and observes:
        raise InvalidConfig(reader.path, "has both deny and async; what only observes cannot deny")
    hook = Hook(
        id[:_LONGEST_ID],
        tuple(check for check in checks if check),
        deny,
        observes,
        _feedback(reader.object("on_success")),
        _feedback(reader.object("on_fail")),
    )
    reader.finish()
    return hook


def _full(reader: Reader, when: When) -> list[Check | None]:
    """`"checks": [{"id": "default.contains", "parameters": {...}}]`."""
    found = []
    for one in reader.objects("checks", _MOST_CHECKS):
        id = one.text("id")
        if id is None:
            raise InvalidConfig(one.path, "needs 'id'")
        parameters = one.object("parameters") or Reader(f"{one.path}.parameters", {})
        enabled = one.raw("is_enabled") is None or one.flag("is_enabled")
        one.finish()
        check = _check(id, parameters, when)
        found.append(check if enabled else None)
    return found


def _short(reader: Reader, keys: list[str], when: When) -> list[Check | None]:
    """`"default.contains": {...}`, or just `"contains": {...}`."""
    named = [key for key in keys if key not in _OPTIONS]
    return [_check(key, _parameters(reader, key), when) for key in named]


def _parameters(reader: Reader, key: str) -> Reader:
    return reader.object(key) or Reader(f"{reader.path}.{key}", None)


def _check(name: str, parameters: Reader, when: When) -> Check | None:
    id = name if "." in name else f"default.{name}"
    kind = _kinds().get(id)
    if kind is None:
        raise InvalidConfig(
            parameters.path,
            f"is {id[:64]!r}, no check that is known: use one of {', '.join(_kinds())}",
        )
    if when not in kind.whens:
        other = "after" if when == "before" else "before"
        raise InvalidConfig(parameters.path, f"is {id!r}, which can only look {other} the edit")
    enabled = parameters.raw("is_enabled") is None or parameters.flag("is_enabled")
    fail_open = _fail_open(parameters) if kind.remote else False
    pixels = id == "retouch.output" and parameters.flag("notBlank")
    check = Check(id, kind.build(parameters, when), fail_open, pixels)
    parameters.finish()
    return check if enabled else None


def _kinds() -> Mapping[str, Kind]:
    # Loaded for the first config that has a hook: most have none, and every cold start would pay.
    from retouch.guardrails.kinds import KINDS

    return KINDS


def _fail_open(parameters: Reader) -> bool:
    """In both spellings: Portkey's parameters are in camelCase, its options are not."""
    return parameters.flag("failOpen") or parameters.flag("fail_open")


def _feedback(reader: Reader | None) -> Feedback:
    given = reader.object("feedback") if reader else None
    if reader:
        reader.finish()
    if given is None:
        return Feedback()
    found = Feedback(given.number("value", 0, -10, 10), given.number("weight", 0, 0, 1))
    given.finish()
    return found
