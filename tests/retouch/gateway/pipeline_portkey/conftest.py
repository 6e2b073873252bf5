"""Two providers on real sockets."""

from contextlib import ExitStack

import pytest

from tests.support.portkey_edits import IMAGE_RESPONSE
from tests.support.upstream import Upstream


@pytest.fixture
def upstreams():
    with ExitStack() as stack:
        openai, azure = (
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
            stack.enter_context(Upstream(IMAGE_RESPONSE)),
        )
        yield openai, azure
