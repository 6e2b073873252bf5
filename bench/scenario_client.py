"""A client that sends the request of one scenario to one target and records the results."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from bench.client import Connection, Response
from bench.mock_control import MockControl
from bench.response_check import describe_response, is_edit_response
from bench.scenarios import Scenario
from bench.targets import BUDGET_KEY, GATEWAY_KEY, Target


@dataclass
class Measurements:
    """The measurements of one target in one scenario: times by round, CPU seconds per request by process part."""

    seconds: list[list[float]] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    image: str = "not checked"
    is_valid: bool = False
    upstream_calls: int = 0


class ScenarioClient:
    """Sends the request of a scenario to one target over one connection."""

    def __init__(
        self, target: Target, scenario: Scenario, images: Path, measurements: Measurements
    ) -> None:
        self.target = target
        self.measurements = measurements
        self._scenario = scenario
        self._body = scenario.request_body(images)
        self._head = target.request_head(len(self._body))
        if scenario.has_budget:  # Only a target that knows gateway keys sends one.
            self._head = self._head.replace(GATEWAY_KEY.encode(), BUDGET_KEY.encode())
        self._connection = Connection(target.base_url)

    def send_timed(self) -> None:
        """Send one request and record its time in the current round, or its failure."""
        try:
            response = self._send()
        except OSError as error:
            self.measurements.failures.append(type(error).__name__)
            return
        if is_edit_response(response.status, response.body):
            self.measurements.seconds[-1].append(response.seconds)
        else:
            self.measurements.failures.append(failure_text(response))

    def send_checked(self, upstream: MockControl) -> None:
        """Send one request, decode its image and count its provider calls."""
        before = upstream.edit_count()
        try:
            response = self._send()
            self.measurements.is_valid = response.status == 200
            self.measurements.image = (
                describe_response(response.body)
                if self.measurements.is_valid
                else failure_text(response)
            )
        except (OSError, ValueError, LookupError) as error:
            self.measurements.is_valid, self.measurements.image = False, f"none: {error}"
        self.measurements.upstream_calls = upstream.edit_count() - before

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self) -> Response:
        return self._connection.send(self._request_head(), self._body)

    def _request_head(self) -> bytes:
        if not self._scenario.has_key:
            return self._head
        key_line = f"Idempotency-Key: {uuid4()}\r\n\r\n".encode()
        return self._head.removesuffix(b"\r\n") + key_line


def failure_text(response: Response) -> str:
    """Return a failed response as one line."""
    return f"{response.status} {response.body[:200].decode('utf-8', 'replace')}"
