"""The measured scenarios: an upload, a kind of response, with or without a mask, and with or without own links."""

from dataclasses import dataclass
from pathlib import Path

MODEL = "gpt-image-2"
SMALL, URL, BIG, PHOTO = "small", "url", "big", "photo"
RESPONSES = {SMALL: "20 KB picture", URL: "URL", BIG: "1.15 MB picture", PHOTO: "photo"}
UPLOADS = {
    "20 KB": ("upload-20k.png", "mask-256.png"),
    "3 MB": ("upload-3m.png", "mask-1024.png"),
    "photo": ("upload-photo.png", "mask-1024.png"),
}
BOUNDARY = "----retouch-bench-7f3a91c2"


@dataclass(frozen=True)
class Scenario:
    """One scenario, which is one row of the result."""

    upload: str
    response_kind: str
    has_mask: bool = False
    wants_link: bool = False  # response_format=url, while the provider sends base64.
    has_key: bool = (
        False  # Each request has an Idempotency-Key of its own, so the order is durable.
    )
    has_budget: bool = False  # The gateway key has a budget, so an amount is held for the edit.
    provider_ms: int = 0  # The provider waits so long before it answers.

    @property
    def label(self) -> str:
        """The name of the row in the tables."""
        parts = (
            ", as own link" * self.wants_link,
            ", with Idempotency-Key" * self.has_key,
            ", with a key's budget" * self.has_budget,
            f", provider takes {self.provider_ms} ms" * bool(self.provider_ms),
            ", with mask" * self.has_mask,
        )
        return f"{self.upload} → {RESPONSES[self.response_kind]}{''.join(parts)}"

    def request_body(self, images: Path) -> bytes:
        """Return the multipart body that every target receives."""
        image, mask = UPLOADS[self.upload]
        files = [("image", image), *([("mask", mask)] if self.has_mask else [])]
        fields = [("model", MODEL), ("prompt", "a red hat"), ("n", "1")]
        if self.wants_link:
            fields.append(("response_format", "url"))
        return encode_multipart(
            fields, [(name, (images / file).read_bytes()) for name, file in files]
        )


PLAIN = Scenario("20 KB", SMALL)
# With a mask the response image has the dimensions of the upload, as with a real provider.
SCENARIOS = (
    *(Scenario(upload, kind) for upload in ("20 KB", "3 MB") for kind in (SMALL, URL, BIG)),
    Scenario("photo", PHOTO),
    Scenario("20 KB", SMALL, wants_link=True),
    Scenario("20 KB", SMALL, has_key=True),
    Scenario("20 KB", SMALL, has_budget=True),
    Scenario("20 KB", SMALL, has_mask=True),
    Scenario("3 MB", BIG, has_mask=True),
    Scenario("photo", PHOTO, has_mask=True),
    # Real providers take seconds. Work that needs only the original is done in this time.
    Scenario("photo", PHOTO, has_mask=True, provider_ms=100),
)


def encode_multipart(fields: list[tuple[str, str]], files: list[tuple[str, bytes]]) -> bytes:
    """Encode form data: text fields first, PNG parts after them."""
    field_parts = [_encode_part(f'name="{name}"', value.encode()) for name, value in fields]
    file_parts = [
        _encode_part(f'name="{name}"; filename="{name}.png"', data, "Content-Type: image/png\r\n")
        for name, data in files
    ]
    return b"".join([*field_parts, *file_parts, f"--{BOUNDARY}--\r\n".encode()])


def _encode_part(disposition: str, value: bytes, headers: str = "") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n{headers}\r\n"
    return head.encode() + value + b"\r\n"
