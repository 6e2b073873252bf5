"""The playground's files: their headers, what they may load, and that their modules fit into one script."""

import gzip
import re
from urllib.parse import urljoin

import pytest

from retouch.api.endpoints import playground
from retouch.api.handlers.edits import build_handler
from tests.support.events import lambda_context, proxy_event
from tests.support.gateway_client import telemetry
from tests.support.services import build_services

PAGE_FILES = ("page.html", "page.css", "page.js")
DECLARATION = re.compile(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", re.M)


def file_data(name):
    file = playground.read_file(name)
    assert file is not None
    return file.data


def get(path, env=None, method="GET", headers=None):
    handler = build_handler(build_services(env), lambda: None, telemetry())
    response = handler(proxy_event(method=method, path=path, headers=headers), lambda_context())
    headers = {name.lower(): values[0] for name, values in response["multiValueHeaders"].items()}
    return response["statusCode"], headers, response["body"]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/playground", "text/html; charset=utf-8"),
        ("/playground/page.css", "text/css; charset=utf-8"),
        ("/playground/page.js", "text/javascript; charset=utf-8"),
        ("/playground/sample.jpg", "image/jpeg"),
    ],
)
def test_file_of_playground_needs_no_key_and_has_type_and_entity_tag(path, media_type):
    status, headers, body = get(path, {"RETOUCH_AUTH_MODE": "keys"})
    assert (status, headers["content-type"]) == (200, media_type)
    assert body
    again, again_headers, again_body = get(path, headers={"If-None-Match": headers["etag"]})
    assert (again, again_body) == (304, b"")
    assert again_headers["etag"] == headers["etag"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/playground/", "/playground"),
        ("/playground/page.html", "/playground"),
        ("/playground/page.css/", "/playground/page.css"),
    ],
)
@pytest.mark.parametrize("base_path", ["", "/prod", "/img/v2"])
def test_path_below_which_links_do_not_work_redirects_to_the_right_one(path, target, base_path):
    handler = build_handler(build_services(), lambda: None, telemetry())
    event = proxy_event(method="GET", path=path)
    event["requestContext"]["path"] = base_path + path
    response = handler(event, lambda_context())
    (location,) = response["multiValueHeaders"]["Location"]
    assert response["statusCode"] == 308
    assert urljoin(f"https://host{base_path}{path}", location) == f"https://host{base_path}{target}"


@pytest.mark.parametrize("path", ["/playground", "/playground/page.js"])
def test_head_of_playground_has_headers_of_get(path):
    status, headers, body = get(path, method="HEAD")
    assert (status, body) == (200, get(path)[2])
    assert headers["etag"] == get(path)[1]["etag"]


@pytest.mark.parametrize(
    "path", ["/playground/../routes.py", "/playground/mask.js", "/playground/x"]
)
def test_other_file_is_not_found(path):
    assert get(path)[0] == 404


@pytest.mark.parametrize("path", ["/playground", "/playground/page.js"])
def test_playground_that_is_off_is_not_found(path):
    assert get(path, {"RETOUCH_PLAYGROUND": "off"})[0] == 404
    assert b"/playground" not in get("/", {"RETOUCH_PLAYGROUND": "off"})[2]
    assert b"/playground" in get("/")[2]


def test_policy_permits_only_own_files_and_the_bucket():
    policy = dict(
        part.split(" ", 1) for part in get("/playground")[1]["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"].split()[0] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


@pytest.mark.parametrize("name", PAGE_FILES)
def test_page_names_no_other_host_and_has_no_inline_code(name):
    text = file_data(name).decode()
    foreign = set(re.findall(r"https?://[^\s'\"`)]+", text)) - {
        "http://www.w3.org/2000/svg",
        "https://host/prod/",
    }
    assert {url for url in foreign if not url.startswith("https://host/prod/")} == set()
    if name == "page.html":
        assert re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", text) is None


def test_files_of_the_page_have_at_most_60_kb_compressed():
    assert sum(len(gzip.compress(file_data(name))) for name in PAGE_FILES) <= 60_000


def test_modules_of_script_declare_every_name_once_and_no_import_is_left():
    script = file_data("page.js").decode()
    names = DECLARATION.findall(script)
    assert sorted(names) == sorted(set(names))
    assert re.search(r"^(?:import|export)\b", script, re.M) is None


def test_every_module_stands_after_those_that_it_imports():
    for index, name in enumerate(playground.MODULES):
        text = (playground.FOLDER / f"{name}.js").read_text()
        imported = re.findall(r"^import [^;]* from '\./(\w+)\.js';", text, re.M)
        assert set(imported) <= set(playground.MODULES[:index]), name
    assert {path.stem for path in playground.FOLDER.glob("*.js")} == set(playground.MODULES)
