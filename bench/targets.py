"""Who is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench import usage
from bench.cells import BOUNDARY
from bench.children import wait_for_port

DIRECT, PORTKEY, RETOUCH = "direct", "Portkey", "Retouch"
KEY = "sk-bench"
# The part of a target that a cloud bill would show; a target without it is billed whole.
BILLED = "worker"


@dataclass(frozen=True)
class Target:
    """An endpoint, how to talk to it, and the pids behind it by part."""

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Callable[[], Sequence[int]]] = field(default_factory=dict)

    def head(self, length: int) -> bytes:
        """The request head, encoded once per cell."""
        url = urlsplit(self.base_url)
        lines = {
            "Host": url.netloc,
            "Authorization": f"Bearer {KEY}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(length),
            **self.headers,
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {url.path}/images/edits HTTP/1.1\r\n{text}\r\n".encode()

    def wait(self) -> None:
        """Return when it accepts connections."""
        wait_for_port(urlsplit(self.base_url).port or 80)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        return {part: usage.cpu_seconds(pids()) for part, pids in self.parts.items()}

    def rss(self) -> dict[str, float]:
        """Resident MiB now, by part."""
        return {part: usage.rss_mb(pids()) for part, pids in self.parts.items()}

    def peak_rss(self) -> dict[str, float]:
        """The largest resident MiB so far, by part."""
        return {part: usage.peak_rss_mb(pids()) for part, pids in self.parts.items()}


def direct(mock: str) -> Target:
    """The provider without a gateway: what every other number is held against."""
    return Target(DIRECT, f"{mock}/auto/v1")


def billed(by_part: Mapping[str, float]) -> float | None:
    """The billed part of a measure, or all of it."""
    if not by_part:
        return None
    return by_part.get(BILLED, sum(by_part.values()))
