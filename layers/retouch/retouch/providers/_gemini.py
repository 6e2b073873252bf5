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
from retouch.providers._answers import drawn, format_of, listed, mapping, text, whole
from retouch.providers._gemini_refusals import told_without_picture
from retouch.providers._kit import present

# What safety_threshold governs. Blocks by Google's image policies cannot be switched off.
HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")

_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)


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
    candidates = list(map(mapping, listed(answer.get("candidates"))))
    shown = (mapping(part.get("inlineData")) for part in parts(candidates))
    picture = next(filter(None, (drawn(file.get("data")) for file in shown)), "")
    if picture:
        facts = present(output_format=format_of(picture), usage=usage(answer.get("usageMetadata")))
        return [Artifact(b64=picture, facts=facts)]
    feedback = mapping(answer.get("promptFeedback"))
    if not candidates and not feedback.get("blockReason"):
        return []
    words = " ".join(filter(None, (text(part.get("text")) for part in parts(candidates))))
    raise Failed(told_without_picture(feedback, candidates[0] if candidates else {}, words))


def parts(candidates: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All parts that are meant for the reader; a blocked candidate has none."""
    contents = [mapping(candidate.get("content")) for candidate in candidates]
    found = [mapping(part) for content in contents for part in listed(content.get("parts"))]
    return [part for part in found if not part.get("thought")]


def usage(metadata: Any) -> dict[str, Any] | None:
    """Google's token counts as OpenAI's usage object; None where they are not all counts.

    Thinking counts as text that came out. Without the split by kind of input none is invented; without that of the
    output all but thoughts is picture.
    """
    counted = mapping(metadata)
    found = [whole(counted.get(name, 0)) for name in _COUNTS]
    numbers = [number for number in found if number is not None]
    if not any(numbers) or len(numbers) < len(_COUNTS):
        return None
    prompt, tools, answered, thoughts = numbers
    drawn_tokens = _image_tokens(counted.get("candidatesTokensDetails"))
    shown_tokens = _image_tokens(counted.get("promptTokensDetails"))
    asked, told = prompt + tools, answered + thoughts
    return present(
        input_tokens=asked,
        output_tokens=told,
        total_tokens=whole(counted.get("totalTokenCount")) or asked + told,
        input_tokens_details=_split(asked, shown_tokens),
        output_tokens_details=_split(told, answered if drawn_tokens is None else drawn_tokens),
    )


def _image_tokens(details: Any) -> int | None:
    """Tokens of pictures; None where nobody says how many of them are."""
    pairs = [
        (one.get("modality"), whole(one.get("tokenCount"))) for one in map(mapping, listed(details))
    ]
    known = [(kind, count) for kind, count in pairs if count is not None]
    return sum(count for kind, count in known if kind == "IMAGE") if known else None


def _split(tokens: int, image_tokens: int | None) -> dict[str, int] | None:
    if image_tokens is None or image_tokens > tokens:
        return None
    return {"text_tokens": tokens - image_tokens, "image_tokens": image_tokens}
