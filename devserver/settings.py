"""Settings of the development server, from the environment or from a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LAYER_FOLDER = REPOSITORY / "layers" / "retouch"

MAX_BODY_BYTES = 10_485_760  # The limit of API Gateway for a request body.
MAX_PAYLOAD_BYTES = 6_291_556  # The limit of Lambda for an event or a response, as JSON.


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: the folder of its code and its handler."""

    name: str
    task_root: Path
    handler: str = "app.handler"
    lazy: bool = False  # No process starts before the first invocation.


MIRROR = Function("mirror", REPOSITORY / "functions" / "mirror", lazy=True)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds."""

    buffered: float = 29.0  # API Gateway, on a buffered route.
    streamed: float = 900.0  # API Gateway, on a streaming route.
    function: float = 900.0  # Lambda. The process is ended after it.


@dataclass(frozen=True, slots=True)
class Workers:
    """The number of processes of a function: after the start, and the maximum."""

    min_count: int = 1
    max_count: int = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the server. Port 0 selects a free port."""

    functions: tuple[Function, ...]
    environment: Mapping[str, str] = field(repr=False)  # The environment of the functions.
    port: int = 0
    s3: bool = False  # Whether to run a local S3.
    workers: Workers = Workers()
    timeouts: Timeouts = Timeouts()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Return the settings of `make run`. It needs no provider key and no account, and callers need no key."""
        root = Path(env.get("RETOUCH_LOCAL_TASK_ROOT") or REPOSITORY / "functions" / "edits")
        max_workers = int(env.get("RETOUCH_LOCAL_WORKERS") or 8)
        min_workers = int(env.get("RETOUCH_LOCAL_WORKERS_MIN") or 1)
        return cls(
            functions=(Function("edits", root), MIRROR),
            environment={"RETOUCH_AUTH_MODE": "open", **env},
            port=int(env.get("PORT") or 8787),
            s3=not env.get("RETOUCH_BUCKET"),
            workers=Workers(min(min_workers, max_workers), max_workers),
            timeouts=Timeouts(function=float(env.get("RETOUCH_LOCAL_TIMEOUT") or 900)),
        )
