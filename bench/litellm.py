"""Install and run the LiteLLM proxy in an environment of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import processes
from bench.launcher import Launcher
from bench.paths import LITELLM, LOGS
from bench.process_usage import tree_pids
from bench.processes import start_process
from bench.scenarios import MODEL
from bench.targets import API_KEY, Target
from bench.targets import LITELLM as NAME
from devserver.ports import unused_port

VERSION = "1.108.7"
COMMAND = LITELLM / "venv" / "bin" / "litellm"
_INSTALLED_VERSION = LITELLM / "installed-version"
_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params: {{ model: openai/{model}, api_base: {mock}/auto/v1, api_key: {key} }}
litellm_settings: {{ telemetry: false }}
"""
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
}


def install() -> str | None:
    """Install the proxy when it is missing. Return the reason when it cannot run, or None."""
    if _INSTALLED_VERSION.exists() and _INSTALLED_VERSION.read_text() == VERSION:
        return None
    with (LOGS / "litellm-install.log").open("wb") as out:
        for command in _install_commands():
            completed = subprocess.run(command, stdout=out, stderr=out, check=False)
            if completed.returncode:
                return "pip cannot install it here"
    _INSTALLED_VERSION.write_text(VERSION)
    return None


def _install_commands() -> list[list[str]]:
    venv = LITELLM / "venv"
    python = venv / "bin" / "python"
    return [
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [str(python), "-m", "pip", "install", "-q", f"litellm[proxy]=={VERSION}"],
    ]


@dataclass(frozen=True)
class LiteLlmLauncher(Launcher):
    """Starts proxies whose only provider is the mock provider. The proxy has one process and no database."""

    mock: str

    @contextmanager
    def start_gateway(self) -> Iterator[Target]:
        """Start a proxy, which may not listen yet, and end it by pid."""
        port = unused_port()
        config = LITELLM / f"config-{port}.yaml"
        config.write_text(_CONFIG.format(model=MODEL, mock=self.mock, key=API_KEY))
        command = [COMMAND, "--config", config, "--host", "127.0.0.1", "--port", port]
        process = start_process([*command, "--num_workers", 1], "litellm", _ENVIRONMENT)
        parts = {"proxy": lambda: tree_pids(process.pid)}
        try:
            yield Target(NAME, f"http://127.0.0.1:{port}/v1", parts=parts)
        finally:
            processes.stop_process(process)
            config.unlink()
