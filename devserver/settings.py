"""Settings of the development server, from the environment or from a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from devserver.tenants import ADMIN_KEY_VARIABLE
from retouch.core.credentials.client_credentials import is_header_safe
from retouch.core.credentials.gateway_keys import GATEWAY_KEY_PREFIX
from retouch.core.settings import InvalidSetting

REPOSITORY = Path(__file__).resolve().parent.parent
LAYER_FOLDER = REPOSITORY / "layers" / "retouch"

DEFAULT_INBOX = REPOSITORY / ".work" / "local"
_OBJECTS_FOLDER = "objects"  # of the local S3, in the folder of the inbox
# The links to results have the port of the local S3, so it is the same after a restart.
_S3_PORT_DISTANCE = 1_000
# The receiver of webhooks in the examples of the documentation. Other addresses of this machine are refused.
EXAMPLE_RECEIVER = "127.0.0.1:8790"
MAX_BODY_BYTES = 10_485_760  # The limit of API Gateway for a request body.
MAX_PAYLOAD_BYTES = 6_291_556  # The limit of Lambda for an event or a response, as JSON.


_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: the folder of its code and its handler."""

    name: str
    task_root: Path
    handler: str = "app.handler"
    lazy: bool = False  # No process starts before the first invocation.


MIRROR = Function("mirror", REPOSITORY / "functions" / "mirror", lazy=True)
WORKER = Function("worker", REPOSITORY / "functions" / "worker", lazy=True)
SWEEPER = Function("sweeper", REPOSITORY / "functions" / "sweeper", lazy=True)
WEBHOOKS = Function("webhooks", REPOSITORY / "functions" / "webhooks", lazy=True)
ADMIN = Function("admin", REPOSITORY / "functions" / "admin", lazy=True)


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
class DevServerSettings:
    """All settings of the server. Port 0 selects a free port."""

    functions: tuple[Function, ...]
    environment: Mapping[str, str] = field(repr=False)  # The environment of the functions.
    port: int = 0
    host: str = "127.0.0.1"
    s3: bool = False  # Whether to run a local S3.
    s3_port: int = 0
    s3_folder: Path | None = None  # None: the objects end with the server.
    workers: Workers = Workers()
    timeouts: Timeouts = Timeouts()
    sweep_seconds: float = 900.0  # Between two runs of the sweeper, as in the template.
    chosen: frozenset[str] = frozenset()  # The names of the variables that the caller has set.

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> DevServerSettings:
        """Return the settings of `make run`. It needs no provider key and no account.

        Callers need a key only if there is a first one, which can make others.

        Raises InvalidSetting.
        """
        root = Path(env.get("RETOUCH_LOCAL_TASK_ROOT") or REPOSITORY / "functions" / "edits")
        inbox = Path(env.get("RETOUCH_INBOX") or DEFAULT_INBOX).absolute()
        port = _read_number(env, "PORT", 8787, 0, _MAX_PORT)
        max_workers = _read_number(env, "RETOUCH_LOCAL_WORKERS", 8, 1)
        min_workers = _read_number(env, "RETOUCH_LOCAL_WORKERS_MIN", 1, 0)
        return cls(
            functions=(Function("edits", root), MIRROR, WORKER, WEBHOOKS, SWEEPER, ADMIN),
            environment={
                "RETOUCH_AUTH_MODE": _auth_mode(env),
                "RETOUCH_WEBHOOK_ALLOW": EXAMPLE_RECEIVER,
                **env,
                "RETOUCH_INBOX": str(inbox),
            },
            port=port,
            host=_read_address(env),
            s3=not env.get("RETOUCH_BUCKET"),
            s3_port=_read_number(env, "RETOUCH_LOCAL_S3_PORT", _s3_port(port), 0, _MAX_PORT),
            s3_folder=inbox / _OBJECTS_FOLDER,
            workers=Workers(min(min_workers, max_workers), max_workers),
            timeouts=Timeouts(function=_read_number(env, "RETOUCH_LOCAL_TIMEOUT", 900, 1)),
            sweep_seconds=_read_number(env, "RETOUCH_LOCAL_SWEEP_SECONDS", 900, 1),
            chosen=frozenset(name for name, text in env.items() if text),
        )

    @property
    def own_defaults(self) -> tuple[str, ...]:
        """The settings that open the gateway although nobody has asked for it: only this machine reaches it."""
        defaults = ("RETOUCH_AUTH_MODE", "RETOUCH_WEBHOOK_ALLOW")
        return () if self.is_exposed else tuple(n for n in defaults if n not in self.chosen)

    @property
    def is_exposed(self) -> bool:
        """Whether other machines may reach the server."""
        return not ip_address(self.host).is_loopback

    @property
    def url_host(self) -> str:
        """The host of the server's URL on this machine."""
        address = ip_address(self.host)
        if address.is_unspecified:
            return "[::1]" if address.version == 6 else "127.0.0.1"
        return f"[{address}]" if address.version == 6 else str(address)


def _s3_port(port: int) -> int:
    """Return the port of the local S3 for the port of the server: another one, so that several servers can run."""
    if port + _S3_PORT_DISTANCE > _MAX_PORT:
        return port - _S3_PORT_DISTANCE
    return port + _S3_PORT_DISTANCE if port else 0


def _read_address(env: Mapping[str, str]) -> str:
    """Return the address to listen at. Some shells set HOST to the name of the machine, which is ignored."""
    try:
        return str(ip_address(env.get("HOST", "")))
    except ValueError:
        return "127.0.0.1"


def _auth_mode(env: Mapping[str, str]) -> str:
    """Return the mode for an environment that names none. Raises InvalidSetting for a key that is none."""
    admin_key = env.get(ADMIN_KEY_VARIABLE, "")
    if not admin_key:
        return "open"
    if not (admin_key.startswith(GATEWAY_KEY_PREFIX) and is_header_safe(admin_key)):
        raise InvalidSetting(
            f"{ADMIN_KEY_VARIABLE} must begin with {GATEWAY_KEY_PREFIX!r} and be printable ASCII, such as "
            f"{GATEWAY_KEY_PREFIX}$(openssl rand -hex 24)."
        )
    return "keys"


def _read_number(
    env: Mapping[str, str], variable: str, default: int, minimum: int, maximum: int = 1_000_000
) -> int:
    """Return a whole number of the environment. Raises InvalidSetting."""
    text = env.get(variable) or str(default)
    try:
        number = int(text)
    except ValueError:
        number = minimum - 1
    if not minimum <= number <= maximum:
        raise InvalidSetting(
            f"{variable} is {text!r}. It must be a whole number from {minimum} to {maximum}."
        )
    return number
