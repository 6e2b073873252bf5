"""The embedded provider: edits that need no model, done here with Pillow alone. Works without key and network."""

from __future__ import annotations

from retouch.cards import DIRECT, Model, Provider
from retouch.messages import Artifact, Conversation, Job
from retouch.pixels.convert import decode, encode_kept, flatten, resize, see_through
from retouch.pixels.erase import erase
from retouch.sizes import FreeSize, parse_size
from retouch.specs import Choice, Unsent, Whole, Words

PASSES = {"low": 0, "auto": 1, "medium": 1, "high": 3}


def edit(job: Job) -> Conversation:
    """Erase what the mask marks; the same picture for each of n, since nothing here is random."""
    yield from ()
    assert job.mask is not None, "the card says needs_mask"
    image = erase(
        decode(job.images[0]), job.mask.edit, passes=PASSES[job.params.get("quality", "auto")]
    )
    size = parse_size(job.params.get("size", "auto"))
    if size and size != image.size:
        image = resize(image, size)
    if job.params.get("background") == "opaque":
        image = flatten(image)
    output_format = job.params.get("output_format", "png")
    data = encode_kept(image, output_format, compression=job.params.get("output_compression"))
    clear = see_through(image) and output_format != "jpeg"
    picture = Artifact(
        data=data,
        revised_prompt=(
            f"Removed the marked {job.mask.coverage:.1%} of the picture and filled it from its surroundings. "
            "The prompt was not interpreted."
        ),
        facts={
            "size": f"{image.width}x{image.height}",
            "output_format": output_format,
            "quality": job.params.get("quality", "auto"),
            "background": "transparent" if clear else "opaque",
        },
    )
    return [picture] * job.n


PROVIDER = Provider(
    name="local",
    title="Retouch itself",
    docs="docs/local.md",
    edit=edit,
    default_model="erase",
    paid=False,
    models=(
        Model(
            id="erase",
            mask=DIRECT,
            needs_mask=True,
            params={
                "size": FreeSize(
                    step=1, longest_edge=8192, least_pixels=1, most_pixels=16_777_216, widest=8192
                ),
                "quality": Choice(tuple(PASSES)),
                "input_fidelity": Unsent(Choice(("high",)), "unmarked pixels are always kept"),
                "output_format": Choice(("png", "jpeg", "webp")),
                "output_compression": Whole(0, 100),
                "partial_images": Unsent(Whole(0, 3), "the edit has no previews"),
                "moderation": Unsent(Choice(("auto", "low")), "nothing leaves the gateway"),
                "user": Unsent(Words(512), "nothing leaves the gateway"),
            },
        ),
    ),
)
