"""Black Forest Labs. https://docs.bfl.ai

Facts from the vendor's pages as of 2026-11. Peculiarities: pictures are bare base64; the field is `input_image`,
but `image` where there is a mask; the poll's address comes with the order and lies on a regional host that
wants the key; the result lies on yet another that does not; a bad key is a 403, no credits are a 402.
"""

from __future__ import annotations

from typing import Any

from retouch.cards import SOFT_WHITE, Auth, Kind, Model, Price, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
from retouch.providers._answers import words
from retouch.providers._flux import COMMON, LIMITS, fields, kontext, result
from retouch.sizes import AsInput, FreeSize, parse_size
from retouch.specs import Real, Whole

KINDS: dict[int, Kind] = {403: "auth", 404: "no_such_model"}
PRICES = "docs.bfl.ai, 2026-11, at one megapixel"
# Edges of 64 and more in steps of 16, up to 4 megapixels.
SIZES = FreeSize(step=16, longest_edge=2048, least_pixels=65_536, most_pixels=4_000_000, widest=8)


def edit(job: Job) -> Conversation:
    """One task, asked after where its order's answer says."""
    order = (yield Call("POST", f"/{job.model}", json=body(job))).json()
    return [(yield from result(Call("GET", order["polling_url"])))]


def body(job: Job) -> dict[str, Any]:
    """The order. A size is two fields; `auto` is none."""
    wanted = fields(job)
    if size := parse_size(wanted.pop("size", "")):
        wanted.update(width=size[0], height=size[1])
    first, *more = (picture.base64() for picture in job.images)
    if job.mask_file:
        return {**wanted, "image": first, "mask": job.mask_file.base64()}
    further = {f"input_image_{number}": text for number, text in enumerate(more, 2)}
    return {**wanted, "input_image": first, **further}


def explain(reply: Reply) -> Told:
    """{"detail": "text"} or FastAPI's list of objects."""
    return Told(KINDS.get(reply.status, ""), words(reply.json()))


def flux_2(name: str, price: float) -> Model:
    """A FLUX.2 card: several pictures, free sizes, no mask."""
    return Model(
        id=name,
        images=8,
        image_bytes=20_000_000,
        bounds=LIMITS,
        per_call=1,
        params={"size": SIZES, "safety_tolerance": Whole(0, 5), **COMMON},
        makes=("png", "jpeg"),
        compresses=False,
        instructs=True,
        price=Price(price, source=PRICES),
    )


FILL = Model(
    id="flux-pro-1.0-fill",
    image_bytes=20_000_000,
    bounds=LIMITS,
    opaque=True,  # transparency would be read as a second mask
    per_call=1,
    mask=SOFT_WHITE,
    needs_mask=True,
    params={"size": AsInput(), "steps": Whole(15, 50), "guidance": Real(1.5, 100), **COMMON},
    makes=("png", "jpeg"),
    compresses=False,
    price=Price(0.05, source=PRICES),
)
PROVIDER = Provider(
    name="black-forest-labs",
    title="Black Forest Labs",
    docs="https://docs.bfl.ai",
    env="BFL",
    base_url="https://api.bfl.ai/v1",
    auth=Auth("x-key"),
    own_hosts=("api.bfl.ai", "api.*.bfl.ai"),
    edit=edit,
    explain=explain,
    check=Call("GET", "/credits", repeatable=True),
    default_model="flux-kontext-pro",
    models=(
        kontext("flux-kontext-pro", 4, Price(0.04, source=PRICES)),
        kontext("flux-kontext-max", 4, Price(0.08, source=PRICES)),
        FILL,
        flux_2("flux-2-pro", 0.045),
        flux_2("flux-2-max", 0.10),
        flux_2("flux-2-flex", 0.10),
        flux_2("flux-2-klein-9b", 0.015),
    ),
)
