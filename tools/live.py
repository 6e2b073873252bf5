"""Asks a real provider for one tiny edit of each of its models, through a gateway on this machine.

    OPENAI_API_KEY=sk-... python -m tools.live openai

It costs money: the cheapest settings of each card, one picture each. Keys come from the environment and are never
printed. Results and answers are kept, so that a person can look at them.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from PIL import Image, ImageChops, ImageStat

from local.gateway import Gateway
from retouch.cards import Model, Provider
from retouch.clock import SystemClock
from retouch.lifecycle import endings
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from tools.live_orders import Order, order

_PATIENCE = 600.0  # seconds for one edit


@dataclass(frozen=True)
class Found:
    """What came of one model."""

    model: str
    failed: bool
    verdict: str
    usd: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """0: every model that was asked answered well; 1: one did not; 2: there is no such provider."""
    asked = _parser().parse_args(arguments)
    provider = next((p for p in PROVIDERS if p.name == asked.provider and p.paid), None)
    if provider is None:
        print(f"No paid provider is called {asked.provider!r}. There are: {_names()}.")
        return 2
    absent = "" if asked.identity else missing_key(provider, os.environ)
    if absent:
        print(f"{provider.name} was not asked: no key in {absent}.")
        return 0
    models = [m for m in live(provider) if asked.model in (None, m.id)]
    folder = Path(asked.into) / provider.name
    folder.mkdir(parents=True, exist_ok=True)
    with Gateway(env={"RETOUCH_AUTH_MODE": "open"}) as gateway:
        found = [_told(visit(gateway.url, provider, model, folder)) for model in models]
    failed = sum(one.failed for one in found)
    spent = sum(one.usd for one in found)
    print(f"{len(found)} models asked, {failed} failed, about ${spent:.2f} spent. See {folder}.")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("provider", help=_names())
    parser.add_argument("--model", help="only this one")
    parser.add_argument(
        "--identity", action="store_true", help="ask without a key: a role or credentials vouch"
    )
    parser.add_argument("--into", default=".work/live", help="where results are kept")
    return parser


def _names() -> str:
    return ", ".join(p.name for p in PROVIDERS if p.paid)


def _told(found: Found) -> Found:
    print(f"{found.model:48} {'FAILED' if found.failed else 'ok':6} {found.verdict}", flush=True)
    return found


def missing_key(provider: Provider, environment: Mapping[str, str]) -> str:
    """The variable in which the key should be; empty where it is, or credentials are, be they whole or only begun."""
    settings = Settings.from_env(environment)
    given = settings.of_provider(provider.env, provider.secrets).keys() - {"base_url"}
    found = given or environment.get(provider.key_variable)
    return "" if found else f"{provider.env}_API_KEY"


def live(provider: Provider) -> list[Model]:
    """The models that the provider has not shut down."""
    today = SystemClock().today()
    ends = {m.id: endings().get(f"{provider.name}/{m.id}") for m in provider.models}
    return [m for m in provider.models if not (end := ends[m.id]) or not end.over(today)]


def visit(url: str, provider: Provider, model: Model, folder: Path) -> Found:
    """One edit; its picture and its answer are kept in the folder."""
    name, sent = f"{provider.name}/{model.id}", order(model)
    started = time.monotonic()
    try:
        answer = requests.post(
            f"{url}/v1/images/edits",
            data={"model": name, **sent.fields},
            files=sent.files(),
            timeout=_PATIENCE,
        )
    except requests.RequestException as broken:
        return Found(name, True, f"no answer ({type(broken).__name__})")
    seconds = time.monotonic() - started
    _keep(folder / re.sub(r"[^A-Za-z0-9.-]", "_", model.id), answer)
    if answer.status_code != 200:
        return Found(name, True, _refusal(answer))
    return _judged(name, answer, seconds, sent)


def _keep(stem: Path, answer: requests.Response) -> None:
    body = answer.json()
    for index, item in enumerate(body.get("data", ())):
        data = base64.b64decode(item.pop("b64_json"))
        Path(f"{stem}.{index}.{_format(data)}").write_bytes(data)
    said = {"status": answer.status_code, "headers": dict(answer.headers), "body": body}
    Path(f"{stem}.json").write_text(json.dumps(said, indent=1) + "\n")


def _format(data: bytes) -> str:
    return str(Image.open(io.BytesIO(data)).format).lower()


def _refusal(answer: requests.Response) -> str:
    error = answer.json()["error"]
    billed = answer.headers.get("x-retouch-billed")
    return f"{answer.status_code} {error['code']}: {error['message']} (billed: {billed})"


def _judged(name: str, answer: requests.Response, seconds: float, sent: Order) -> Found:
    data = base64.b64decode(answer.json()["data"][0]["b64_json"])
    after = Image.open(io.BytesIO(data))
    said = answer.headers.get("x-retouch-cost-usd", "")
    usd = float(said.split()[0]) if said else 0.0
    words = [f"{after.width}x{after.height} {_format(data)}", f"{seconds:.1f} s", f"${said or '?'}"]
    failed = False
    if sent.mask:
        inside, outside = changes(sent.picture, after, sent.mask)
        words.append(f"changed {inside:.0f} where marked, {outside:.0f} elsewhere")
        failed = outside > inside
    return Found(name, failed, ", ".join(words), usd)


def changes(before: Image.Image, after: Image.Image, mask: Image.Image) -> tuple[float, float]:
    """How much the marked part changed, and the rest: mean difference, 0..255. More of it elsewhere is suspicious."""
    result = after.convert("RGB").resize(before.size)
    difference = ImageChops.difference(before.convert("RGB"), result).convert("L")
    keep = mask.getchannel("A")
    inside = ImageStat.Stat(difference, ImageChops.invert(keep)).mean[0]
    return inside, ImageStat.Stat(difference, keep).mean[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
