"""Submitted edits: each is bought once, and the page shows the outcome and what was billed."""

import json
import os
import re
import subprocess
import sys
from functools import partial

import pytest
from playwright.sync_api import expect

from tests.playground.conftest import (
    MODEL,
    REPAINTED,
    SUCCESS,
    choose_model,
    click_edit,
    delayed,
    downloaded_mask,
    open_picture,
    picture,
    refusal,
)
from tests.support.images import b64
from tests.support.node_sdk import node_folder as node_folder
from tests.support.upstream import ScriptedResponse, sse_response


def open_marked_picture(page, *size):
    open_picture(page, picture(*size))
    choose_model(page)
    page.click("#more-mask > summary")
    page.click("#box-add")


def test_everything_stays_after_the_answer_and_each_press_buys_once(page, provider):
    open_marked_picture(page)
    click_edit(page)
    page.click("#tab-mask")
    assert page.input_value("#prompt") == "a red hat"
    assert page.input_value("#model") == MODEL
    assert downloaded_mask(page).getpixel((50, 50)) == 0
    click_edit(page)
    assert len(provider.calls) == 2


def test_double_click_buys_once(page, provider):
    open_marked_picture(page)
    provider.responses[:] = [delayed(0.5)]
    page.dblclick("#edit")
    page.wait_for_selector("#verdict.good")
    page.wait_for_timeout(800)
    assert len(provider.calls) == 1


def test_last_edit_is_found_after_a_reload_and_bought_once(page, provider):
    open_marked_picture(page)
    provider.responses[:] = [delayed(60)]
    page.click("#edit")
    while not provider.calls:
        page.wait_for_timeout(50)
    page.reload()
    page.click("#pending-find")
    provider.end_delays()
    page.wait_for_selector("#verdict.good", timeout=60_000)
    assert len(provider.calls) == 1
    expect(page.locator("#pending")).to_be_hidden()


def test_difference_counts_pixels_that_changed_without_preservation(page, provider):
    open_marked_picture(page, 1024, 1024)  # the size of what the provider returns
    page.click("text=More parameters")
    page.uncheck("#preserve")
    click_edit(page)
    expect(page.locator("#verdict.bad")).to_contain_text(
        "pixels changed outside the mask, by up to"
    )
    changed = int(page.inner_text("#verdict").split()[0].replace(",", ""))
    assert 1_000_000 < changed <= 1024 * 1024 - 100 * 100


def stream_event(kind, data=REPAINTED, **fields):
    return {"type": f"image_edit.{kind}", "b64_json": b64(data), **fields}


def test_stream_shows_partial_pictures_before_the_final_one(page, provider):
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    provider.responses[:] = [
        sse_response(
            stream_event("partial_image", partial_image_index=0),
            stream_event("completed", usage=usage),
            chunk_interval=1.0,
        )
    ]
    open_marked_picture(page)
    page.click("text=More parameters")
    page.check("#stream")
    page.click("#edit")
    expect(page.locator("#verdict")).to_contain_text("partial picture")
    page.wait_for_selector("#verdict.good")


def test_stream_that_fails_shows_the_sentence_of_its_error(page, provider):
    error = {"code": "server_error", "message": "The painter fell asleep.", "type": "server_error"}
    provider.responses[:] = [
        sse_response(
            stream_event("partial_image", partial_image_index=0),
            {"type": "error", "error": error},
        )
    ]
    open_marked_picture(page)
    page.click("text=More parameters")
    page.check("#stream")
    page.click("#edit")
    expect(page.locator("#error")).to_contain_text("The painter fell asleep.")
    expect(page.locator("#edit")).to_be_enabled()


