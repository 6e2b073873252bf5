"""Tests of edits with a model that its provider has deprecated, and that turns out to be gone."""

from datetime import date
from pathlib import Path

import openai
import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.settings import Settings
from retouch.planning.model_resolution import resolve_model
from retouch.planning.retirement import retirements
from retouch.providers import PROVIDERS
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.upstream import ScriptedResponse, Upstream, json_response

DEPRECATED = "google/gemini-3.1-flash-image"
SUCCESSOR = "google/gemini-nano-banana-2.1"
GONE = json_response(
    {"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}, status=404
)
PICTURE = json_response(
    {
        "candidates": [
            {
                "content": {
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": b64(photo())}}]
                }
            }
        ]
    }
)
LATER = date(2030, 1, 1)


def edit(*responses, model=DEPRECATED, **env):
    """Return the response of an edit, and the models in the requests that the provider got."""
    with Upstream(*responses) as provider:
        env = {"GOOGLE_API_KEY": "k", "GOOGLE_BASE_URL": f"{provider.url}/v1beta", **env}
        env |= {"REKA_API_KEY": "k", "REKA_BASE_URL": f"{provider.url}/v1"}
        response = post_edit({"model": model, "prompt": "p", "image": file_part(photo())}, env)
    return response, [call.path for call in provider.calls]


def asked_models(paths):
    return [path.partition("/models/")[2].partition(":")[0] for path in paths]


def test_deprecated_model_without_a_date_is_asked_first():
    response, paths = edit(PICTURE)
    assert response.status == 200
    assert asked_models(paths) == ["gemini-3.1-flash-image"]
    assert response.headers["x-retouch-model"] == DEPRECATED
    assert "deprecation" in response.headers
    assert "sunset" not in response.headers


def test_successor_serves_when_the_provider_says_that_the_model_is_gone():
    response, paths = edit(GONE, PICTURE)
    assert response.status == 200, response.json
    assert asked_models(paths) == ["gemini-3.1-flash-image", "gemini-nano-banana-2.1"]
    assert response.headers["x-retouch-model"] == SUCCESSOR
    assert response.headers["x-retouch-billed"] == "yes"
    note = "model: Google no longer has gemini-3.1-flash-image, served by google/gemini-nano-banana-2.1"
    assert response.headers["x-retouch-notes"].count("no longer has") == 1
    assert note.split(" no longer")[1] in response.headers["x-retouch-notes"]


def test_successor_that_is_gone_too_is_an_error_after_two_requests():
    response, paths = edit(GONE, GONE)
    assert (response.status, response.json["error"]["code"]) == (404, "model_not_found")
    assert response.headers["x-retouch-billed"] == "no"
    assert len(paths) == 2


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_other_errors_of_a_deprecated_model_do_not_lead_to_the_successor(status):
    _, paths = edit(ScriptedResponse(status, b"{}"), PICTURE, RETOUCH_MAX_RETRY_WAIT="0")
    assert "gemini-nano-banana-2.1" not in asked_models(paths)


def test_error_names_the_successor_when_retired_models_are_rejected():
    response, paths = edit(GONE, PICTURE, RETOUCH_STRICT_RETIRED="true")
    assert response.status == 404
    assert response.json["error"]["message"].endswith(f"Use {SUCCESSOR}.")
    assert len(paths) == 1


def test_operator_chooses_the_successor():
    response, paths = edit(
        GONE, PICTURE, RETOUCH_SUCCESSORS=f"{DEPRECATED}=google/gemini-3-pro-image"
    )
    assert response.status == 200
    assert asked_models(paths)[1] == "gemini-3-pro-image"


def test_model_that_nobody_has_confirmed_to_be_gone_is_named_with_its_replacement():
    error = json_response({"detail": "Model not found: reka-core"}, status=404)
    response, _ = edit(error, model="reka-ai/reka-core")
    assert response.status == 404
    assert response.json["error"]["message"].endswith("Use reka-ai/reka-flash.")


def resolve(model_id, today):
    return resolve_model(model_id, ClientCredentials(), PROVIDERS, Settings.from_env({}), today)


@pytest.mark.parametrize("row", [row for row in retirements().values() if not row.is_confirmed])
def test_row_that_is_not_confirmed_never_leads_to_another_model_on_its_own(row):
    resolved = resolve(row.model_id, LATER)
    assert resolved.model_id == row.model_id
    is_at_same_provider = row.successor.partition("/")[0] == row.model_id.partition("/")[0]
    assert bool(resolved.successor) == bool(row.shutdown_date and is_at_same_provider)


def test_row_that_is_confirmed_leads_to_its_successor_without_a_request():
    confirmed = [row for row in retirements().values() if row.is_confirmed and row.shutdown_date]
    assert confirmed
    for row in confirmed:
        assert resolve(row.model_id, LATER).model_id == row.successor
        assert resolve(row.model_id, LATER).successor is None


def test_every_row_says_where_and_when_it_was_checked():
    for row in retirements().values():
        assert row.source
        assert date(2026, 11, 1) <= row.checked <= date.today(), row.model_id


def test_successor_that_an_sdk_is_cited_for_is_in_that_sdk():
    files = Path(openai.__file__).parent.glob("types/*image*.py")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    cited = [row for row in retirements().values() if "openai-python" in row.source]
    assert cited
    for row in cited:
        assert row.is_confirmed
        assert f'"{row.successor.partition("/")[2]}"' in text or row.successor[7:] in text, row


def test_model_that_may_be_gone_is_not_suggested():
    for misspelled in ("reka-cor", "reka-cores"):
        response, _ = edit(PICTURE, model=misspelled)
        assert response.status == 404
        assert "reka-ai/reka-core" not in response.json["error"]["message"]
