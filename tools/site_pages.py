"""The pages of the documentation site that do not stand in `docs/`, and the links that lead out of it.

mkdocs loads this file as a hook. Its functions are events of mkdocs: https://www.mkdocs.org/dev-guide/plugins/#events
"""

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.api_reference import ApiReference

ROOT = Path(__file__).parent.parent
CHANGELOG, OPENAPI = ROOT / "CHANGELOG.md", ROOT / "layers/retouch/retouch/api/openapi.json"
_LINK_OUT_OF_DOCS = re.compile(r"\[([^\]]*)\]\(\.\./([^)]*)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the decisions to the navigation before the changelog: their list, and then each by its number."""
    pages = Path(config.docs_dir, "decisions").glob("*.md")
    decisions = sorted(pages, key=lambda page: (page.name != "README.md", page.name))
    assert config.nav is not None, "the configuration has a navigation"
    config.nav.insert(-1, {"Decisions": [f"decisions/{page.name}" for page in decisions]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the changelog, and the reference of the API that is made from the OpenAPI document."""
    changelog = CHANGELOG.read_text().replace("](docs/", "](")
    reference = ApiReference(json.loads(OPENAPI.read_text())).render()
    files.append(File.generated(config, "changelog.md", content=changelog))
    files.append(File.generated(config, "api.md", content=reference))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return the page with links to files of the repository as the names of these files."""
    is_in_folder = "/" in page.file.src_uri
    return markdown if is_in_folder else _LINK_OUT_OF_DOCS.sub(_name_file, markdown)


def _name_file(link: re.Match[str]) -> str:
    text, path = link.groups()
    return f"[{text}](changelog.md)" if path == CHANGELOG.name else f"{text} (`{path}`)"
