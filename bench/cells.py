"""What is measured: one cell is an upload, a kind of answer, and with or without a mask."""

from dataclasses import dataclass
from pathlib import Path

MODEL = "gpt-image-2"
SMALL, URL, BIG = "small", "url", "big"
ANSWERS = {SMALL: "20 KB picture", URL: "URL", BIG: "1.15 MB picture"}
UPLOADS = {"20 KB": ("upload-20k.png", "mask-256.png"), "3 MB": ("upload-3m.png", "mask-1024.png")}
BOUNDARY = "----retouch-bench-7f3a91c2"


@dataclass(frozen=True)
class Cell:
    """One row of the result."""

    upload: str
    answer: str
    masked: bool = False

    @property
    def label(self) -> str:
        """The row's name in the tables."""
        return f"{self.upload} → {ANSWERS[self.answer]}{', with mask' if self.masked else ''}"

    def body(self, images: Path) -> bytes:
        """The multipart body every target receives, byte for byte."""
        image, mask = UPLOADS[self.upload]
        files = [("image", image), *([("mask", mask)] if self.masked else [])]
        fields = [("model", MODEL), ("prompt", "a red hat"), ("n", "1")]
        return multipart(fields, [(name, (images / file).read_bytes()) for name, file in files])


# With a mask the answer has the upload's dimensions, as a provider's would.
CELLS = (
    *(Cell(upload, answer) for upload in UPLOADS for answer in ANSWERS),
    Cell("20 KB", SMALL, masked=True),
    Cell("3 MB", BIG, masked=True),
)


def multipart(fields: list[tuple[str, str]], files: list[tuple[str, bytes]]) -> bytes:
    """Form data with text fields first and PNG parts after them."""
    text = [_part(f'name="{name}"', value.encode()) for name, value in fields]
    pictures = [
        _part(f'name="{name}"; filename="{name}.png"', data, "Content-Type: image/png\r\n")
        for name, data in files
    ]
    return b"".join([*text, *pictures, f"--{BOUNDARY}--\r\n".encode()])


def _part(names: str, value: bytes, headers: str = "") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {names}\r\n{headers}\r\n"
    return head.encode() + value + b"\r\n"
