"""What edits cost in AWS, from the template's own resources: `python -m tools.aws.cost [--check]`.

Writes the tables in docs/cost.md between their markers; with --check nothing is written and a stale table fails.
A resource of a type that PER_MONTH does not know fails too, so that nothing with a price is forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from tools.aws import prices
from tools.docs import splice

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cost.md"
RATES = (0, 10, 1000)  # edits a day

# What a resource costs for being there. Zero is what is paid by use only, or never.
PER_MONTH = {
    "AWS::ApiGateway::Account": 0.0,
    "AWS::CloudWatch::Alarm": prices.ALARM_MONTH,
    "AWS::CloudWatch::Dashboard": prices.DASHBOARD_MONTH,
    "AWS::DynamoDB::Table": 0.0,
    "AWS::IAM::Role": 0.0,
    "AWS::Logs::LogGroup": 0.0,
    "AWS::S3::Bucket": 0.0,
    "AWS::S3::BucketPolicy": 0.0,
    "AWS::SQS::Queue": prices.SQS_POLLED_MONTH / 2,  # one of the two; nobody polls dead letters
    "AWS::SQS::QueuePolicy": 0.0,
    "AWS::SecretsManager::Secret": prices.SECRET_MONTH,
    "AWS::Serverless::Api": 0.0,
    "AWS::Serverless::Function": 0.0,
    "AWS::Serverless::LayerVersion": 0.0,
}


@dataclass(frozen=True)
class Edit:
    """A typical edit. Nearly all of its time is spent waiting for the provider, and is paid for."""

    seconds: float = 20.0
    megabytes_out: float = 2.0  # one 1024x1024 PNG as base64, or by its link
    log_kilobytes: float = (
        2.0  # the function's line and metrics, Lambda's own lines, the access log
    )
    metrics: int = 4  # names times models in use, published in each hour that has edits
    key_reads: float = 1.0  # at most; a key is remembered for a minute
    secret_reads: float = 1.0  # at most; the secret is remembered for five


EDIT = Edit()


def main(check: bool) -> int:
    """Write or compare; 1 when something is stale."""
    before = PAGE.read_text()
    template = loaded()
    after = splice(before, "cost", by_rate(template))
    after = splice(after, "per-edit", by_part(template))
    if after != before and check:
        print("docs/cost.md is stale; run `make cost`")
        return 1
    PAGE.write_text(after)
    return 0


def loaded() -> Mapping[str, Any]:
    """The template; exits where it cannot be read."""
    template, problems = decode(str(ROOT / "template.yaml"))
    if problems or template is None:
        raise SystemExit(f"template.yaml: {problems}")
    return template


def standing(template: Mapping[str, Any]) -> dict[str, float]:
    """Type -> dollars a month for its resources to be there."""
    found: dict[str, float] = {}
    for resource in template["Resources"].values():
        kind = str(resource["Type"])
        found[kind] = found.get(kind, 0.0) + PER_MONTH[kind]
    return {kind: cost for kind, cost in found.items() if cost}


def parts(template: Mapping[str, Any], edit: Edit = EDIT) -> dict[str, float]:
    """What -> dollars for one edit whose result is stored and fetched once."""
    parameters = template["Parameters"]
    gigabytes = parameters["MemorySize"]["Default"] / 1024
    second = prices.LAMBDA_GB_SECOND[parameters["Architecture"]["Default"]] * gigabytes
    stored = edit.megabytes_out / 1024 * prices.S3_GB_MONTH
    return {
        f"Lambda, {edit.seconds:g} s": prices.LAMBDA_REQUEST + edit.seconds * second,
        "API Gateway": prices.API_REQUEST,
        f"Data out, {edit.megabytes_out:g} MB": edit.megabytes_out / 1024 * prices.TRANSFER_GB,
        "S3, one result put, kept and fetched": prices.S3_PUT
        + prices.S3_GET
        + stored * parameters["ResultDays"]["Default"] / prices.DAYS,
        f"Logs, {edit.log_kilobytes:g} KB": edit.log_kilobytes / 1024**2 * prices.LOG_GB,
        "Secret and key looked up": edit.secret_reads * prices.SECRET_CALL
        + edit.key_reads * prices.DYNAMODB_READ,
    }


def month(template: Mapping[str, Any], a_day: int) -> float:
    """Dollars a month at so many edits a day."""
    busy = min(a_day, 24) / 24  # metrics are paid for by the hour in which they are published
    fixed = sum(standing(template).values()) + EDIT.metrics * prices.METRIC_MONTH * busy
    return fixed + a_day * prices.DAYS * sum(parts(template).values())


def container(a_day: int) -> float:
    """The same for a gateway that is always there: one small task, a load balancer, their addresses."""
    task = 0.5 * prices.FARGATE_VCPU_HOUR + 1.0 * prices.FARGATE_GB_HOUR
    addresses = 3 * prices.IPV4_HOUR  # two zones of the balancer, one task
    gigabytes = EDIT.megabytes_out / 1024
    traffic = gigabytes * (prices.TRANSFER_GB + prices.ALB_GB)
    return (task + prices.ALB_HOUR + addresses) * prices.HOURS + a_day * prices.DAYS * traffic


def by_rate(template: Mapping[str, Any]) -> str:
    """A row a rate, beside the container."""
    rows = [
        "| edits a day | Retouch, a month | for 1,000 edits | container, a month | for 1,000 edits |",
        "|---|---|---|---|---|",
    ]
    for rate in RATES:
        both = (month(template, rate), container(rate))
        cells = [f"${cost:,.2f} | {_thousand(cost, rate)}" for cost in both]
        rows.append(f"| {rate:,} | {' | '.join(cells)} |")
    there = ", ".join(
        f"{kind.split('::')[-1].lower()} ${c:.2f}" for kind, c in standing(template).items()
    )
    rows += ["", f"At idle Retouch costs what its resources cost for being there: {there}."]
    return "\n".join(rows)


def _thousand(cost: float, a_day: int) -> str:
    return f"${cost / (a_day * prices.DAYS) * 1000:,.2f}" if a_day else "-"


def by_part(template: Mapping[str, Any]) -> str:
    """A row a part of an edit's price."""
    found = parts(template)
    rows = ["| part | for 1,000 edits |", "|---|---|"]
    rows += [f"| {name} | ${cost * 1000:.3f} |" for name, cost in found.items()]
    return "\n".join([*rows, f"| together | ${sum(found.values()) * 1000:.2f} |"])


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
