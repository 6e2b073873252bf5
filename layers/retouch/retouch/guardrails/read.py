"""A config's hooks -> Guardrails. Strict: what is not known is refused by name, so that no check is left out unseen.

Forms from https://portkey.ai/docs/product/guardrails/creating-raw-guardrails-in-json and Portkey-AI/gateway
(`convertHooksShorthand`): a full hook has `checks`; in a short one every key that is no option is a check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from retouch.guardrails import pictures, remote, texts
from retouch.guardrails.model import Check, Feedback, Guardrails, Hook, Test, When
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader

_MOST_CHECKS = 24
_MOST_REMOTE = 4
_LONGEST_ID = 128
_BEFORE = ("default_input_guardrails", "before_request_hooks", "input_guardrails")
_AFTER = ("default_output_guardrails", "after_request_hooks", "output_guardrails")
_OPTIONS = ("type", "id", "name", "deny", "async", "sequential", "on_success", "on_fail")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A check that is known: where it may stand and how its parameters are read."""

    build: Callable[[Reader, When], Test]
    whens: tuple[When, ...]
    remote: bool = False


def _before(build: Callable[[Reader], Test]) -> _Kind:
    return _Kind(lambda read, _when: build(read), ("before",))


_KINDS: Mapping[str, _Kind] = {
    "default.characterCount": _before(texts.character_count),
    "default.wordCount": _before(texts.word_count),
    "default.contains": _before(texts.contains),
    "default.regexMatch": _before(texts.regex_match),
    "default.requiredMetadataKeys": _before(texts.required_metadata_keys),
    "default.metadata": _before(texts.metadata),
    "default.webhook": _Kind(remote.webhook, ("before", "after"), remote=True),
    "bedrock.guard": _Kind(lambda read, _when: remote.bedrock_guard(read), ("before",), True),
    "retouch.image": _before(pictures.image),
    "retouch.mask": _before(pictures.mask),
    "retouch.output": _Kind(lambda read, _when: pictures.output(read), ("after",)),
}
_REMOTE = frozenset(name for name, kind in _KINDS.items() if kind.remote)


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
    if sum(check.id in _REMOTE for check in checks) > _MOST_REMOTE:
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
    kind = _KINDS.get(id)
    if kind is None:
        raise InvalidConfig(
            parameters.path,
            f"is {id[:64]!r}, no check that is known: use one of {', '.join(_KINDS)}",
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
