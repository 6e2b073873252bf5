"""The commands of docs/tenants.md, run in their order as they are printed, against the development server."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from devserver.server import DevServer
from tests.support.images import b64, photo
from tests.support.upstream import json_response

ADMIN_KEY = "rt_" + "D" * 43
ROOT = Path(__file__).parents[2]
USAGE = {
    "input_tokens": 340,
    "output_tokens": 1056,
    "total_tokens": 1396,
    "input_tokens_details": {"text_tokens": 40, "image_tokens": 300},
}


@pytest.fixture
def output(upstream):
    """Return what the commands print, by heading. The provider states the tokens that each edit has taken."""
    upstream.responses[:] = [
        json_response({"created": 1, "data": [{"b64_json": b64(photo(64, 64))}], "usage": USAGE})
    ]
    page = (ROOT / "docs" / "tenants.md").read_text()
    sections = re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    env = {
        "RETOUCH_ADMIN_KEY": ADMIN_KEY,
        "RETOUCH_AUTH_MODE": "keys",
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
    }
    with DevServer(env=env) as server:
        script = "set -euo pipefail\n"
        for heading, text in sections:
            blocks = re.findall(r"```bash\n(.+?)```", text, re.DOTALL)
            script += f"echo; echo '## {heading}'\n" + "\n".join(blocks)
        script = script.replace("http://127.0.0.1:8787", server.url)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env={"RETOUCH_ADMIN_KEY": ADMIN_KEY, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    parts = re.split(r"^## (.+)\n", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def answers(text):
    """Return the JSON objects in a text, which stand one after another."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while (start := text.find("{", position)) >= 0:
        answer, position = decoder.raw_decode(text, start)
        found.append(answer)
    return found


def test_page_sells_edits_to_two_customers_up_to_the_invoice(output):
    acme, globex = (answers(output["Edit"])[number]["limits"] for number in (-2, -1))
    assert {limit["limit_usd"] for limit in acme} == {20}
    assert {limit["limit_usd"] for limit in globex} == {1, 5}
    assert all(limit["taken_usd"] > 0 for limit in (*acme, *globex))
    models = answers(output["Edit"])[0]["data"]
    assert [model["id"] for model in models] == ["openai/gpt-image-2"]
    (rotated,) = answers(output["Replace a key"])
    assert rotated["limits"][0]["taken_usd"] == acme[0]["taken_usd"]
    (invoice,) = answers(output["Send the invoice"])
    assert {item["workspace_name"] for item in invoice["data"]} == {"Acme", "Globex"}
    prices = {item["workspace"]: item for item in invoice["data"]}
    assert len(prices) == 2
    assert sum(item["requests"] for item in prices.values()) == 2
    charged = sorted(item["price"] for item in prices.values())
    assert charged == sorted([acme[0]["taken_usd"], globex[0]["taken_usd"]])
    deleted, audit = answers(output["End a contract"])
    assert deleted["deleted"] is True
    assert audit["total"] >= 9
    assert ADMIN_KEY not in "".join(output.values())
