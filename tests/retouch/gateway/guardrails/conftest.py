from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from retouch.core.clock import Clock
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import run_hooks
from retouch.gateway.guardrails.types import GuardrailClients, GuardrailInput


@dataclass
class FixedClock:
    """A clock that advances only on request."""

    seconds: float = 100.0

    def now(self):
        return self.seconds

    def unix_time(self):
        return 1_795_327_200


@dataclass
class FakeRemoteServices:
    """Fake clients for remote checks. They record requests and return set responses. An exception is raised instead."""

    webhook_response: object = b'{"verdict": true}'
    bedrock_response: object = field(default_factory=lambda: {"action": "NONE"})
    webhook_requests: list[Any] = field(default_factory=list)
    bedrock_requests: list[Any] = field(default_factory=list)
    clock: FixedClock = field(default_factory=FixedClock)

    def clients(self):
        return GuardrailClients(
            lambda request: self.record_and_respond(
                self.webhook_requests, request, self.webhook_response
            ),
            lambda request: self.record_and_respond(
                self.bedrock_requests, request, self.bedrock_response
            ),
            cast("Clock", self.clock),
        )

    def record_and_respond(self, requests, request, response):
        requests.append(request)
        self.clock.seconds += 0.25
        if isinstance(response, Exception):
            raise response
        return response


@pytest.fixture
def remote_services():
    return FakeRemoteServices()


@pytest.fixture
def run_check(remote_services):
    """Run one check by its short form and return its result in Portkey's form."""

    def check_result(name, parameters, subject=None, where="input_guardrails"):
        hooks = read_guardrails({where: [{name: parameters}]})
        subject = subject or GuardrailInput("Make the sky blue")
        report = run_hooks(hooks.before + hooks.after, subject, remote_services.clients())
        return report.results[0]["checks"][0]

    return check_result
