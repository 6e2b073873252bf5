"""The measured targets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench import process_usage
from bench.processes import wait_for_port
from bench.scenarios import BOUNDARY

DIRECT, PORTKEY, LITELLM = "direct", "Portkey", "LiteLLM"
RETOUCH, DEPLOYED = "Retouch", "Retouch as deployed"
API_KEY = "sk-bench"
GATEWAY_KEY, BUDGET_KEY = "rt_" + "b" * 43, "rt_" + "c" * 43
# The process part that a cloud provider bills. Without such a part the whole target is billed.
BILLED_PART = "worker"


@dataclass(frozen=True)
class Target:
    """An endpoint, its request headers and its process ids by process part."""

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Callable[[], Sequence[int]]] = field(default_factory=dict)

    def request_head(self, length: int) -> bytes:
        """Return the encoded request head. It is encoded once for each scenario."""
        url = urlsplit(self.base_url)
        lines = {
            "Host": url.netloc,
            "Authorization": f"Bearer {API_KEY}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(length),
            **self.headers,
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {url.path}/images/edits HTTP/1.1\r\n{text}\r\n".encode()

    def wait_until_listening(self) -> None:
        """Return when the target accepts connections."""
        wait_for_port(urlsplit(self.base_url).port or 80)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds so far, by process part."""
        return {part: process_usage.cpu_seconds(pids()) for part, pids in self.parts.items()}

    def rss_mb(self) -> dict[str, float]:
        """Return the current resident memory in MiB, by process part."""
        return {part: process_usage.rss_mb(pids()) for part, pids in self.parts.items()}

    def peak_rss_mb(self) -> dict[str, float]:
        """Return the peak resident memory in MiB, by process part."""
        return {part: process_usage.peak_rss_mb(pids()) for part, pids in self.parts.items()}


def direct_target(mock: str) -> Target:
    """Return the provider without a gateway, which is the baseline."""
    return Target(DIRECT, f"{mock}/auto/v1")


def billed_value(by_part: Mapping[str, float]) -> float | None:
    """Return the value of the billed part, or the sum of all parts. Returns None when there are no parts."""
    if not by_part:
        return None
    return by_part.get(BILLED_PART, sum(by_part.values()))
