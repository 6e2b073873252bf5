"""Guardrails around an attempt: judged before anything is bought, and again on what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.finish import inspect_result
from retouch.guardrails import (
    STATUS_FAILED,
    Guardrails,
    HooksFailed,
    Report,
    Seen,
    Subject,
    Tools,
    hook_results,
    is_blank,
    judge,
    read,
)
from retouch.messages import Artifact, Picture, Wish
from retouch.pixels.convert import decode
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
            raise HooksFailed(self.before.results, after.results, billed="yes" if paid else "no")
        return replace(self, after=after)

    def sign(self, answer: Answer) -> Answer:
        """The answer with what was found: where a hook failed, or where the caller takes more than OpenAI's."""
        passed = self.before.passed and self.after.passed
        found = [*self.before.results, *self.after.results]
        if not found or (passed and self.strict) or not isinstance(answer.body, bytes):
            return answer
        told = hook_results(self.before.results, self.after.results)
        body = orjson.dumps({**orjson.loads(answer.body), **told})
        return replace(answer, body=body, status=answer.status if passed else STATUS_FAILED)

    def _seen(self, picture: Picture) -> Seen:
        blank = is_blank(decode(picture)) if self.rails.looks_at_pixels else None
        return Seen(picture.format, *picture.size, blank)


def admitted(wish: Wish, hooks: Mapping[str, Any], asked: Portkey, tools: Tools) -> Guard:
    """The guard of a wish that may go on. HooksFailed where it may not, InvalidConfig for hooks nobody can read."""
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
    subject = Subject(wish.prompt, images, coverage, asked.metadata, wish.params)
    before = judge(rails.before, subject, tools)
    if before.denied:
        raise HooksFailed(before.results)
    return Guard(rails, tools, subject, asked.strict, before)
