"""The generateContent requests and responses of Google's image models. Both hosts that serve them share this module.

Facts from google-genai 3.4.0 and Google's pages as of 2026-11. No call of ours has confirmed them. Peculiarities:
- The images come before the text in a request.
- There is no mask and no image count. n images become n calls.
- Thinking models send interim images in parts that are marked `thought`.
- A blocked or refused edit is a 200 without an image (see _shared/gemini_errors.py).
If a response holds more than one image, the first image is the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retouch.core.capabilities import ProviderFailure
from retouch.core.edit_types import GeneratedImage
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.event_stream import is_event_stream, parse_sse_events
from retouch.core.text.image_text import detect_base64_format
from retouch.providers._shared.gemini_errors import missing_image_error
from retouch.providers._shared.request_building import drop_none
from retouch.providers._shared.response_parsing import (
    count_or_none,
    find_base64,
    find_object,
    items_or_empty,
    list_or_empty,
    mapping_or_empty,
    text_or_empty,
)

# `safety_threshold` applies to these categories. Blocks by Google's image policies cannot be switched off.
HARM_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")

_TOKEN_COUNT_FIELDS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)


def request_image(request: ProviderRequest) -> Conversation:
    """Send the request and parse the response. Google streams it only on another path, but a proxy may convert it.

    Returns an empty list instead of a refusal when the response ended early: the image may be in the missing end.
    """
    response = yield request
    try:
        return parse_images(_read_payload(response))
    except ProviderFailure as failure:
        if response.failure and failure.error.kind == "refused":
            return []
        raise


def _read_payload(response: ProviderResponse) -> Mapping[str, Any]:
    if is_event_stream(response.body):
        return _merge_chunks(parse_sse_events([response.body]))
    payload = response.json()
    # Google's stream without SSE is a list of responses.
    return _merge_chunks(payload) if isinstance(payload, list) else payload


def _merge_chunks(chunks: Iterable[Any]) -> dict[str, Any]:
    """Return the chunks of a streamed response as one response."""
    responses = [find_object(mapping_or_empty(chunk), "candidates") for chunk in chunks]
    candidates = [one for part in responses for one in items_or_empty(part.get("candidates"))]
    merged = {name: value for part in responses for name, value in part.items()}
    return {**merged, "candidates": candidates}


def build_body(job: ProviderJob, image_config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the request body as JSON. `image_config` has the imageConfig fields that only one host supports."""
    params = job.params
    thinking_level = params.get("thinking_level")
    size_config = drop_none(
        aspectRatio=params.get("aspect_ratio"), imageSize=params.get("resolution")
    )
    generation_config = drop_none(
        responseModalities=["IMAGE"],
        imageConfig={**size_config, **(image_config or {})} or None,
        thinkingConfig={"thinkingLevel": thinking_level.upper()} if thinking_level else None,
        seed=params.get("seed"),
    )
    return drop_none(
        contents=[{"role": "user", "parts": [*_image_parts(job), {"text": job.prompt}]}],
        generationConfig=generation_config,
        safetySettings=_safety_settings(params.get("safety_threshold")),
    )


def _image_parts(job: ProviderJob) -> list[dict[str, Any]]:
    return [{"inlineData": {"mimeType": p.media_type, "data": p.to_base64()}} for p in job.images]


def _safety_settings(threshold: str | None) -> list[dict[str, str]] | None:
    if threshold is None:
        return None
    return [
        {"category": f"HARM_CATEGORY_{h}", "threshold": threshold.upper()} for h in HARM_CATEGORIES
    ]


def parse_images(payload: Mapping[str, Any]) -> list[GeneratedImage]:
    """Return the image of a 200 response, as a list of one.

    Without an image: raises ProviderFailure when the response has a candidate or a block reason. Returns an empty list
    when it has neither, or when its image is damaged.
    """
    payload = find_object(payload, "candidates")
    candidates = list(map(mapping_or_empty, items_or_empty(payload.get("candidates"))))
    # `inlineData.data` holds the image. Proxies rename both.
    image = next(filter(None, map(find_base64, visible_parts(candidates))), "")
    if image:
        metadata = drop_none(
            output_format=detect_base64_format(image),
            usage=to_openai_usage(payload.get("usageMetadata")),
        )
        return [GeneratedImage(b64=image, metadata=metadata)]
    feedback = mapping_or_empty(payload.get("promptFeedback"))
    if not candidates and not feedback.get("blockReason"):
        return []
    model_text = " ".join(
        filter(None, (text_or_empty(part.get("text")) for part in visible_parts(candidates)))
    )
    candidate = candidates[0] if candidates else {}
    parts = visible_parts(candidates)
    if candidate.get("finishReason") == "STOP" and any(map(_has_image_type, parts)):
        return []
    raise ProviderFailure(missing_image_error(feedback, candidate, model_text))


def _has_image_type(part: Mapping[str, Any]) -> bool:
    file = mapping_or_empty(part.get("inlineData"))
    return text_or_empty(file.get("mimeType")).startswith("image/")


def visible_parts(candidates: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return all parts that are not thoughts. A blocked candidate has no parts."""
    contents = [mapping_or_empty(candidate.get("content")) for candidate in candidates]
    all_parts = [
        mapping_or_empty(part)
        for content in contents
        for part in items_or_empty(content.get("parts"))
    ]
    return [part for part in all_parts if not part.get("thought")]


def to_openai_usage(metadata: Any) -> dict[str, Any] | None:
    """Return Google's token counts as OpenAI's usage object, or None when one is invalid or all are zero.

    Thinking tokens count as text output. When Google does not split the input by modality, the usage has no input
    details. When Google does not split the output, all output tokens except thoughts count as image tokens.
    """
    counts = mapping_or_empty(metadata)
    values = [count_or_none(counts.get(name, 0)) for name in _TOKEN_COUNT_FIELDS]
    numbers = [number for number in values if number is not None]
    if not any(numbers) or len(numbers) < len(_TOKEN_COUNT_FIELDS):
        return None
    prompt_tokens, tool_tokens, candidate_tokens, thought_tokens = numbers
    output_image_tokens = _count_image_tokens(counts.get("candidatesTokensDetails"))
    input_image_tokens = _count_image_tokens(counts.get("promptTokensDetails"))
    total_input, total_output = prompt_tokens + tool_tokens, candidate_tokens + thought_tokens
    return drop_none(
        input_tokens=total_input,
        output_tokens=total_output,
        total_tokens=count_or_none(counts.get("totalTokenCount")) or total_input + total_output,
        input_tokens_details=_token_details(total_input, input_image_tokens),
        output_tokens_details=_token_details(
            total_output, candidate_tokens if output_image_tokens is None else output_image_tokens
        ),
    )


def _count_image_tokens(details: Any) -> int | None:
    """Return the number of image tokens, or None when the details have no valid count."""
    pairs = [
        (detail.get("modality"), count_or_none(detail.get("tokenCount")))
        for detail in map(mapping_or_empty, list_or_empty(details))
    ]
    known = [(kind, count) for kind, count in pairs if count is not None]
    return sum(count for kind, count in known if kind == "IMAGE") if known else None


def _token_details(tokens: int, image_tokens: int | None) -> dict[str, int] | None:
    if image_tokens is None or image_tokens > tokens:
        return None
    return {"text_tokens": tokens - image_tokens, "image_tokens": image_tokens}
