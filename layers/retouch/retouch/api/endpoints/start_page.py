"""GET /: a page for people who open the gateway's address in a browser."""

from __future__ import annotations

from pathlib import Path

from retouch.core.settings import PROJECT_URL

_PAGE = Path(__file__).parent.parent / "start_page.html"


_PLAYGROUND_LINK = (
    '  <li><a href="{base_url}/playground">Playground</a>: paint a mask and edit a picture</li>\n'
)


def render(base_url: str, *, has_playground: bool) -> bytes:
    """Return the page as HTML. It links to the documentation and to the routes that need no key."""
    from html import escape  # takes as long as three modules of this package

    page = _PAGE.read_text().replace("{playground}", _PLAYGROUND_LINK if has_playground else "")
    for name, url in (("{base_url}", base_url), ("{project_url}", PROJECT_URL)):
        page = page.replace(name, escape(url))
    return page.encode()
