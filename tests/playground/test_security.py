"""What strangers' texts and the key can do in the page: nothing."""

from playwright.sync_api import expect

from tests.playground.conftest import (
    choose_model,
    click_edit,
    open_picture,
    picture,
    refusal,
)
from tests.support.images import b64
from tests.support.upstream import json_response

INJECTION = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
KEY = "rt_" + "k" * 43


def stored_text(page, storage):
    """Return all names and values of a storage of the browser."""
    return page.evaluate(
        "name => Array.from({length: window[name].length}, (_, at) => window[name].key(at))"
        ".map((key) => key + '=' + window[name].getItem(key)).join()",
        storage,
    )


def assert_nothing_ran(page):
    page.wait_for_timeout(300)
    assert page.title() == "Retouch playground"
    assert page.locator("img[onerror], main script").count() == 0


def test_injected_texts_are_only_shown(open_page, provider):
    page = open_page(permitted=("Failed to load resource",))
    provider.responses[:] = [
        json_response(
            {"data": [{"b64_json": b64(picture(1024, 1024)), "revised_prompt": INJECTION}]}
        )
    ]
    open_picture(page, picture(), name=f"{INJECTION[:40]}.png")
    choose_model(page, prompt=INJECTION)
    page.click("text=More parameters")
    page.fill("#metadata", '{"team": "<img src=x onerror=alert(1)>"}')
    click_edit(page)
    assert INJECTION in page.inner_text("#facts")
    assert_nothing_ran(page)
    provider.responses[:] = [refusal(400, "moderation_blocked", INJECTION)]
    click_edit(page)
    assert "onerror" in page.inner_text("#error")
    page.click("#code > summary")
    assert "onerror" in page.inner_text("#sample-code")
    assert_nothing_ran(page)


def test_model_id_of_the_gateway_is_only_shown(open_page):
    page = open_page()
    model = {
        "id": f"x/{INJECTION}",
        "owned_by": INJECTION,
        "capabilities": {"edit": True, "max_n": 1, "parameters": {INJECTION: INJECTION}},
    }
    page.route("**/v1/models**", lambda route: route.fulfill(json={"data": [model]}))
    page.reload()
    page.wait_for_selector("#model option", state="attached")
    assert_nothing_ran(page)


def test_key_is_in_no_attribute_address_storage_or_code(open_page):
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request))
    page.click("#key-open")
    page.fill("#key", KEY)
    page.click("#key-panel button[type=submit]")
    open_picture(page, picture())
    page.click("#code > summary")
    assert "$RETOUCH_KEY" in page.inner_text("#sample-code")
    assert KEY not in page.content()
    assert page.input_value("#key") == ""
    assert not any(KEY in request.url for request in sent)
    assert any(request.headers.get("authorization") == f"Bearer {KEY}" for request in sent)
    assert KEY not in stored_text(page, "localStorage") + stored_text(page, "sessionStorage")


def test_key_is_kept_for_the_tab_only_when_asked(open_page):
    page = open_page()
    page.click("#key-open")
    page.fill("#key", KEY)
    page.check("#key-keep")
    page.click("#key-panel button[type=submit]")
    expect(page.locator("#key-state")).to_have_text("Key set")
    assert KEY in stored_text(page, "sessionStorage")
    assert KEY not in stored_text(page, "localStorage")
    page.reload()
    expect(page.locator("#key-state")).to_have_text("Key set")


def test_closed_gateway_asks_for_the_key(open_page):
    page = open_page(permitted=("Failed to load resource",))
    error = {"message": "This gateway needs a key.", "code": "invalid_api_key", "param": None}
    page.route("**/v1/models**", lambda route: route.fulfill(status=401, json={"error": error}))
    page.reload()
    expect(page.locator("#key-panel")).to_be_visible()
    expect(page.locator("#error")).to_contain_text("This gateway needs a key.")
