"""Measure cold starts in Lambda's emulator on one core: `python -m tools.aws.coldstart [runs]`, into docs/deploy.md.

A cold start is the first invocation, before the process exists. It includes the interpreter, the imports, the secret,
the key and the edit itself. Loopback servers replace AWS and the provider and respond at once, so the measured time is
the time of Retouch alone.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retouch.gateway.authentication import key_digest
from tools.aws.lambda_emulator import ROOT, loopback_server, time_first_invocation
from tools.docs import replace_section
from tools.events import encode_png, get_request, multipart_edit, sample_image, sample_mask

RUNS = 9
_LAYERS = {
    "as built": ROOT / ".work/local/build/RetouchLayer",
    "stock": ROOT / ".work/local/stock",
}
_PEPPER, _KEY = "pepper", "rt_coldstart"
_PAGE = ROOT / "docs" / "deploy.md"


@dataclass(frozen=True)
class ColdStartCase:
    """A request that a new process receives first."""

    title: str
    event: bytes
    # Whether callers need a key, so that the function reads the secret and the table.
    requires_key: bool


def cold_start_cases() -> list[ColdStartCase]:
    """Return the measured cases, one for each row of the table."""
    return [
        ColdStartCase("nothing: an empty handler", b"{}", requires_key=False),
        ColdStartCase(
            "`GET /health`", authorized_event(get_request("/health")()), requires_key=False
        ),
        ColdStartCase("`local/erase`, open", _edit_event("local/erase"), requires_key=False),
        ColdStartCase("`local/erase`, with a key", _edit_event("local/erase"), requires_key=True),
        ColdStartCase(
            "`openai/gpt-image-2`, with a key", _edit_event("openai/gpt-image-2"), requires_key=True
        ),
    ]


def _edit_event(model: str) -> bytes:
    parts = (
        ("prompt", "remove the ball"),
        ("model", model),
        ("image", sample_image),
        ("mask", sample_mask),
    )
    return authorized_event(multipart_edit(*parts)())


def authorized_event(event: Mapping[str, object]) -> bytes:
    """Return the event as JSON, with a key that the stub of the table knows."""
    headers = dict(event["headers"]) | {"Authorization": f"Bearer {_KEY}"}  # type: ignore[call-overload]
    multi_value_headers = {name: [value] for name, value in headers.items()}
    return json.dumps(
        {**event, "headers": headers, "multiValueHeaders": multi_value_headers}
    ).encode()


def stub_responses() -> dict[str, bytes]:
    """Return the responses of AWS and of the provider by target or path."""
    secret = {"RETOUCH_PEPPER": _PEPPER, "OPENAI_API_KEY": "sk-none"}
    item = {"id": {"S": key_digest(_KEY, _PEPPER)}, "name": {"S": "coldstart"}}
    edited = base64.b64encode(encode_png(sample_image().resize((1024, 1024)))).decode()
    return {
        "secretsmanager.GetSecretValue": json.dumps({"SecretString": json.dumps(secret)}).encode(),
        "DynamoDB_20120810.GetItem": json.dumps({"Item": item}).encode(),
        "/v1/images/edits": json.dumps({"created": 1, "data": [{"b64_json": edited}]}).encode(),
    }


def function_environment(case: ColdStartCase, url: str) -> dict[str, str]:
    """Return the environment variables of the function."""
    provider = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "RETOUCH_AUTH_MODE": "keys" if case.requires_key else "open",
    }
    if case.event == b"{}":
        return {"_HANDLER": "empty.handler", "LAMBDA_TASK_ROOT": str(_write_empty_function())}
    if not case.requires_key:
        return provider
    return {
        **provider,
        "AWS_ENDPOINT_URL": url,
        "RETOUCH_SECRET_ID": "secret",
        "RETOUCH_KEYS_TABLE": "keys",
    }


def _write_empty_function() -> Path:
    folder = ROOT / ".work" / "local" / "empty"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.py").write_text(
        "def handler(event, context):\n    return {'statusCode': 200}\n"
    )
    return folder


def fastest_start(case: ColdStartCase, layer: Path, python: Path, url: str, runs: int) -> float:
    """Return the time of the fastest run in milliseconds. Other load on the machine can only make a run slower."""
    times = []
    for _ in range(runs):
        milliseconds, response = time_first_invocation(
            layer, python, case.event, function_environment(case, url)
        )
        if response.get("statusCode") != 200:
            raise RuntimeError(f"{case.title}: {response}")
        times.append(milliseconds)
    return min(times)


def build_stock_layer(python: Path) -> None:
    """Build the layer as `pip install --target` does: it removes no files and compiles none."""
    folder = _LAYERS["stock"]
    shutil.rmtree(folder, ignore_errors=True)
    source = ROOT / "layers" / "retouch"
    command: list[str | Path] = [ROOT / ".venv/.uv", "pip", "install", "-q"]
    command += ["--python", python, "--link-mode", "copy", "--target", folder / "python"]
    command += ["--require-hashes", "-r", source / "requirements.txt"]
    subprocess.run(command, check=True)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "retouch", folder / "python" / "retouch", ignore=caches)
    shutil.copy2(source / "retouch-runtime", folder)


def measure_table(runs: int) -> str:
    """Measure every case and return a markdown table, with the name of the machine."""
    python = ROOT / ".work" / "stack" / "bin" / "python"
    build_stock_layer(python)
    rows = ["| first request, ms | layer as built | stock layer |", "|---|---|---|"]
    with loopback_server(stub_responses()) as url:
        for case in cold_start_cases():
            milliseconds = [
                fastest_start(case, layer, python, url, runs) for layer in _LAYERS.values()
            ]
            rows.append(f"| {case.title} | {milliseconds[0]:.0f} | {milliseconds[1]:.0f} |")
    rows += [
        "",
        f"Fastest of {runs} on one core: {_processor_name()}, CPython {_python_version(python)}.",
    ]
    return "\n".join(rows)


def _processor_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _python_version(python: Path) -> str:
    command = [str(python), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main(runs: int) -> int:
    """Measure, write the page and return the exit status."""
    if platform.machine() != "x86_64" or not shutil.which("taskset"):
        print("not run: the emulator and the stock layer need x86_64 Linux")
        return 0
    os.sched_setaffinity(0, set(os.sched_getaffinity(0)) - {0} or {0})
    text = measure_table(runs)
    print(text)
    _PAGE.write_text(replace_section(_PAGE.read_text(), "coldstart", text))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
