"""What the local gateway is told, by the environment or by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LAYER = REPOSITORY / "layers" / "retouch"

MAX_BODY = 10_485_760  # what API Gateway takes
MAX_PAYLOAD = 6_291_556  # what Lambda takes and gives, as JSON


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: where its code lies and what is called in it."""

    name: str
    task_root: Path
    handler: str = "app.handler"
    lazy: bool = False  # no process before it is first asked for


MIRROR = Function("mirror", REPOSITORY / "functions" / "mirror", lazy=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until somebody loses patience."""

    buffered: float = 29.0  # API Gateway, on a route that does not stream
    streamed: float = 900.0  # API Gateway, on a route that does
    function: float = 900.0  # Lambda: the process is ended


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes serve a function: at once after the start, and at most."""

    least: int = 1
    most: int = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the gateway is built from. Port 0 means any free one."""

    functions: tuple[Function, ...]
    environment: Mapping[str, str] = field(repr=False)  # what the functions see
    port: int = 0
    s3: bool = False  # serve a stand-in for S3
    workers: Workers = Workers()
    limits: Limits = Limits()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings of `make run`: no key and no account needed, so callers are not asked either."""
        root = Path(env.get("RETOUCH_LOCAL_TASK_ROOT") or REPOSITORY / "functions" / "edits")
        most = int(env.get("RETOUCH_LOCAL_WORKERS") or 8)
        least = int(env.get("RETOUCH_LOCAL_WORKERS_MIN") or 1)
        return cls(
            functions=(Function("edits", root), MIRROR),
            environment={"RETOUCH_AUTH_MODE": "open", **env},
            port=int(env.get("PORT") or 8787),
            s3=not env.get("RETOUCH_BUCKET"),
            workers=Workers(min(least, most), most),
            limits=Limits(function=float(env.get("RETOUCH_LOCAL_TIMEOUT") or 900)),
        )
