"""OpenAI images/edits. https://platform.openai.com/docs/api-reference/images/createEdit

Facts from openai-python 3.54.0 and OpenAI's pages as of 2026-11. A refusal and a typo share an error `type`, so
only `code` tells them apart. `dall-e-2` and `gpt-image-1` are contracts that clients still speak; the models are
gone (see lifecycle.json).
"""

from __future__ import annotations

from retouch.cards import Auth, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
from retouch.providers._gpt_image import body, converse, told_by
from retouch.providers._gpt_image_cards import (
    DALL_E_2,
    GPT2_PARAMS,
    GPT25_PARAMS,
    GPT26_PARAMS,
    GPT_PARAMS,
    PRICE_15,
    PRICE_MINI,
    gpt_image,
)
from retouch.providers._kit import present
from retouch.specs import Choice

_ACCOUNT = {
    "OpenAI-Organization": "organization",
    "OpenAI-Project": "project",
    "OpenAI-Beta": "beta",
}


def edit(job: Job) -> Conversation:
    """One call; streamed where the caller wants to watch."""
    headers = present(**{name: job.options.get(key) for name, key in _ACCOUNT.items()})
    call = Call("POST", "/images/edits", headers=headers, **body(job, {"model": job.model}))
    return (yield from converse(call))


def explain(reply: Reply) -> Told:
    """Branch on `code`, never on `type`: image_generation_user_error covers typos and refusals alike."""
    error = reply.json()["error"]
    return told_by(reply.status, error)


PROVIDER = Provider(
    name="openai",
    title="OpenAI",
    docs="https://platform.openai.com/docs/api-reference/images/createEdit",
    env="OPENAI",
    base_url="https://api.openai.com/v1",
    settings=("organization", "project"),
    portkey={
        "openai-organization": "organization",
        "openai-project": "project",
        "openai-beta": "beta",
    },
    family=("openai-",),
    auth=Auth("Authorization", "Bearer "),
    edit=edit,
    explain=explain,
    check=Call("GET", "/models", repeatable=True),
    default_model="dall-e-2",
    models=(
        gpt_image("gpt-image-2.6-sunburst", GPT26_PARAMS),
        gpt_image("gpt-image-2.6-flare", GPT26_PARAMS),
        gpt_image("gpt-image-2.5-sunburst", GPT25_PARAMS),
        gpt_image("gpt-image-2.5-sunburst-2026-09-08", GPT25_PARAMS),
        gpt_image("gpt-image-2.5-flare", GPT25_PARAMS),
        gpt_image("gpt-image-2.5-flare-2026-09-08", GPT25_PARAMS),
        gpt_image("gpt-image-2", GPT2_PARAMS),
        gpt_image("gpt-image-2-2026-04-21", GPT2_PARAMS),
        gpt_image("gpt-image-1.5", GPT_PARAMS, PRICE_15),
        gpt_image("gpt-image-1.5-2025-12-16", GPT_PARAMS, PRICE_15),
        gpt_image(
            "gpt-image-1-mini", {**GPT_PARAMS, "input_fidelity": Choice(("low",))}, PRICE_MINI
        ),
        gpt_image("chatgpt-image-latest", GPT_PARAMS, PRICE_15),
        gpt_image("gpt-image-1", GPT_PARAMS, PRICE_15),
        DALL_E_2,
    ),
)
