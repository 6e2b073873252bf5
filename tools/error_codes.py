"""The facts about every error code: its statuses, who causes it, whether an SDK retries it, and whether it is billed.

The facts come from the source: from the classes of faults, and from every call that creates one with its own code. A
code that is created in another way, e.g. by an image decoder, becomes an InvalidRequest, unless CREATED_AS says more.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import retouch
from retouch.core.errors import (
    Billed,
    Blame,
    Fault,
    InvalidRequest,
    RejectedByProvider,
    RequestTimeout,
)

PACKAGE = Path(retouch.__file__).parent
CREATED_AS: dict[str, tuple[type[Fault], Billed]] = {
    "plan_not_understood": (RejectedByProvider, "yes"),
    "unsupported_operation": (RejectedByProvider, "yes"),
    "invalid_language": (RejectedByProvider, "no"),
}
_RETRY_DECISIONS = {True: "yes", False: "no", None: "the SDK decides"}


@dataclass(frozen=True, slots=True, order=True)
class CodeFacts:
    """One way in which a code is used."""

    status: int
    blame: Blame
    retryable: str  # "yes", "no" or "the SDK decides"
    billed: Billed


def code_facts() -> dict[str, set[CodeFacts]]:
    """Return the facts of every code in the source."""
    facts: dict[str, set[CodeFacts]] = {}
    for code, fact in _created_faults():
        facts.setdefault(code, set()).add(fact)
    for code in _source_codes():
        fault_class, billed = CREATED_AS.get(code, (InvalidRequest, None))
        if code not in facts or code in CREATED_AS:
            facts.setdefault(code, set()).add(_facts(fault_class, billed=billed))
    return facts


def _created_faults() -> Iterator[tuple[str, CodeFacts]]:
    classes = {fault_class.__name__: fault_class for fault_class in _fault_classes()}
    yield from ((c.code, _facts(c)) for c in classes.values() if c.code and c is not RequestTimeout)
    for node in _source_nodes():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        fault_class = classes.get(node.func.id)
        if fault_class:
            arguments = {keyword.arg: keyword.value for keyword in node.keywords}
            for code in _strings(arguments.get("code")):
                yield (
                    code,
                    _facts(
                        fault_class,
                        status=_constant(arguments.get("status")),
                        billed=_constant(arguments.get("billed")),
                        retryable=_constant(arguments.get("retryable")),
                    ),
                )


def _facts(
    fault_class: type[Fault], status: object = None, billed: object = None, retryable: object = None
) -> CodeFacts:
    """Return the facts of a class, with those of one call instead where it has its own."""
    final_billed = billed if billed in ("yes", "no", "unknown") else fault_class.billed
    can_retry = retryable if isinstance(retryable, bool) else fault_class.retryable
    decision = "no" if final_billed != "no" else _RETRY_DECISIONS[can_retry]
    final_status = status if isinstance(status, int) else fault_class.status
    return CodeFacts(final_status, fault_class.blame, decision, final_billed)


def _fault_classes() -> Iterator[type[Fault]]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "retouch."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending: list[type[Fault]] = [Fault]
    while pending:
        fault_class = pending.pop()
        yield fault_class
        pending += fault_class.__subclasses__()


def _source_nodes() -> Iterator[ast.AST]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def _source_codes() -> Iterator[str]:
    """Yield every code="..." of a call."""
    for node in _source_nodes():
        if isinstance(node, ast.keyword) and node.arg == "code":
            yield from _strings(node.value)


def _strings(value: ast.expr | None) -> list[str]:
    """Return the string constants that the expression can evaluate to."""
    branches = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
    constants = map(_constant, branches)
    return [text for text in constants if isinstance(text, str)]


def _constant(value: ast.expr | None) -> object:
    return value.value if isinstance(value, ast.Constant) else None
