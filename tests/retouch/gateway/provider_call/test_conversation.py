"""Tests of a conversation with a provider whose time is over before a request."""

import pytest

from retouch.core.errors import DeadlineExceeded
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.gateway.provider_call.conversation import Senders, run_conversation
from tests.support.services import FakeClock


class Provider:
    """A provider whose edit is one paid request, and one poll after a pause."""

    title, is_paid = "Acme", True

    def edit_flow(self, _job):
        yield ProviderRequest("POST", "/edits")
        yield ProviderRequest("GET", "/poll", idempotent=True, delay=10.0)


class Model:
    provider = Provider()


class Job:
    n = 1


@pytest.mark.parametrize(("seconds", "billed", "calls"), [(0, "no", 0), (5, "unknown", 1)])
def test_time_that_is_over_is_billed_only_after_a_paid_request(seconds, billed, calls):
    clock, sent = FakeClock(), []

    def send(request):
        sent.append(request)
        return ProviderResponse(200, {})

    senders, deadline = Senders(send, send), clock.now() + seconds
    with pytest.raises(DeadlineExceeded) as raised:
        list(run_conversation(Model(), Job(), senders, clock, deadline))  # type: ignore[arg-type]
    assert (raised.value.billed, len(sent)) == (billed, calls)
