"""The generateContent conversation, shared by the two hosts that serve Google's image models.

Facts from google-genai 3.4.0 and Google's pages as of 2026-11; nothing was confirmed by a call of ours.
Peculiarities: pictures stand before the words; there is neither a mask nor a count, so n becomes several calls;
thinking models send interim pictures in parts marked `thought`; a blocked or refused edit is a 200 without a
picture (see _gemini_refusals.py). Should an answer hold more than one picture, the first is the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retouch.cards import Failed
from retouch.messages import Artifact, Call, Conversation, Job
from retouch.providers._gemini_refusals import told_without_picture
from retouch.providers._kit import present

# What safety_threshold governs. Blocks by Google's image policies cannot be switched off.
HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


def converse(call: Call) -> Conversation:
    """Send the order and read the answer, which comes in one piece."""
    reply = yield call
    return finished(reply.json())


def body(job: Job, also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The order as JSON; `also` is what only one host knows in imageConfig."""
    params = job.params
    level = params.get("thinking_level")
    shape = present(aspectRatio=params.get("aspect_ratio"), imageSize=params.get("resolution"))
    settings = present(
        responseModalities=["IMAGE"],
        imageConfig={**shape, **(also or {})} or None,
        thinkingConfig={"thinkingLevel": level.upper()} if level else None,
        seed=params.get("seed"),
    )
    return present(
        contents=[{"role": "user", "parts": [*_pictures(job), {"text": job.prompt}]}],
        generationConfig=settings,
        safetySettings=_safety(params.get("safety_threshold")),
    )


def _pictures(job: Job) -> list[dict[str, Any]]:
    return [{"inlineData": {"mimeType": p.mime, "data": p.base64()}} for p in job.images]


def _safety(threshold: str | None) -> list[dict[str, str]] | None:
    if threshold is None:
        return None
    return [{"category": f"HARM_CATEGORY_{h}", "threshold": threshold.upper()} for h in HARMS]


def finished(answer: Mapping[str, Any]) -> list[Artifact]:
    """The picture of a 200; Failed where it says why there is none, nothing where it does not even say that."""
    candidates = answer.get("candidates") or []
    pictures = [part["inlineData"] for part in parts(candidates) if part.get("inlineData")]
    if pictures:
        facts = present(
            output_format=pictures[0]["mimeType"].removeprefix("image/"),
            usage=usage(answer.get("usageMetadata")),
        )
        return [Artifact(b64=pictures[0]["data"], facts=facts)]
    feedback = answer.get("promptFeedback") or {}
    if not candidates and not feedback.get("blockReason"):
        return []
    words = " ".join(part["text"] for part in parts(candidates) if part.get("text"))
    raise Failed(told_without_picture(feedback, candidates[0] if candidates else {}, words))


def parts(candidates: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All parts that are meant for the reader; a blocked candidate has none."""
    contents = [candidate.get("content") or {} for candidate in candidates]
    return [p for c in contents for p in c.get("parts") or [] if not p.get("thought")]


def usage(counted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Google's token counts as OpenAI's usage object. Thinking counts as text that came out.

    Without the split by kind of input none is invented; without that of the output all but thoughts is picture.
    """
    if not counted:
        return None
    asked = counted.get("promptTokenCount", 0) + counted.get("toolUsePromptTokenCount", 0)
    answered = counted.get("candidatesTokenCount", 0)
    thoughts = counted.get("thoughtsTokenCount", 0)
    drawn = _image_tokens(counted.get("candidatesTokensDetails"))
    shown = _image_tokens(counted.get("promptTokensDetails"))
    return present(
        input_tokens=asked,
        output_tokens=answered + thoughts,
        total_tokens=counted.get("totalTokenCount", asked + answered + thoughts),
        input_tokens_details=_split(asked, shown),
        output_tokens_details=_split(answered + thoughts, answered if drawn is None else drawn),
    )


def _image_tokens(details: list[Mapping[str, Any]] | None) -> int | None:
    if not details:
        return None
    return sum(int(d.get("tokenCount", 0)) for d in details if d.get("modality") == "IMAGE")


def _split(tokens: int, image_tokens: int | None) -> dict[str, int] | None:
    if image_tokens is None:
        return None
    return {"text_tokens": tokens - image_tokens, "image_tokens": image_tokens}
