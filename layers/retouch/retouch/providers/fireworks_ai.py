"""Fireworks AI, FLUX Kontext workflows. https://docs.fireworks.ai/api-reference/generate-or-edit-image-using-flux-kontext

Facts from the Fireworks pages as of 2026-04 and @ai-sdk/fireworks 3.0.62; the official SDK has had no images
since 1.0. Peculiarities: one picture, no mask; submit, poll by POST, fetch from another host; png and jpeg
only; errors come in five shapes. Whether the family is still served was not confirmed since 2026-04.
"""

from __future__ import annotations

from retouch.cards import Auth, Kind, Price, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
from retouch.providers._answers import mapping, text, words
from retouch.providers._flux import fields, kontext, result

KINDS: dict[int, Kind] = {404: "no_such_model", 412: "suspended"}
PRICES = "litellm 1.109.1 model map (unconfirmed)"


def edit(job: Job) -> Conversation:
    """One task. The poll is a POST, but orders nothing."""
    workflow = f"/workflows/accounts/fireworks/models/{job.model}"
    body = {**fields(job), "input_image": job.images[0].data_url()}
    order = (yield Call("POST", workflow, json=body)).json()
    if not text(order["request_id"]):
        raise ValueError("a task is asked after by its id")
    ask = Call("POST", f"{workflow}/get_result", json={"id": order["request_id"]})
    return [(yield from result(ask))]


def explain(reply: Reply) -> Told:
    """{"error": {...}} or {"error": "text"}, {"error_message": ...}, {"fault": ...}, {"detail": ...}."""
    answer = mapping(reply.json())
    said = (answer.get(name) for name in ("error", "error_message", "fault", "detail"))
    return Told(KINDS.get(reply.status, ""), next(filter(None, map(words, said)), ""))


PROVIDER = Provider(
    name="fireworks-ai",
    title="Fireworks AI",
    docs="https://docs.fireworks.ai/api-reference/generate-or-edit-image-using-flux-kontext",
    env="FIREWORKS",
    base_url="https://api.fireworks.ai/inference/v1",
    auth=Auth("Authorization", "Bearer "),
    family=("fireworks-",),
    edit=edit,
    explain=explain,
    check=Call("GET", "/models", repeatable=True),
    default_model="flux-kontext-pro",
    models=(
        kontext("flux-kontext-pro", 1, Price(0.04, source=PRICES)),
        kontext("flux-kontext-max", 1, Price(0.08, source=PRICES)),
    ),
)
