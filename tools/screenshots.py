"""Take the pictures of the playground for the documentation: `make screenshots`. It needs Chromium.

Look at them before you commit them. No test compares them.
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from devserver.server import DevServer

DOCS = Path(__file__).parent.parent / "docs"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    """Take every picture from a gateway of its own."""
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for scheme in ("light", "dark"):
            page = open_painted_page(browser, server.url, scheme, WIDE)
            save(page, f"playground-mask-{scheme}.png")
            click_edit(page)
            save(page, f"playground-result-{scheme}.png")
        save(open_painted_page(browser, server.url, "light", PHONE), "playground-phone.png")
        browser.close()


def open_painted_page(browser: Browser, url: str, scheme: str, size: dict[str, int]) -> Page:
    """Return a page with the sample photo and its mask."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"{url}/playground")
    page.click("#sample")
    page.wait_for_selector("#edit:enabled")
    page.mouse.move(2, 2)
    page.wait_for_timeout(500)  # the share of marked pixels is counted after a pause
    return page


def click_edit(page: Page) -> None:
    """Press the button and wait for the result."""
    page.click("#edit")
    page.wait_for_selector("#verdict.good", timeout=60_000)


def save(page: Page, name: str) -> None:
    """Save what the page shows, with at most 256 colours."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            DOCS / name, optimize=True
        )
    print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
