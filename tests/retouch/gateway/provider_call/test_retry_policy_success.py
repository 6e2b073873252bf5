"""A successful response is never parsed as an error: parsing a large image twice costs a third of the CPU."""

from dataclasses import replace

import pytest

from retouch.providers import PROVIDERS
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
SERVER_ERROR = json_response({"error": {"message": "oops"}}, 500)
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "openai/gpt-image-2"}


@pytest.fixture
def parsed_statuses():
    return []


@pytest.fixture
def providers(parsed_statuses):
    (openai,) = [provider for provider in PROVIDERS if provider.name == "openai"]
    (local,) = [provider for provider in PROVIDERS if provider.auth is None]

    def record_and_parse(response):
        parsed_statuses.append(response.status)
        return openai.parse_error(response)

    return (local, replace(openai, parse_error=record_and_parse))


def edit(server, providers):
    env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
    return post_edit(FIELDS, services=build_services(env, providers=providers))


def test_success_is_not_parsed_as_error(providers, parsed_statuses):
    with Upstream(IMAGE_RESPONSE) as server:
        assert edit(server, providers).status == 200
    assert parsed_statuses == []


def test_error_is_parsed_once(providers, parsed_statuses):
    with Upstream(SERVER_ERROR) as server:
        assert edit(server, providers).status == 502
    assert parsed_statuses == [500]
