"""Request one small edit from each model of a real provider, through a gateway on this machine.

    OPENAI_API_KEY=sk-... python -m tools.live openai

The command costs money: one image from each model, with the model's cheapest settings. Keys come from the environment
and are never printed. The command saves the images and the responses, so that a person can look at them.
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

from devserver.server import DevServer
from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.clock import SystemClock
from retouch.planning.retirement import retirements
from retouch.providers import PROVIDERS
from tools.live_samples import SampleEdit, sample_edit

_EDIT_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class ModelResult:
    """The result of one model."""

    model: str
    failed: bool
    summary: str
    usd: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """Run the command. Return 0 when every edit succeeded, 1 when one failed, 2 when the provider is unknown."""
    options = _parser().parse_args(arguments)
    provider = next((p for p in PROVIDERS if p.name == options.provider and p.is_paid), None)
    if provider is None:
        print(f"There is no paid provider {options.provider!r}. There are: {_provider_names()}.")
        return 2
    missing_variable = "" if options.identity else missing_key_variable(provider, os.environ)
    if missing_variable:
        print(f"{provider.name} was not checked: there is no key in {missing_variable}.")
        return 0
    models = [m for m in available_models(provider) if options.model in (None, m.id)]
    folder = Path(options.into) / provider.name
    folder.mkdir(parents=True, exist_ok=True)
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as gateway:
        results = [
            _print_result(check_model(gateway.url, provider, model, folder)) for model in models
        ]
    failed = sum(result.failed for result in results)
    total_usd = sum(result.usd for result in results)
    print(
        f"{len(results)} models checked, {failed} failed, about ${total_usd:.2f} spent. See {folder}."
    )
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("provider", help=_provider_names())
    parser.add_argument("--model", help="check only this model")
    parser.add_argument(
        "--identity", action="store_true", help="use a role or credentials instead of a key"
    )
    parser.add_argument("--into", default=".work/live", help="the folder for results")
    return parser


def _provider_names() -> str:
    return ", ".join(p.name for p in PROVIDERS if p.is_paid)


def _print_result(result: ModelResult) -> ModelResult:
    print(f"{result.model:48} {'FAILED' if result.failed else 'ok':6} {result.summary}", flush=True)
    return result


def missing_key_variable(provider: Provider, environment: Mapping[str, str]) -> str:
    """Return the name of the variable that should hold the key, or "" when there is a key or other credentials.

    Incomplete credentials count too: the gateway then reports which part is missing.
    """
    has_credential = provider.read_settings(environment, provider.secrets).keys() - {"base_url"}
    return "" if has_credential else f"{provider.env_prefix}_API_KEY"


def available_models(provider: Provider) -> list[ModelCapabilities]:
    """Return the models that the provider has not shut down."""
    today = SystemClock().today()
    retirement_by_id = {m.id: retirements().get(f"{provider.name}/{m.id}") for m in provider.models}
    return [
        m
        for m in provider.models
        if not (end := retirement_by_id[m.id]) or not end.is_shut_down(today)
    ]


def check_model(
    url: str, provider: Provider, model: ModelCapabilities, folder: Path
) -> ModelResult:
    """Request one edit, save its image and its response in the folder, and return whether it succeeded."""
    name, sample = f"{provider.name}/{model.id}", sample_edit(model)
    started = time.monotonic()
    try:
        response = requests.post(
            f"{url}/v1/images/edits",
            data={"model": name, **sample.fields},
            files=sample.files(),
            timeout=_EDIT_TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        return ModelResult(name, True, f"no response ({type(error).__name__})")
    seconds = time.monotonic() - started
    _save_response(folder / re.sub(r"[^A-Za-z0-9.-]", "_", model.id), response)
    if response.status_code != 200:
        return ModelResult(name, True, _refusal_text(response))
    return _assess_edit(name, response, seconds, sample)


def _save_response(stem: Path, response: requests.Response) -> None:
    body = response.json()
    for index, item in enumerate(body.get("data", ())):
        data = base64.b64decode(item.pop("b64_json"))
        Path(f"{stem}.{index}.{_image_format(data)}").write_bytes(data)
    record = {"status": response.status_code, "headers": dict(response.headers), "body": body}
    Path(f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n")


def _image_format(data: bytes) -> str:
    return str(Image.open(io.BytesIO(data)).format).lower()


def _refusal_text(response: requests.Response) -> str:
    error = response.json()["error"]
    billed = response.headers.get("x-retouch-billed")
    return f"{response.status_code} {error['code']}: {error['message']} (billed: {billed})"


def _assess_edit(
    name: str, response: requests.Response, seconds: float, sample: SampleEdit
) -> ModelResult:
    data = base64.b64decode(response.json()["data"][0]["b64_json"])
    after = Image.open(io.BytesIO(data))
    cost_header = response.headers.get("x-retouch-cost-usd", "")
    usd = float(cost_header.split()[0]) if cost_header else 0.0
    details = [
        f"{after.width}x{after.height} {_image_format(data)}",
        f"{seconds:.1f} s",
        f"${cost_header or '?'}",
    ]
    failed = False
    if sample.mask:
        inside, outside = mean_changes(sample.image, after, sample.mask)
        details.append(f"changed {inside:.0f} inside the mask, {outside:.0f} outside")
        failed = outside > inside
    return ModelResult(name, failed, ", ".join(details), usd)


def mean_changes(before: Image.Image, after: Image.Image, mask: Image.Image) -> tuple[float, float]:
    """Return the mean difference inside and outside the mask, 0..255.

    A model that changed more outside than inside probably ignored or inverted the mask.
    """
    result = after.convert("RGB").resize(before.size)
    difference = ImageChops.difference(before.convert("RGB"), result).convert("L")
    unmarked = mask.getchannel("A")
    inside = ImageStat.Stat(difference, ImageChops.invert(unmarked)).mean[0]
    return inside, ImageStat.Stat(difference, unmarked).mean[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
