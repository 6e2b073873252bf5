"""Tests of the Node SDKs of OpenAI, Portkey and Vercel. npm installs them once. Skipped without Node."""

import json
import subprocess

from tests.support.images import box_mask, cutout, photo
from tests.support.node_sdk import node_folder as node_folder


def test_openai_node_sdk_edits_streams_and_raises_typed_errors(
    node_folder, gateway, upstream, tmp_path
):
    (tmp_path / "image.png").write_bytes(photo(96, 96))
    (tmp_path / "mask.png").write_bytes(box_mask(96, 96))
    completed = subprocess.run(
        [
            "node",
            "check.mjs",
            f"{gateway.url}/v1",
            str(tmp_path / "image.png"),
            str(tmp_path / "mask.png"),
        ],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    report = json.loads(completed.stdout)
    assert report == {
        "plain": 1,
        "list": 1,
        "masked": ["PNG", "PNG"],
        "events": ["image_edit.completed"],
        "refused": {"bad": True, "status": 400, "param": "size", "code": "invalid_value"},
    }
    assert len(upstream.calls) == 2
    assert [part[2] for part in upstream.calls[1].files] == ["image/png", "image/png"]


def test_portkey_node_sdk_edits_and_streams(node_folder, gateway, upstream, tmp_path):
    for name, data in (
        ("image", photo(96, 96)),
        ("mask", box_mask(96, 96)),
        ("cut", cutout(96, 96)),
    ):
        (tmp_path / f"{name}.png").write_bytes(data)
    files = [str(tmp_path / f"{name}.png") for name in ("image", "mask", "cut")]
    completed = subprocess.run(
        ["node", "portkey.mjs", f"{gateway.url}/v1", *files],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    report = json.loads(completed.stdout)
    assert report == {"plain": "http", "masked": "PNG", "events": ["image_edit.completed"]}
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-node"


def test_node_client_for_azure_edits(node_folder, gateway, upstream, tmp_path):
    (tmp_path / "image.png").write_bytes(photo(96, 96))
    completed = subprocess.run(
        ["node", "azure.mjs", gateway.url, str(tmp_path / "image.png")],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    assert json.loads(completed.stdout) == {"named": 1, "prefixed": 1, "deployed": 1}
    assert [call.path for call in upstream.calls] == [
        "/openai/deployments/gpt-image-2/images/edits",
        "/v1/images/edits",
        "/openai/deployments/pictures-prod/images/edits",
    ]
