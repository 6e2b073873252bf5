"""Tests that run the helpers of docs/large-pictures.md as they are printed, with small and with large files."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import openai
import pytest
import requests

from tests.support.images import box_mask, decode_image, encode_image, noise_png, photo
from tests.support.node_sdk import node_folder as node_folder
from tests.support.raw_http import RawServer

PAGE = (Path(__file__).parents[2] / "docs/large-pictures.md").read_text()
(PYTHON_HELPER, PYTHON_EXAMPLE), (JS_HELPER, JS_EXAMPLE) = (
    re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) for language in ("python", "js")
)
PRINTED_URL = "http://127.0.0.1:8787"
# Records the URLs that the program requests.
JS_RECORDER = """
const urls = [], realFetch = globalThis.fetch;
globalThis.fetch = (url, ...rest) => { urls.push(String(url)); return realFetch(url, ...rest); };
"""
JS_REPORT = """
const paths = urls.filter((url) => url.startsWith('http')).map((url) => new URL(url).pathname);
console.log(JSON.stringify({ images: result.data.length, paths }));
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Change to a folder with the two small files that the examples name."""
    (tmp_path / "photo.png").write_bytes(photo(96, 96))
    (tmp_path / "mask.png").write_bytes(box_mask(96, 96))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def uploads(monkeypatch):
    """Return the list of the URLs to which the Python helper uploads."""
    urls: list[str] = []
    real_post = requests.post

    def record_and_post(url, **options):
        urls.append(url)
        return real_post(url, **options)

    monkeypatch.setattr(requests, "post", record_and_post)
    return urls


def run_python(gateway, code):
    namespace: dict[str, object] = {"client": sdk_client(gateway)}
    exec(PYTHON_HELPER + code.replace(PRINTED_URL, gateway.url), namespace)
    return namespace["result"]


def sdk_client(gateway):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="none")


LARGE_CALL = (
    "result = edit_image(client, 'large.png', model='openai/gpt-image-2', prompt='a hat', n=1)"
)


def test_python_example_edits_small_files_without_an_upload(gateway, files, uploads):
    result = run_python(gateway, PYTHON_EXAMPLE)
    assert len(result.data) == 1
    assert uploads == []


@pytest.mark.parametrize("megabytes", [4, 5, 6, 12])
def test_python_helper_edits_a_file_of_any_size(gateway, upstream, files, uploads, megabytes):
    image = noise_png(megabytes)
    (files / "large.png").write_bytes(image)
    assert len(run_python(gateway, LARGE_CALL).data) == 1
    assert len(uploads) == (megabytes > 4)
    ((_, _, _, received),) = upstream.calls[0].files
    assert hashlib.sha256(received).digest() == hashlib.sha256(image).digest()
    assert upstream.calls[0].fields["prompt"] == "a hat"


def test_python_helper_uploads_image_and_mask_that_are_too_large_together(
    gateway, upstream, files, uploads
):
    (files / "large.png").write_bytes(noise_png(3))
    mask = decode_image(box_mask(1000, 1000)).convert("RGBA")
    (files / "mask.png").write_bytes(encode_image(mask, compress_level=0))  # 4 MB
    run_python(gateway, LARGE_CALL.replace("'large.png'", "'large.png', 'mask.png'"))
    assert len(uploads) == 2
    assert [name for name, *_ in upstream.calls[0].files] == ["image", "mask"]


@pytest.mark.parametrize("megabytes", [1, 6])
def test_python_helper_takes_the_options_of_the_sdk(gateway, upstream, files, uploads, megabytes):
    (files / "large.png").write_bytes(noise_png(megabytes))
    options = "extra_body={'fit': 'auto'}, timeout=50, extra_headers={'x-portkey-trace-id': 't1'}"
    result = run_python(gateway, LARGE_CALL.replace("n=1", f"size='1024x1024', {options}"))
    assert len(result.data) == 1
    assert len(uploads) == (megabytes > 4)
    assert upstream.calls[0].fields["size"] == "1024x1024"


@pytest.mark.parametrize("megabytes", [1, 6])
def test_python_helper_sends_mask_mode_of_extra_body(gateway, files, uploads, megabytes):
    (files / "large.png").write_bytes(noise_png(megabytes))
    call = LARGE_CALL.replace("n=1", "extra_body={'mask_mode': 'white'}")
    with pytest.raises(openai.BadRequestError, match="'mask_mode' applies to a mask"):
        run_python(gateway, call)


@pytest.mark.parametrize("megabytes", [1, 6])
def test_python_helper_respects_the_timeout(files, megabytes):
    (files / "large.png").write_bytes(noise_png(megabytes))
    call = LARGE_CALL.replace("client,", "client.with_options(max_retries=0),")
    with RawServer([b""]) as silent, pytest.raises(openai.APITimeoutError):
        run_python(silent, call.replace("n=1", "timeout=0.2"))


def run_node(folder, files, code):
    (folder / "large-images.mjs").write_text(
        f"{JS_HELPER}{code.partition(';')[0]};{JS_RECORDER}{code.partition(';')[2]}{JS_REPORT}"
    )
    completed = subprocess.run(
        ["node", str(folder / "large-images.mjs")],
        cwd=files,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def test_javascript_example_edits_small_files_without_an_upload(node_folder, gateway, files):
    report = run_node(node_folder, files, JS_EXAMPLE.replace(PRINTED_URL, gateway.url))
    assert report == {"images": 1, "paths": ["/v1/images/edits"]}


@pytest.mark.parametrize("megabytes", [4, 5, 12])
def test_javascript_helper_edits_a_file_of_any_size(
    node_folder, gateway, upstream, files, megabytes
):
    image = noise_png(megabytes)
    (files / "large.png").write_bytes(image)
    setup, _, _ = JS_EXAMPLE.replace(PRINTED_URL, gateway.url).partition("const result")
    call = "{ image: 'large.png', model: 'openai/gpt-image-2', prompt: 'a hat' }"
    report = run_node(node_folder, files, f"{setup}const result = await editImage(client, {call});")
    assert report["images"] == 1
    upload_paths = ["/v1/uploads", "/retouch-local"] if megabytes > 4 else []
    assert report["paths"] == [*upload_paths, "/v1/images/edits"]
    ((_, _, _, received),) = upstream.calls[0].files
    assert hashlib.sha256(received).digest() == hashlib.sha256(image).digest()


@pytest.mark.parametrize("megabytes", [1, 6])
def test_javascript_helper_takes_parameters_of_the_gateway_and_options(
    node_folder, gateway, upstream, files, megabytes
):
    (files / "large.png").write_bytes(noise_png(megabytes))
    setup, _, _ = JS_EXAMPLE.replace(PRINTED_URL, gateway.url).partition("const result")
    params = "{ image: 'large.png', model: 'openai/gpt-image-2', prompt: 'p', mask_mode: 'white' }"
    code = (
        f"{setup}let message; try {{ await editImage(client, {params}, {{ timeout: 50_000 }}); }} "
        "catch (error) { message = error.message; } const result = { data: [message] };"
        "if (!message.includes('applies to a mask')) throw new Error(message);"
    )
    assert run_node(node_folder, files, code)["images"] == 1
    assert upstream.calls == []


def test_unchanged_sdk_gets_413_that_names_the_page(gateway, upstream, files):
    with pytest.raises(openai.APIStatusError, match=r"docs/large-pictures\.md") as raised:
        sdk_client(gateway).images.edit(image=noise_png(6), model="gpt-image-2", prompt="p")
    assert raised.value.status_code == 413
    assert upstream.calls == []
