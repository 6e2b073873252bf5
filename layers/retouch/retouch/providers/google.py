"""Google's Gemini API with a key from AI Studio. https://ai.google.dev/gemini-api/docs/image-generation

Facts from google-genai 3.4.0 and Google's pages as of 2026-11. The key goes into a header, never into the URL. One
request may have about 20 MB in base64; the higher limit that was announced is not relied on. The answer's format,
PNG or JPEG, cannot be chosen. A request that fails with 500 or 503 is not charged, says Google's billing FAQ.
Imagen's models were shut down on 2026-08-17 and have no cards.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.cards import Auth, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
from retouch.providers import _gemini_refusals
from retouch.providers._gemini import body, converse
from retouch.providers._gemini_cards import FAMILY

REQUEST_BYTES = 13_500_000  # 18 MB in base64


def edit(job: Job) -> Conversation:
    """One call, one picture."""
    call = Call("POST", f"/models/{job.model}:generateContent", json=body(job))
    return (yield from converse(call))


def explain(reply: Reply) -> Told:
    """Google's error; what broke or never began on its side costs nothing."""
    told = _gemini_refusals.explain(reply)
    return replace(told, billed="no") if reply.status in (500, 503) else told


PROVIDER = Provider(
    name="google",
    title="Google Gemini",
    docs="https://ai.google.dev/gemini-api/docs/image-generation",
    env="GOOGLE",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    auth=Auth("x-goog-api-key"),
    edit=edit,
    explain=explain,
    check=Call("GET", "/models", {"pageSize": "1"}, repeatable=True),
    default_model="gemini-nano-banana-2.1",
    models=tuple(replace(model, request_bytes=REQUEST_BYTES) for model in FAMILY),
)
