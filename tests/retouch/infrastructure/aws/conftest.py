"""The credentials of AWS clients whose server is on this machine."""

import pytest


@pytest.fixture
def credentials(monkeypatch):
    """Set credentials and a region for one test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
