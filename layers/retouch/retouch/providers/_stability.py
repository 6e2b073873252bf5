"""The Stability image services as cards and fields, shared by the hosts that serve them.

Facts from Stability's OpenAPI document (2026-08) and the AWS pages on the same services, as of 2026-11. A
mask is white where to edit, and its greys mean partial strength. None of the services follows instructions:
a prompt describes the finished picture, or the part of it that is replaced. Prompts are read in English only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from retouch.cards import SOFT_WHITE, Bounds, Model, Price, Told, When
from retouch.messages import Job, Picture
from retouch.providers._kit import present
from retouch.sizes import AsInput, Ratios
from retouch.specs import Choice, Real, Spec, Unsent, Whole, Words

LONGEST = 10_000  # characters of any prompt
STRENGTH = 0.7  # of image-to-image where the caller does not say; 1 would ignore the picture
EDGES = ("left", "right", "up", "down")

TEXT = Words(LONGEST)
SHARE = Real(0, 1)
GROW = Whole(0, 20)
FORMAT = Choice(("png", "jpeg", "webp"))
STYLE = Choice(
    (
        "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance",
        "fantasy-art", "isometric", "line-art", "low-poly", "modeling-compound", "neon-punk",
        "origami", "photographic", "pixel-art", "tile-texture",
    )
)  # fmt: skip
RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")

FREE_SHAPE = Bounds(least_edge=64, least_pixels=4096, most_pixels=9_437_184)
BOUNDS = Bounds(least_edge=64, least_pixels=4096, most_pixels=9_437_184, widest=2.5)

MADE: Mapping[str, Spec] = {"seed": Whole(0, 4_294_967_294), "output_format": FORMAT}
SEEDED: Mapping[str, Spec] = {**MADE, "size": AsInput()}
SHAPED: Mapping[str, Spec] = {**MADE, "size": Ratios(RATIOS), "aspect_ratio": Choice(RATIOS)}
GUIDED: Mapping[str, Spec] = {"negative_prompt": TEXT, "style_preset": STYLE}
OUTPAINT: Mapping[str, Spec] = {
    **MADE,
    **dict.fromkeys(EDGES, Whole(0, 2000)),
    "style_preset": STYLE,
}
SEARCH: Mapping[str, Spec] = {**SEEDED, **GUIDED, "grow_mask": GROW}
CONTROL: Mapping[str, Spec] = {**SEEDED, **GUIDED, "control_strength": SHARE}
TRANSFER: Mapping[str, Spec] = {
    **SEEDED,
    "negative_prompt": TEXT,
    "composition_fidelity": SHARE,
    "style_strength": SHARE,
    "change_strength": Real(0.1, 1),
}
REMOVE_BACKGROUND: Mapping[str, Spec] = {
    "size": AsInput(),
    "output_format": FORMAT,
    "background": Unsent(Choice(("auto", "transparent")), "always transparent after this"),
}

# What is asked for by name comes before what a mask means; image-to-image is left for the rest.
CHOOSES: Mapping[str, When] = {
    "outpaint": When(given=EDGES),
    "search-and-replace": When(given=("search_prompt",)),
    "search-and-recolor": When(given=("select_prompt",)),
    "inpaint": When(mask=True, prompt=True),
    "erase": When(mask=True, prompt=False),
    "remove-background": When(mask=False, transparent=True),
    "image-to-image": When(),
}
_ALSO = {"style-transfer": When(images=2)}  # never chosen, but it cannot do with one picture
_MASKED = ("inpaint", "erase")
_PROMPT: Mapping[str, Literal["optional", "unread"]] = {
    "erase": "unread",
    "remove-background": "unread",
    "outpaint": "optional",
    "style-transfer": "optional",
}
_PROMPT_NAME = {"replace-background-and-relight": "background_prompt"}
_PICTURES = {
    "style-transfer": ("init_image", "style_image"),
    "replace-background-and-relight": (
        "subject_image",
        "background_reference",
        "light_reference",
    ),
}


def service(name: str, params: Mapping[str, Spec], price: Price) -> Model:
    """The card of an operation, as far as it is the same on every host."""
    masked = name in _MASKED
    return Model(
        id=name,
        images=len(_names(name)),
        bounds=BOUNDS,
        opaque=True,
        prompt=_PROMPT.get(name, "required"),
        prompt_chars=LONGEST,
        per_call=1,
        mask=SOFT_WHITE if masked else None,
        needs_mask=masked,
        params=params,
        compresses=False,
        transparent=name == "remove-background",
        reshapes=name == "outpaint",
        price=price,
        operation=name,
        when=CHOOSES.get(name) or _ALSO.get(name),
    )


def chooser(operations: tuple[Model, ...]) -> Model:
    """The card "edit", which leaves it to the request what is done."""
    chosen = [card for card in operations if card.id in CHOOSES]
    return Model(
        id="edit",
        mask=SOFT_WHITE,
        prompt="optional",
        prompt_chars=LONGEST,
        per_call=1,
        params={
            **{name: spec for card in chosen for name, spec in card.params.items()},
            "background": Choice(("auto", "opaque", "transparent")),
        },
        chooses=tuple(CHOOSES),
    )


def pictures(job: Job, operation: str) -> dict[str, Picture]:
    """The files by the names that the service has for them; a mask if there is one."""
    return {
        **dict(zip(_names(operation), job.images, strict=False)),
        **present(mask=job.mask_file),
    }


def words(job: Job, operation: str) -> dict[str, Any]:
    """Everything of the order that is no file: the prompt under its name, and the parameters."""
    name = _PROMPT_NAME.get(operation, "prompt")
    told = job.prompt and _PROMPT.get(operation) != "unread"
    return {**({name: job.prompt} if told else {}), **job.params}


def moderated(message: str, stage: str, *categories: str) -> Told:
    """A refusal by the safety system; `stage` is "input" or "output"."""
    details = {"moderation_stage": stage, "categories": list(categories)}
    return Told("moderated", message, details={"moderation_details": details})


def _names(operation: str) -> tuple[str, ...]:
    return _PICTURES.get(operation, ("image",))
