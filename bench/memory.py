"""Measure the peak memory and the CPU time of a worker that edits the largest pictures. Every case gets a new worker.

The worker is the process that AWS would bill. The development server runs it, a local S3 holds the uploads and the
results, and a mock provider returns `n` pictures. The figures are the peak resident memory since the start of the
worker, and the CPU time of the edit, without the start and the uploads.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from bench import large_images, paths
from bench.process_usage import cpu_seconds, descendant_pids
from bench.processes import start_process, stop_process
from bench.progress import Progress
from bench.report import markdown_table
from bench.targets import API_KEY, BILLED_PART, RETOUCH, Target
from devserver.ports import unused_port
from tests.support.upstream import Upstream, json_response

MAX_MB = 600  # a MB is 1,000,000 bytes
MODEL = "openai/gpt-image-2"
_WORKER_MODULE = "retouch.infrastructure.lambda_runtime"
_RESULT = "result.png"
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Case:
    """One edit: its file, and the fields of the request."""

    label: str
    file: str
    mask: str = "mask.png"  # empty: none
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of pictures that the provider returns."""
        return int(self.fields.get("n", 1))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files of the edit."""
        return (self.file, _RESULT, *filter(None, [self.mask]))


_LINK = {"response_format": "url"}
CASES = (
    Case("progressive JPEG, mask, link", "progressive.jpg", fields=_LINK),
    Case("progressive JPEG, mask, base64", "progressive.jpg"),
    Case("progressive JPEG, mask, 10 links", "progressive.jpg", fields={**_LINK, "n": 10}),
    Case("progressive JPEG, mask, 10 times base64", "progressive.jpg", fields={"n": 10}),
    Case("progressive JPEG with 4:2:2, mask, link", "progressive-422.jpg", fields=_LINK),
    Case("JPEG without subsampling, mask, link", "baseline-444.jpg", fields=_LINK),
    Case("progressive JPEG turned by EXIF, mask, link", "turned.jpg", "turned-mask.png", _LINK),
    Case("CMYK JPEG, mask, link", "cmyk.jpg", fields=_LINK),
    Case("HEIC, mask, link", "photo.heic", fields=_LINK),
    Case("HEIC, mask, base64", "photo.heic"),
    Case("HEIC, mask, 10 links", "photo.heic", fields={**_LINK, "n": 10}),
    Case("AVIF, mask, link", "photo.avif", fields=_LINK),
    Case("PNG, mask, link", "photo.png", fields=_LINK),
    Case("PNG, mask, base64", "photo.png"),
    Case("PNG, mask, 10 links", "photo.png", fields={**_LINK, "n": 10}),
    Case("PNG, mask, 10 times base64", "photo.png", fields={"n": 10}),
    Case("PNG with transparency, mask, link", "clear.png", fields=_LINK),
    Case("PNG with 16 bits, mask, link", "grey-16bit.png", fields=_LINK),
    Case("TIFF, mask, link", "photo.tiff", fields=_LINK),
    Case("progressive JPEG, no mask, base64", "progressive.jpg", mask=""),
    Case(
        "progressive JPEG, mask, `local/erase`",
        "progressive.jpg",
        fields={**_LINK, "model": "local/erase", "quality": "low"},
    ),
    Case(
        "portrait JPEG of 24 megapixels, mask of an object, base64",
        "portrait.jpg",
        "portrait-mask.png",
    ),
)


@dataclass(frozen=True)
class Measurement:
    """The outcome of one case: the status, the peak in MB, the seconds, and the length of the answer in bytes."""

    status: int
    peak_mb: float
    cpu_seconds: float
    seconds: float
    answer_bytes: int
    notes: str


def run(cases: Iterable[Case] = CASES) -> str:
    """Measure and return a table in markdown."""
    cases = tuple(cases)
    progress = Progress(len(cases))
    rows = []
    for case in cases:
        measurement = measure_case(case)
        rows.append(_row(case, measurement))
        progress.advance(f"{case.label}: {measurement}")
    progress.finish()
    width, height = large_images.PHONE_SIZE
    head = (f"edit of {width}x{height} pixels", "CPU, s", "peak, MB", f"≤ {MAX_MB}")
    return markdown_table(head, rows)


def measure_case(case: Case) -> Measurement:
    """Run the edit in a new worker."""
    large_images.write_missing(paths.IMAGES, case.files)
    item = {"b64_json": base64.b64encode((paths.IMAGES / _RESULT).read_bytes()).decode()}
    answer = json_response({"created": 1, "data": [item] * case.n})
    with Upstream(answer) as provider, _run_gateway(provider.url) as target:
        inputs = {"image": _upload(target, paths.IMAGES / case.file)}
        if case.mask:
            inputs["mask"] = _upload(target, paths.IMAGES / case.mask)
        cpu_before = cpu_seconds(target.parts[BILLED_PART]())
        body = {"model": MODEL, "prompt": "remove the ball", **inputs, **case.fields}
        response = requests.post(
            f"{target.base_url}/images/edits", json=body, timeout=_TIMEOUT_SECONDS
        )
        return Measurement(
            response.status_code,
            worker_peak_mb(target.parts[BILLED_PART]()),
            cpu_seconds(target.parts[BILLED_PART]()) - cpu_before,
            response.elapsed.total_seconds(),
            len(response.content),
            response.headers.get("x-retouch-notes", ""),
        )


@contextmanager
def _run_gateway(provider: str) -> Iterator[Target]:
    """Run the development server with one worker and a local S3, and end them by pid."""
    port = unused_port()
    env = {
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join((str(paths.ROOT / "layers" / "retouch"), str(paths.ROOT))),
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": f"{provider}/v1",
        "RETOUCH_BUCKET": "",
        "RETOUCH_LOCAL_WORKERS": "1",
    }
    server = start_process([sys.executable, "-m", "devserver"], "memory", env)
    target = Target(
        RETOUCH,
        f"http://127.0.0.1:{port}/v1",
        parts={BILLED_PART: lambda: descendant_pids(server.pid)},
    )
    try:
        target.wait_until_listening()
        yield target
    finally:
        stop_process(server)


def _row(case: Case, measurement: Measurement) -> tuple[str, str, str, str]:
    if measurement.status != 200:
        return case.label, "–", f"status {measurement.status}", "✗"
    mark = "✓" if measurement.peak_mb <= MAX_MB else "✗"
    return case.label, f"{measurement.cpu_seconds:.2f}", f"{measurement.peak_mb:.0f}", mark


def _upload(target: Target, path: Path) -> dict[str, str]:
    """Upload a file as a client does, and return the reference to it."""
    form = requests.post(f"{target.base_url}/uploads", json={}, timeout=60).json()
    with path.open("rb") as file:
        stored = requests.post(form["url"], data=form["fields"], files={"file": file}, timeout=60)
    stored.raise_for_status()
    return {"file_id": form["id"]}


def worker_peak_mb(pids: Iterable[int]) -> float:
    """Return the peak resident memory in MB of the only worker among the processes."""
    (pid,) = [pid for pid in pids if _WORKER_MODULE in psutil.Process(pid).cmdline()]
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kibibytes * 1024 / 1e6
