"""The documentation site: every page is built, a broken link is an error, and nothing comes from another host."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOREIGN_ADDRESS = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]+")


def build_site(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    options = ["--config-file", str(root / ".mkdocs.yml"), "--site-dir", str(site)]
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", *options],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = build_site(ROOT, folder)
    assert build.returncode == 0, build.stderr
    return folder


def test_page_of_site_loads_nothing_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    assert [page.name for page in pages if FOREIGN_ADDRESS.search(page.read_text())] == []


def test_site_has_changelog_and_reference_of_every_route(site):
    assert "Unreleased" in (site / "changelog.html").read_text()
    assert "/v1/images/edits/{id}/content" in (site / "api.html").read_text()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_page_says_in_its_first_screen_what_to_type(page):
    first_screen = page.read_text().splitlines()[:20]
    assert any(line.startswith("```") for line in first_screen)


ORDER = re.findall(
    r"\w[\w-]*",
    "index quick-start masks providers errors large-pictures cost jobs events tenants deploy security troubleshooting "
    "portkey api architecture changelog",
)


def test_pages_are_in_the_order_in_which_a_newcomer_needs_them():
    text = (ROOT / ".mkdocs.yml").read_text().partition("\nnav:")[2]
    pages = re.findall(r": ([\w-]+)\.md$", text, re.M)
    assert [page for page in pages if page in ORDER] == ORDER


def test_list_of_decisions_has_every_decision_with_its_title():
    folder = DOCS / "decisions"
    listed = re.findall(r"^\| \[(.+?)\]\((.+?)\) \|", (folder / "README.md").read_text(), re.M)
    titles = [
        (page.read_text().partition("\n")[0].removeprefix("# "), page.name)
        for page in sorted(folder.glob("0*.md"))
    ]
    assert listed == titles


@pytest.mark.parametrize("link", ["[gone](gone.md)", "[gone](masks.md#gone)", "![gone](gone.png)"])
def test_build_fails_for_broken_link(tmp_path, link):
    for name in ("docs", "tools", "layers/retouch/retouch/api"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in (".mkdocs.yml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    page = tmp_path / "docs/index.md"
    page.write_text(f"{page.read_text()}\n{link}\n")
    build = build_site(tmp_path, tmp_path / "site")
    assert build.returncode == 1
    assert "gone" in build.stderr
