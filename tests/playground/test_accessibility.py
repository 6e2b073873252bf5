"""The page for everybody: no serious violation in any state, and the whole flow by keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.playground.conftest import MODEL, click_edit, delayed, open_picture, picture, refusal

PHONE = {"width": 390, "height": 844}


def violations(page):
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], one["nodes"][0]["target"])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def show_empty(page, _):
    expect(page.locator("#empty")).to_be_visible()


def show_painted(page, _):
    page.click("#sample")
    expect(page.locator("#mask-state")).to_contain_text("marked")


def show_busy(page, provider):
    show_painted(page, provider)
    provider.responses[:] = [delayed(20)]
    page.select_option("#model", MODEL)
    page.click("#edit")
    expect(page.locator("#edit")).to_have_text("Editing…")


def show_result(page, provider):
    show_painted(page, provider)
    click_edit(page)


def show_error(page, provider):
    show_painted(page, provider)
    provider.responses[:] = [refusal(400, "moderation_blocked", "Your request was rejected.")]
    page.select_option("#model", MODEL)
    click_edit(page)


STATES = [show_empty, show_painted, show_busy, show_result, show_error]


@pytest.fixture
def open_unchecked_page(browser, server):
    """Yield a function that opens the playground without its security policy, which would keep axe out."""
    contexts = []

    def open_playground(**options):
        context = browser.new_context(bypass_csp=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{server.url}/playground")
        page.wait_for_selector("#model option", state="attached")
        return page

    yield open_playground
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("show", STATES)
def test_state_has_no_serious_violation(open_unchecked_page, provider, show, scheme):
    page = open_unchecked_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    show(page, provider)
    for details in page.locator("details:visible > summary").all():
        details.click()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_state_scrolls_sideways(open_unchecked_page, provider, width):
    page = open_unchecked_page(viewport={"width": width, "height": 844}, has_touch=True)
    for show in (show_empty, show_result):
        show(page, provider)
        for details in page.locator("details:visible > summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def tab_to(page, selector):
    for _ in range(80):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def test_whole_flow_works_by_keyboard(page, provider):
    tab_to(page, "#sample")
    page.keyboard.press("Enter")
    page.wait_for_selector("#content:not([hidden])")
    page.keyboard.press("r")  # the rectangle
    tab_to(page, "#frame")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#mask-state")).to_contain_text("rectangle 383,384 to 433,434")
    tab_to(page, "#edit")
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict.good", timeout=30_000)
    tab_to(page, "#slider")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#slider") == "51"
    assert provider.calls == []


def test_cursor_of_polygon_closes_at_its_first_corner(page):
    open_picture(page, picture(100, 100))
    page.check("input[value=polygon]", force=True)
    page.focus("#frame")
    for keys in (["ArrowLeft"], ["Shift+ArrowRight"] * 3, ["Shift+ArrowDown"] * 3):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#undo")).to_be_enabled()
    expect(page.locator("#mask-state")).to_contain_text("% marked")
