"""Retouch as `make run` serves it: a front in API Gateway's place, and Lambda workers behind it."""

import compileall
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bench.paths import ROOT
from bench.targets import KEY, RETOUCH, Target

CODE = ("layers", "functions", "local")


def missing() -> str | None:
    """The reason when it cannot be run."""
    if importlib.util.find_spec("local.gateway") is None:
        return "local.gateway is not there"
    return None


def compile_code() -> None:
    """What a deployed layer has: bytecode beside the source, so no start pays for it."""
    for folder in CODE:
        compileall.compile_dir(ROOT / folder, quiet=1)


@contextmanager
def running(mock: str) -> Iterator[Target]:
    """A gateway with one worker."""
    compile_code()
    with _gateway(mock, workers=1) as gateway:
        target = _target(gateway)
        target.wait()
        yield target


@contextmanager
def cold(mock: str) -> Iterator[Callable[[], AbstractContextManager[Target]]]:
    """A starter of workers behind a front that waits for them."""
    compile_code()
    with _gateway(mock, workers=0) as gateway:
        yield lambda: _one_worker(gateway)


@contextmanager
def _one_worker(gateway: Any) -> Iterator[Target]:
    raise NotImplementedError


def _gateway(mock: str, workers: int) -> Any:
    from local.gateway import Gateway

    return Gateway(
        env={"OPENAI_BASE_URL": f"{mock}/auto/v1", "OPENAI_API_KEY": KEY}, workers=workers
    )


def _target(gateway: Any) -> Target:
    parts = {part: lambda part=part: gateway.pids[part] for part in ("worker", "front")}
    return Target(RETOUCH, f"{gateway.url}/v1", parts=parts)
