"""Run the built stack on an AWS emulator until Ctrl-C: `make emulate`. It needs no account and no Docker.

The stack has the functions, the layer, the secrets, the tables and the bucket of a deployed one. Its data is in a
temporary folder, which is deleted in the end.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tools.stack import ROOT

_WORK = ROOT / ".work"
_START_SECONDS = 60
_MESSAGE = """\
The stack runs until Ctrl-C. In another terminal, in this folder:

export {exports}
make secret NAME=OPENAI_API_KEY
make key NAME=me
make doctor URL={url} KEY=rt_...
"""


def main() -> int:
    """Run the emulator and create the stack. Return the exit status."""
    port = int(os.environ.get("EMULATOR_PORT") or 4566)
    if _is_open(port):
        print(
            f"Port {port} is taken. Set another: EMULATOR_PORT=4567 make emulate", file=sys.stderr
        )
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    client_env = client_environment(port)
    with tempfile.TemporaryDirectory(prefix="retouch-") as folder:
        emulator = _start_emulator(Path(folder), port, client_env)
        try:
            return _serve(emulator, Path(folder), port, client_env)
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(emulator)


def client_environment(port: int) -> dict[str, str]:
    """Return the variables that lead every AWS client to the emulator."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _serve(
    emulator: subprocess.Popen[bytes], folder: Path, port: int, client_env: Mapping[str, str]
) -> int:
    """Create the stack, print how to use it, and wait until the emulator ends."""
    if not _wait_for_port(emulator, port):
        print(
            f"The emulator did not start:\n{(folder / 'log').read_text()[-2000:]}", file=sys.stderr
        )
        return 1
    outputs = _create_stack(folder, client_env)
    if outputs is None:
        return 1
    api = outputs["Endpoint"].removeprefix("https://").partition(".")[0]
    url = f"{client_env['AWS_ENDPOINT_URL']}/restapis/{api}/prod/_user_request_"
    exports = " ".join(f"{name}={value}" for name, value in client_env.items())
    print(_MESSAGE.format(exports=exports, url=url), flush=True)
    return emulator.wait()


def _start_emulator(
    folder: Path, port: int, client_env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    ports = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "EDGE_PORT": str(port)}
    env = {**os.environ, **client_env, **ports, "TMPDIR": str(folder)}
    env.pop("PYTHONPATH", None)  # The function has to import its code from its layer.
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [_WORK / "stack" / "bin" / "ministack"],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,  # It has children, which are ended with it.
        )


def _create_stack(folder: Path, client_env: Mapping[str, str]) -> dict[str, str] | None:
    """Return the outputs of the stack, or None after an error, which is printed."""
    completed = subprocess.run(
        [
            _WORK / "sam" / "bin" / "python",
            ROOT / "tools" / "aws" / "deploy_to_ministack.py",
            _WORK / "local" / "build" / "template.yaml",
            folder / "build",
        ],
        env={**os.environ, **client_env},
        capture_output=True,
        text=True,
    )
    if completed.returncode:
        print(f"The stack was not created:\n{completed.stderr[-2000:]}", file=sys.stderr)
        return None
    outputs: dict[str, str] = json.loads(completed.stdout.splitlines()[-1])
    return outputs


def _wait_for_port(emulator: subprocess.Popen[bytes], port: int) -> bool:
    """Return whether the emulator listens before the time is over."""
    deadline = time.monotonic() + _START_SECONDS
    while emulator.poll() is None and time.monotonic() < deadline:
        if _is_open(port):
            return True
        time.sleep(0.1)
    return False


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(emulator: subprocess.Popen[bytes]) -> None:
    if emulator.poll() is None:
        os.killpg(emulator.pid, signal.SIGTERM)
        emulator.wait(timeout=30)


if __name__ == "__main__":
    sys.exit(main())
