"""What an attempt's answer says of the way to it, noted as it comes to pass: also where the attempt then fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from retouch.messages import Call, Reply
from retouch.plan.resolve import Target

Wall = Callable[[Call, Target, float], Reply]
# What providers call it: OpenAI and most others; Azure's front; AWS. Each in its reference of response headers.
_IDS = ("x-request-id", "apim-request-id", "x-amzn-requestid")
_ID = re.compile(r"[!-~]{1,128}")
_MILLISECONDS = re.compile(r"[0-9]{1,9}")
_MOST = 10  # pictures, and so orders, of one edit


class Diary:
    """Of one attempt at one provider. Orders may run side by side; each adds a line when it is answered."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._cache = ""
        self._replies: list[Mapping[str, str]] = []

    def looked(self, status: str) -> None:
        """How the look into the cache went, in Portkey's word."""
        self._cache = status

    def listening(self, send: Wall) -> Wall:
        """`send`, with what is answered to orders noted. Polls and downloads are none, and strangers tell nothing."""

        def noted(call: Call, target: Target, deadline: float) -> Reply:
            reply = send(call, target, deadline)
            if not call.repeatable:
                self._replies.append(_shown(reply.headers, target.key))
            return reply

        return noted

    @property
    def headers(self) -> dict[str, str]:
        """What is known so far."""
        found = {
            "x-portkey-provider": self._provider,
            "x-portkey-cache-status": self._cache,
            "x-retouch-upstream-request-id": self._said(_ID, *_IDS),
            "x-retouch-upstream-processing-ms": self._said(_MILLISECONDS, "openai-processing-ms"),
        }
        return {name: value for name, value in found.items() if value}

    def _said(self, fit: re.Pattern[str], *names: str) -> str:
        """The first of the named headers of each reply, where it is fit to be shown."""
        values = (next((one[n] for n in names if n in one), "") for one in self._replies[-_MOST:])
        return ", ".join(value for value in values if fit.fullmatch(value))


def _shown(headers: Mapping[str, str], key: str | None) -> dict[str, str]:
    """What may be repeated: nothing with the key in it, whoever put it there."""
    return {name: value for name, value in headers.items() if not (key and key in value)}