FAILURES = {
    "moderation": (refusal(400, "moderation_blocked", "Your request was rejected."), "rejected"),
    "rate limit": (refusal(429, "rate_limit_exceeded", "Rate limit reached."), "Rate limit"),
    "bad key of the provider": (refusal(401, "invalid_api_key", "Incorrect API key."), "key"),
    "no credit": (refusal(429, "insufficient_quota", "You exceeded your quota."), "quota"),
    "provider down": (ScriptedResponse(503, b"down for repairs"), "repairs"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failure_shows_its_sentence_and_what_was_billed(open_page, provider, failure):
    response, words = FAILURES[failure]
    page = open_page(permitted=("Failed to load resource",))
    open_marked_picture(page)
    provider.responses[:] = [response]
    click_edit(page)
    message = page.inner_text("#error")
    assert words.lower() in message.lower()
    assert re.search(r"Nothing was billed\.|It may have been billed\.", message)
    expect(page.locator("#edit")).to_be_enabled()
    provider.responses[:] = [SUCCESS]
    click_edit(page)
    page.wait_for_selector("#verdict.good")
    expect(page.locator("#error")).to_be_hidden()


UNBILLED = {"x-retouch-billed": "no", "content-type": "application/json"}
GATEWAY_REFUSALS = {
    "bad key": (401, "invalid_api_key", "This key is not known.", "type a key"),
    "over budget": (429, "budget_exceeded", "The budget is used up.", "ask the operator"),
    "no mask": (400, "mask_required", "Send 'mask', a PNG.", "Paint on the photo"),
    "no access": (403, "model_not_allowed", "The key may not use it.", "choose another model"),
}


def fulfill(answer, route):
    route.fulfill(**answer)


def test_refusal_of_the_gateway_is_told_with_what_to_do(open_page):
    page = open_page(permitted=("Failed to load resource",))
    open_marked_picture(page)
    for status, code, message, remedy in GATEWAY_REFUSALS.values():
        error = {"error": {"message": message, "code": code, "param": None}}
        answer = {"status": status, "headers": UNBILLED, "body": json.dumps(error)}
        page.route("**/v1/images/edits", partial(fulfill, answer))
        click_edit(page)
        text = page.inner_text("#error")
        assert message in text
        assert remedy in text
        assert "Nothing was billed." in text
        expect(page.locator("#edit")).to_be_enabled()


def test_refused_value_marks_its_field(open_page, provider):
    page = open_page(permitted=("Failed to load resource",))
    open_marked_picture(page)
    page.fill("#parameter-size", "17x17")
    click_edit(page)
    assert page.get_attribute("#parameter-size", "aria-invalid") == "true"
    assert "Nothing was billed." in page.inner_text("#error")
    assert provider.calls == []


def test_gateway_that_is_gone_is_told_and_the_press_is_kept(open_page, provider):
    page = open_page(permitted=("Failed to load resource",))
    open_marked_picture(page)
    page.context.set_offline(True)
    click_edit(page)
    assert "It may have been billed." in page.inner_text("#error")
    page.context.set_offline(False)
    page.click("#pending-find")
    page.wait_for_selector("#verdict.good")
    assert len(provider.calls) == 1


def test_job_is_listed_and_its_result_shown(page, provider):
    open_marked_picture(page)
    page.click("text=More parameters")
    page.check("#job")
    page.click("#edit")
    expect(page.locator("#jobs li")).to_contain_text("completed", timeout=30_000)
    page.wait_for_selector("#verdict.good")
    expect(page.locator("#copy-link")).to_be_visible()
    assert len(provider.calls) == 1


def test_plan_shows_the_price_and_buys_nothing(page, provider):
    open_marked_picture(page)
    page.click("#plan")
    expect(page.locator("#price")).to_contain_text("$")
    assert provider.calls == []


KEY = "sk-of-the-caller"


def received_parts(provider):
    """Return the key, the fields, and the files by name, of the provider's last request."""
    call = provider.calls[-1]
    files = {name: data for name, _, _, data in call.files}
    return call.headers["authorization"], call.fields, files


def run_copied(command, folder):
    """Run a copied program as its user does, with the key in the environment."""
    env = {**os.environ, "RETOUCH_KEY": KEY}
    subprocess.run(command, cwd=folder, env=env, check=True, timeout=100, capture_output=True)


@pytest.fixture
def sample_folder(page, tmp_path):
    """Mark a picture in the page, and return a folder with its files as the copied code names them."""
    data = picture()
    page.click("#key-open")
    page.fill("#key", KEY)
    page.click("#key-panel button[type=submit]")
    open_picture(page, data)
    choose_model(page, prompt="a \"red\" hat\n'quoted' $HOME `x` é")
    page.click("#more-mask > summary")
    page.click("#box-add")
    page.select_option("#parameter-quality", "low")
    with page.expect_download() as download:
        page.click("#mask-download")
    download.value.save_as(tmp_path / "mask.png")
    (tmp_path / "photo.png").write_bytes(data)
    return tmp_path


def copied_code(page, language):
    if not page.locator("#language").is_visible():
        page.click("#code > summary")
    page.select_option("#language", language)
    return page.text_content("#sample-code")


@pytest.mark.parametrize("language", ["curl", "python"])
def test_copied_code_sends_the_request_of_the_page(page, provider, sample_folder, language):
    click_edit(page)
    expected = received_parts(provider)
    assert expected[0] == f"Bearer {KEY}"
    start = {"curl": ["bash", "-c"], "python": [sys.executable, "-c"]}[language]
    run_copied([*start, copied_code(page, language)], sample_folder)
    assert len(provider.calls) == 2
    assert received_parts(provider) == expected


def test_copied_javascript_sends_the_request_of_the_page(
    page, provider, sample_folder, node_folder
):
    click_edit(page)
    expected = received_parts(provider)
    (sample_folder / "node_modules").symlink_to(node_folder / "node_modules")
    (sample_folder / "edit.mjs").write_text(copied_code(page, "javascript"))
    run_copied(["node", "edit.mjs"], sample_folder)
    assert len(provider.calls) == 2
    assert received_parts(provider) == expected
