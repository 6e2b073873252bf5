"""A receiver of webhooks, and a system that sends to it."""

import pytest

from tests.support.webhooks import (
    Receiver,
    WebhookSystem,
)


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def system(tmp_path, receiver):
    return WebhookSystem(tmp_path, receiver)
