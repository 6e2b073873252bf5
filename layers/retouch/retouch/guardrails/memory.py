"""Questions that lead out of the house, asked once: one request's retries and other targets ask the same again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from retouch.guardrails.model import CheckError, Tools

Question = TypeVar("Question")
Said = TypeVar("Said")


def asked_once(tools: Tools) -> Tools:
    """The tools for one request. Who was asked the same before is not asked again, not even where no answer came."""
    return replace(tools, webhook=_remembering(tools.webhook), bedrock=_remembering(tools.bedrock))


def _remembering(ask: Callable[[Question], Said]) -> Callable[[Question], Said]:
    known: list[tuple[Question, Said | CheckError]] = []  # a few; letters have no hash

    def answer(question: Question) -> Said:
        said = next((said for asked, said in known if asked == question), None)
        if said is None:
            said = _asked(ask, question)
            known.append((question, said))
        if isinstance(said, CheckError):
            raise CheckError(str(said))
        return said

    return answer


def _asked(ask: Callable[[Question], Said], question: Question) -> Said | CheckError:
    try:
        return ask(question)
    except CheckError as broken:
        return broken
