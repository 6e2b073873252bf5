"""A browser for the tests of the playground, and a gateway to test it at."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if path.exists()),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("not run: there is no Chromium. Run `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """Yield a page. A message in its console or an error of its script fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: note_problem(problems, message))
    yield page
    context.close()
    assert problems == []


def note_problem(problems, message):
    if message.type in ("error", "warning"):
        problems.append(message.text)
