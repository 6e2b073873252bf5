"""The embedded provider: edits that need no model and run here with Pillow alone. It needs no key and no network."""

from __future__ import annotations

from retouch.core.capabilities import DIRECT_MASK, ModelCapabilities, Provider
from retouch.core.edit_types import GeneratedImage
from retouch.core.image_formats import INPUT_FORMATS
from retouch.core.parameters import EnumParam, IntParam, NotForwarded, StringParam
from retouch.core.provider_protocol import Conversation, ProviderJob
from retouch.core.sizes import SizeRange, parse_size
from retouch.imaging.codec import encode_preserved, flatten, has_transparency, resize
from retouch.imaging.colour import decode_srgb

FILL_PASSES = {"low": 0, "auto": 1, "medium": 1, "high": 3}


def edit(job: ProviderJob) -> Conversation:
    """Erase the area that the mask marks and return the result n times.

    All n images are the same, because the edit is not random.
    """
    # a cold start for another provider does not load the fill
    from retouch.imaging.inpaint.erase import erase_area

    yield from ()
    assert job.mask is not None, "the model has needs_mask"
    image = erase_area(
        decode_srgb(job.images[0]),
        job.mask.pixels,
        passes=FILL_PASSES[job.params.get("quality", "auto")],
    )
    size = parse_size(job.params.get("size", "auto"))
    if size and size != image.size:
        image = resize(image, size)
    if job.params.get("background") == "opaque":
        image = flatten(image)
    output_format = job.params.get("output_format", "png")
    data = encode_preserved(image, output_format, compression=job.params.get("output_compression"))
    is_transparent = has_transparency(image) and output_format != "jpeg"
    result = GeneratedImage(
        data=data,
        revised_prompt=(
            f"Removed the marked {job.mask.coverage:.1%} of the image and filled it from its surroundings. "
            "The prompt was not interpreted."
        ),
        metadata={
            "size": f"{image.width}x{image.height}",
            "output_format": output_format,
            "quality": job.params.get("quality", "auto"),
            "background": "transparent" if is_transparent else "opaque",
        },
    )
    return [result] * job.n


PROVIDER = Provider(
    name="local",
    title="Retouch itself",
    docs_url="docs/local.md",
    edit_flow=edit,
    default_model="erase",
    is_paid=False,
    models=(
        ModelCapabilities(
            id="erase",
            prompt_mode="optional",  # not read; the result says so in `revised_prompt`
            mask_format=DIRECT_MASK,
            upstream_formats=INPUT_FORMATS,
            requires_mask=True,
            params={
                "size": SizeRange(
                    edge_multiple=1,
                    max_edge=8192,
                    min_pixels=1,
                    max_pixels=16_777_216,
                    max_aspect_ratio=8192,
                ),
                "quality": EnumParam(tuple(FILL_PASSES)),
                "input_fidelity": NotForwarded(
                    EnumParam(("high",)), "unmarked pixels are always kept"
                ),
                "output_format": EnumParam(("png", "jpeg", "webp")),
                "output_compression": IntParam(0, 100),
                "partial_images": NotForwarded(IntParam(0, 3), "the edit has no previews"),
                "moderation": NotForwarded(
                    EnumParam(("auto", "low")), "nothing leaves the gateway"
                ),
                "user": NotForwarded(StringParam(512), "nothing leaves the gateway"),
            },
        ),
    ),
)
