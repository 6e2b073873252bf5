"""Fixtures: the development server of `make run` with a fake provider behind it, and the functions in containers."""

import subprocess

import pytest

from devserver.server import DevServer
from tests.e2e.sam_build import WORK, run_build
from tests.support import sam_local
from tests.support.images import b64, photo
from tests.support.upstream import Upstream, json_response

RESULT_IMAGE = photo(1024, 1024)
SUCCESS_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(RESULT_IMAGE)}]})


@pytest.fixture(scope="session")
def provider():
    with Upstream(SUCCESS_RESPONSE) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(provider):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "AZURE_OPENAI_API_KEY": "az-configured",
        "AZURE_OPENAI_ENDPOINT": provider.url,
    }
    with DevServer(env=env, workers=2, s3=True) as running:
        yield running


@pytest.fixture
def upstream(provider):
    """Return the provider with no recorded requests and its default response."""
    provider.responses[:] = [SUCCESS_RESPONSE]
    provider.received.clear()
    return provider


@pytest.fixture(scope="module")
def sam_build():
    """Build for this machine. Stop podman's service after the tests; the next command starts a new one."""
    if not sam_local.has_container_runtime():
        pytest.skip(
            "not run: there is no container runtime. Start Docker, "
            "or run `apt-get install podman runc busybox-static` and the tests as root"
        )
    with run_build("build-local"):
        yield
        subprocess.run([sam_local.SETUP_SCRIPT, WORK, "stop"], check=False)


@pytest.fixture
def endpoint(sam_build, tmp_path):
    """Run the built functions with warm containers and yield the URL that invokes the edits function."""
    with sam_local.serve_functions(tmp_path / "sam.log") as url:
        yield url
