"""Cold starts, through Lambda's emulator on one core: `python -m tools.aws.coldstart [runs]`, into docs/deploy.md.

A cold start is the first invocation of a process that does not exist yet: interpreter, imports, secret, key, the
edit itself. AWS and the provider are loopback servers that answer at once, so what is left is ours.
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

from retouch.admission import digest
from tools.aws.emulator import ROOT, first_invoke, loopback
from tools.docs import splice
from tools.events import form, get, mask, picture, png

RUNS = 9
_LAYERS = {
    "as built": ROOT / ".work/local/build/RetouchLayer",
    "stock": ROOT / ".work/local/stock",
}
_PEPPER, _KEY = "pepper", "rt_coldstart"
_PAGE = ROOT / "docs" / "deploy.md"


@dataclass(frozen=True)
class Case:
    """A first request."""

    title: str
    event: bytes
    keys: bool  # whether callers need a key, so that secret and table are read


def cases() -> list[Case]:
    """The rows of the table."""
    return [
        Case("nothing: an empty handler", b"{}", keys=False),
        Case("`GET /health`", _http(get("/health")()), keys=False),
        Case("`local/erase`, open", _edit("local/erase"), keys=False),
        Case("`local/erase`, with a key", _edit("local/erase"), keys=True),
        Case("`openai/gpt-image-2`, with a key", _edit("openai/gpt-image-2"), keys=True),
    ]


def _edit(model: str) -> bytes:
    parts = (("prompt", "remove the ball"), ("model", model), ("image", picture), ("mask", mask))
    return _http(form(*parts)())


def _http(event: Mapping[str, object]) -> bytes:
    headers = dict(event["headers"]) | {"Authorization": f"Bearer {_KEY}"}  # type: ignore[call-overload]
    several = {name: [value] for name, value in headers.items()}
    return json.dumps({**event, "headers": headers, "multiValueHeaders": several}).encode()


def answers() -> dict[str, bytes]:
    """What AWS and the provider say."""
    secret = {"RETOUCH_PEPPER": _PEPPER, "OPENAI_API_KEY": "sk-none"}
    item = {"id": {"S": digest(_KEY, _PEPPER)}, "name": {"S": "coldstart"}}
    edited = base64.b64encode(png(picture().resize((1024, 1024)))).decode()
    return {
        "secretsmanager.GetSecretValue": json.dumps({"SecretString": json.dumps(secret)}).encode(),
        "DynamoDB_20120810.GetItem": json.dumps({"Item": item}).encode(),
        "/v1/images/edits": json.dumps({"created": 1, "data": [{"b64_json": edited}]}).encode(),
    }


def environment(case: Case, url: str) -> dict[str, str]:
    """The function's variables."""
    provider = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "RETOUCH_AUTH_MODE": "keys" if case.keys else "open",
    }
    if case.event == b"{}":
        return {"_HANDLER": "empty.handler", "LAMBDA_TASK_ROOT": str(_empty())}
    if not case.keys:
        return provider
    return {
        **provider,
        "AWS_ENDPOINT_URL": url,
        "RETOUCH_SECRET_ID": "secret",
        "RETOUCH_KEYS_TABLE": "keys",
    }


def _empty() -> Path:
    folder = ROOT / ".work" / "local" / "empty"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.py").write_text(
        "def handler(event, context):\n    return {'statusCode': 200}\n"
    )
    return folder


def measure(case: Case, layer: Path, python: Path, url: str, runs: int) -> float:
    """The fastest of the runs, in milliseconds: whatever else runs on the machine only ever adds to it."""
    times = []
    for _ in range(runs):
        took, answer = first_invoke(layer, python, case.event, environment(case, url))
        if answer.get("statusCode") != 200:
            raise RuntimeError(f"{case.title}: {answer}")
        times.append(took)
    return min(times)


def stock_layer(python: Path) -> None:
    """What `pip install --target` would make: nothing removed, nothing compiled."""
    folder = _LAYERS["stock"]
    shutil.rmtree(folder, ignore_errors=True)
    source = ROOT / "layers" / "retouch"
    command = [
        ROOT / ".venv/.uv",
        "pip",
        "install",
        "-q",
        "--python",
        python,
        "--link-mode",
        "copy",
    ]
    target = ["--target", folder / "python", "--require-hashes", "-r", source / "requirements.txt"]
    subprocess.run([*command, *target], check=True)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "retouch", folder / "python" / "retouch", ignore=caches)
    shutil.copy2(source / "retouch-runtime", folder)


def size(folder: Path) -> float:
    """Megabytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def table(runs: int) -> str:
    """The table in markdown, with the machine it was measured on."""
    python = ROOT / ".work" / "stack" / "bin" / "python"
    stock_layer(python)
    rows = ["| first request, ms | layer as built | stock layer |", "|---|---|---|"]
    with loopback(answers()) as url:
        for case in cases():
            found = [measure(case, layer, python, url, runs) for layer in _LAYERS.values()]
            rows.append(f"| {case.title} | {found[0]:.0f} | {found[1]:.0f} |")
    built, stock = (size(layer) for layer in _LAYERS.values())
    rows.append(f"| unzipped, MB | {built:.1f} | {stock:.1f} |")
    rows += ["", f"Fastest of {runs} on one core: {_processor()}, CPython {_version(python)}."]
    return "\n".join(rows)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(python: Path) -> str:
    asked = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def main(runs: int) -> int:
    """Measure and write; the exit status."""
    if platform.machine() != "x86_64" or not shutil.which("taskset"):
        print("not run: the emulator and the stock layer are for x86_64 Linux")
        return 0
    os.sched_setaffinity(0, set(os.sched_getaffinity(0)) - {0} or {0})
    found = table(runs)
    print(found)
    _PAGE.write_text(splice(_PAGE.read_text(), "coldstart", found))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
