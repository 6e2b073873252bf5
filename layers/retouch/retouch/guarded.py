"""Guardrails around an attempt: judged before anything is bought, and again on what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from retouch.cards import Provider
from retouch.errors import Billed, InvalidRequest
from retouch.finish import inspect_result
from retouch.guardrails import (
    STATUS_FAILED,
    Guardrails,
    HooksFailed,
    Report,
    Seen,
    Subject,
    Tools,
    When,
    hook_results,
    is_blank,
    judge,
    read,
)
from retouch.messages import Artifact, Picture, Wish
from retouch.pixels.convert import decode
from retouch.specs import Words
from retouch.wire.answer import Answer
from retouch.wire.portkey import Portkey


@dataclass(frozen=True, slots=True)
class Guard:
    """The hooks of a target, and what they found before the call."""

    rails: Guardrails
    tools: Tools
    subject: Subject
    strict: bool  # nothing in the answer that OpenAI's has not, unless a hook failed
    before: Report
    after: Report = field(default_factory=Report)

    def look(self, artifacts: Sequence[Artifact], paid: bool) -> Guard:
        """The guard, having seen the pictures. HooksFailed, with the edit's own bill, where one is denied."""
        if not self.rails.after:
            return self
        pictures = [inspect_result(artifact) for artifact in artifacts]
        outputs = tuple(self._seen(picture) for picture in pictures)
        after = judge(self.rails.after, replace(self.subject, outputs=outputs), self.tools)
        if after.denied:
            raise _denied(self.before, after, "yes" if paid else "no")
        return replace(self, after=after)

    @property
    def passed(self) -> bool:
        """Whether no hook has failed."""
        return self.before.passed and self.after.passed

    @property
    def beside(self) -> dict[str, Any]:
        """What was found: where a hook failed, or where the caller takes more than OpenAI's."""
        before, after = self.before.results, self.after.results
        if not (before or after) or (self.passed and self.strict):
            return {}
        return hook_results(before, after)

    def sign(self, answer: Answer) -> Answer:
        """The answer with its status and what was found. A stream has that in its events."""
        body, facts = answer.body, answer.facts
        if self.beside and isinstance(body, bytes):
            body = orjson.dumps({**orjson.loads(body), **self.beside})
        facts = {**facts, **_told(self.before, self.after)}
        status = answer.status if self.passed else STATUS_FAILED
        return replace(answer, body=body, status=status, facts=facts)

    def _seen(self, picture: Picture) -> Seen:
        blank = is_blank(decode(picture)) if self.rails.looks_at_pixels else None
        return Seen(picture.format, *picture.size, blank)


def admitted(
    wish: Wish,
    hooks: Mapping[str, Any],
    asked: Portkey,
    tools: Tools,
    providers: Sequence[Provider],
) -> Guard:
    """The guard of a wish that may go on. HooksFailed where it may not, InvalidConfig for hooks nobody can read.

    The cards of `providers` say which parameters are free text.
    """
    default = {f"default_{name}": found for name, found in asked.hooks.items()}
    rails = read({**default, **hooks})
    if rails.after and wish.stream:
        raise InvalidRequest(
            "Guardrails that look at results need them whole, so they cannot be streamed. Leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )
    images = tuple(Seen(picture.format, *picture.size) for picture in wish.images)
    coverage = wish.mask.coverage if wish.mask else None
    words = _words(wish.params, providers) if rails.before or rails.after else ()
    subject = Subject(wish.prompt, words, images, coverage, asked.metadata, wish.params)
    before = judge(rails.before, subject, tools)
    if before.denied:
        raise _denied(before, Report(), "no")
    return Guard(rails, tools, subject, asked.strict, before)


def _words(params: Mapping[str, Any], providers: Sequence[Provider]) -> tuple[str, ...]:
    """The parameters that are free text on somebody's card: whoever takes them, gets them to read."""
    cards = [card for p in providers for card in (*p.models, p.deployments) if card]
    free = {n for card in cards for n, spec in card.params.items() if isinstance(spec, Words)}
    return tuple(text for n, text in params.items() if n in free and isinstance(text, str))


def _denied(before: Report, after: Report, billed: Billed) -> HooksFailed:
    denied = HooksFailed(before.results, after.results, billed=billed)
    denied.facts = _told(before, after)
    return denied


def _told(before: Report, after: Report) -> dict[str, Any]:
    """What the log says of the hooks."""
    hooks = [*_logged("before", before), *_logged("after", after)]
    return {"hooks": hooks} if hooks else {}


def _logged(when: When, report: Report) -> Iterator[dict[str, Any]]:
    """For the log: what only observed, and what failed. Names alone, since what was found may repeat the prompt."""
    failed = [hook for hook in report.results if not hook["verdict"]]
    for hook in (*report.observed, *failed):
        checks = hook["checks"]
        yield {
            "when": when,
            "id": hook["id"],
            "async": hook["async"],
            "verdict": hook["verdict"],
            "failed": [check["id"] for check in checks if not check["verdict"]],
            "errored": [check["id"] for check in checks if check["error"]],
            "ms": hook["execution_time"],
        }
