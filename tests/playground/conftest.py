"""A browser for the tests of the playground, a gateway to test it at, and a provider that repaints every picture."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from devserver.server import DevServer
from tests.support.images import b64, encode_image, scene
from tests.support.upstream import ScriptedResponse, Upstream, json_response

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if path.exists()),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
]
MODEL = "openai/gpt-image-2"
REPAINTED = encode_image(Image.new("RGB", (1024, 1024), (255, 0, 255)))
SUCCESS = json_response(
    {
        "created": 1,
        "data": [{"b64_json": b64(REPAINTED)}],
        "usage": {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20},
    }
)


@pytest.fixture(scope="package")  # Its event loop would stand in the way of other tests.
def browser():
    if CHROMIUM is None:
        pytest.skip("not run: there is no Chromium. Run `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def repainting_provider():
    with Upstream(SUCCESS) as provider:
        yield provider


@pytest.fixture(scope="session")
def server(repainting_provider):
    """Yield an open gateway whose edits come from the provider that repaints every picture."""
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk",
        "OPENAI_BASE_URL": f"{repainting_provider.url}/v1",
    }
    with DevServer(env=env, workers=2, s3=True) as server:
        yield server


@pytest.fixture
def provider(repainting_provider):
    """Yield the provider without recorded requests. No delay outlives the test."""
    repainting_provider.received.clear()
    repainting_provider.responses[:] = [SUCCESS]
    yield repainting_provider
    repainting_provider.end_delays()


@pytest.fixture
def open_page(browser, server):
    """Yield a function that opens the playground. A message in the console or an error of the script fails the test."""
    contexts = []
    problems: list[str] = []

    def open_playground(*, permitted=(), **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: note_problem(problems, message, permitted))
        page.goto(f"{server.url}/playground")
        page.wait_for_selector("#model option", state="attached")
        return page

    yield open_playground
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(open_page):
    return open_page()


def note_problem(problems, message, permitted):
    """Note an error or a warning of the console, except the texts of responses that the test wants to fail."""
    if message.type in ("error", "warning") and not any(one in message.text for one in permitted):
        problems.append(message.text)


def open_picture(page, data, name="photo.png"):
    media_type = "image/jpeg" if data[:2] == b"\xff\xd8" else "image/png"
    page.set_input_files("#file", {"name": name, "mimeType": media_type, "buffer": data})
    page.wait_for_selector("#frame.has-picture")
    page.wait_for_selector("#content:not([hidden])")


def picture(width=640, height=480, format="PNG", **options):
    return encode_image(scene(width, height), format, **options)


def click_edit(page):
    """Press the button and wait for the end of the edit."""
    page.click("#edit")
    expect(page.locator("#edit")).to_have_text("Edit", timeout=60_000)


def choose_model(page, model=MODEL, prompt="a red hat"):
    page.select_option("#model", model)
    page.fill("#prompt", prompt)


def downloaded_mask(page):
    """Return the mask as the page makes it."""
    if not page.locator("#mask-download").is_visible():
        page.click("#more-mask > summary")
    with page.expect_download() as download:
        page.click("#mask-download")
    with Image.open(io.BytesIO(Path(download.value.path()).read_bytes())) as mask:
        assert (mask.format, mask.mode) == ("PNG", "RGBA")
        return mask.getchannel("A")


def received_file(provider, name):
    """Return the bytes of a file of the provider's last request."""
    (data,) = [data for part, _, _, data in provider.calls[-1].files if part == name]
    return data


def delayed(seconds, response=SUCCESS):
    return ScriptedResponse(response.status, response.body, response.headers, delay=seconds)


def refusal(status, code, message):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return json_response({"error": error}, status)
