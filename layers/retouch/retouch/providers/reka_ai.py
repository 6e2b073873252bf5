"""Reka, a chat model that sees. https://docs.reka.ai/chat

Reka has no image endpoint and paints nothing. Its model looks at the picture and plans; Retouch carries the plan
out (see _planner.py). Facts from reka-api 3.2.0 and Reka's pages as of 2026-11. Peculiarities: POST /chat, answers
in `responses` (plural); a picture is a plain string in `image_url`, where OpenAI has an object; media parts come
before text; no JSON mode, so the form of the plan is asked for in words. Limits of pictures are not published, so
a small JPEG is sent. "P001: Insufficient Balance" comes with a status that is not documented.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from retouch.cards import DIRECT, Auth, Model, Price, Provider, Told
from retouch.messages import Call, Conversation, Job, Picture, Reply, Step
from retouch.operations.values import MOST_PIXELS
from retouch.providers._answers import listed, mapping, text, whole, words
from retouch.providers._planner_ask import Messages, Said
from retouch.sizes import FreeSize
from retouch.specs import Choice, Unsent, Whole, Words

_MOST_TOKENS = 4096  # of an answer: plans are short, thoughts need not be
_PRICES = "Reka's price page, 2026-11"


def edit(job: Job) -> Conversation:
    """One chat, or two where the first plan breaks a rule."""
    # Loaded for the first plan: with its operations it would cost every cold start 20 ms.
    from retouch.providers._planner import converse

    return (yield from converse(job, ask))


def seen(job: Job) -> tuple[Picture, ...]:
    """What leaves of an order's pictures: a small copy of the first."""
    from retouch.providers import _planner

    return _planner.seen(job)


def ask(job: Job, messages: Messages) -> Generator[Step, Reply, Said]:
    """One chat; greedy, so that the same order gets the same plan as far as the model allows."""
    order = {
        "messages": [_native(message) for message in messages],
        "model": job.model,
        "stream": False,
        "max_tokens": _MOST_TOKENS,
        "temperature": 0.0,
    }
    reply = yield Call("POST", "/chat", json=order)
    answer = reply.json()
    usage = mapping(answer.get("usage"))
    told = {name: whole(usage.get(name)) for name in ("input_tokens", "output_tokens")}
    counts = {name: count for name, count in told.items() if count is not None}
    return Said(_text(answer["responses"][0]["message"]["content"]), counts)


def explain(reply: Reply) -> Told:
    """OpenAI's error object, or FastAPI's `detail`: a sentence, or a list of what is wrong where."""
    answer = mapping(reply.json())
    error = mapping(answer.get("error"))
    message = words(answer.get("error")) or _detail(answer.get("detail"))
    if "P001" in message or "insufficient balance" in message.lower():
        return Told("out_of_quota", message)
    if error.get("type") == "authentication_error":
        return Told("auth", message)
    if reply.status == 404:
        return Told("no_such_model", message)
    return Told("", message, text(error.get("code")) or None)


def _native(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, str):
        content = [_part(part) for part in content]
    return {"content": content, "role": message["role"]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return dict(part)
    return {"type": "image_url", "image_url": part["image_url"]["url"]}


def _text(content: Any) -> str:
    """An answer is text, by the SDK's types perhaps in parts; the planner judges one without any."""
    if isinstance(content, str):
        return content
    return "".join(text(mapping(part).get("text")) for part in listed(content))


def _detail(detail: Any) -> str:
    if isinstance(detail, str):
        return detail
    return "; ".join(filter(None, map(_complaint, map(mapping, listed(detail)))))


def _complaint(each: Mapping[str, Any]) -> str:
    """What is wrong, and where as far as that is told."""
    where = ".".join(map(str, listed(each.get("loc"))))
    return f"{where}: {words(each)}" if where else words(each)


def _card(model_id: str, price: Price) -> Model:
    return Model(
        id=model_id,
        prompt_chars=8000,
        mask=DIRECT,
        transparent=True,
        reshapes=True,
        price=price,
        params={
            "size": FreeSize(
                step=1, longest_edge=8192, least_pixels=1, most_pixels=MOST_PIXELS, widest=8192
            ),
            "output_format": Choice(("png", "jpeg", "webp")),
            "output_compression": Whole(0, 100),
            "user": Unsent(Words(512), "Reka has no such field"),
        },
    )


_FLASH = Price(call=0.003, text_in=0.8, image_in=0.8, image_out=2.0, source=_PRICES)
_EDGE = Price(call=0.0004, text_in=0.1, image_in=0.1, image_out=0.1, source=_PRICES)

PROVIDER = Provider(
    name="reka-ai",
    title="Reka",
    docs="https://docs.reka.ai/chat",
    env="REKA",
    base_url="https://api.reka.ai/v1",
    auth=Auth("X-Api-Key"),
    edit=edit,
    explain=explain,
    shows=seen,
    check=Call("GET", "/models", repeatable=True),
    default_model="reka-flash",
    models=(
        _card("reka-flash", _FLASH),
        _card("reka-core", Price()),
        _card("reka-edge", _EDGE),
        _card("reka-edge-2603", _EDGE),
    ),
    # Reka hosts other vision models too and asks to list rather than to know them.
    deployments=_card("", Price()),
)
