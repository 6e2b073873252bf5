"""Names and links that the documentation prints: targets of make, modules, variables, files and headings exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "events", "functions", ".github")
PAGES = [
    *ROOT.glob("*.md"),
    *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md")),
]
MAKEFILES = "\n".join(p.read_text() for p in [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")])
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILES, re.MULTILINE))
SOURCES = MAKEFILES + "\n".join(
    path.read_text()
    for folder in ("layers/retouch/retouch", "devserver", "tools", "bench")
    for path in (ROOT / folder).rglob("*.py")
)
CODE = re.compile(r"^```.*?^```$|(?<!\w)`[^`\n]+`", re.DOTALL | re.MULTILINE)
PACKAGE = ROOT / "layers/retouch/retouch"
EXAMPLE = re.compile(r"acme[-_]images|<")  # the provider that the text adds, and placeholders


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def code(request):
    """Return everything that a page prints as code."""
    return "\n".join(CODE.findall(request.param.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_link_leads_to_a_file_and_a_heading(page):
    # mkdocs checks the links within docs/, but not those of the pages outside of it and those that lead out.
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            anchors = {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings
            }
            assert anchor in anchors, target


def test_printed_target_of_make_exists(code):
    printed = set(re.findall(r"^`?(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]+)", code, re.MULTILINE))
    assert printed - TARGETS == set()


def test_module_of_a_printed_command_exists(code):
    for name in set(re.findall(r"python -m ((?:bench|tools|tests|devserver)[\w.]*)", code)):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_file_in_the_tables_of_contributing_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = re.findall(r"`([\w.*/-]+(?:\.(?:py|json|yaml|yml|md)|/))`", text)
    assert len(names) > 200
    missing = [
        name
        for name in names
        if not EXAMPLE.search(name) and not any([*PACKAGE.glob(name), *ROOT.glob(name)])
    ]
    assert missing == []


def test_printed_variable_is_read_by_the_code(code):
    printed = set(re.findall(r"\bRETOUCH_[A-Z][A-Z_]*[A-Z]\b", code))
    assert {name for name in printed if name not in SOURCES} == set()
