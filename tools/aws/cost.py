"""Compute the AWS cost of edits from the template's resources: `python -m tools.aws.cost [--check]`.

The command writes the tables of docs/cost.md between their markers. With --check it writes nothing and fails when a
table is stale. It also fails for a resource type that RESOURCE_USD_PER_MONTH lacks, so that no cost is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from tools.aws import prices
from tools.docs import replace_section

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cost.md"
EDITS_PER_DAY = (0, 10, 1000)

# The monthly cost of an idle resource. Zero means that AWS bills only its use, or nothing.
RESOURCE_USD_PER_MONTH = {
    "AWS::ApiGateway::Account": 0.0,
    "AWS::CloudWatch::Alarm": prices.ALARM_MONTH,
    "AWS::CloudWatch::Dashboard": prices.DASHBOARD_MONTH,
    "AWS::DynamoDB::Table": 0.0,
    "AWS::Events::Rule": 0.0,
    "AWS::IAM::Role": 0.0,
    "AWS::Logs::LogGroup": 0.0,
    "AWS::S3::Bucket": 0.0,
    "AWS::S3::BucketPolicy": 0.0,
    "AWS::SQS::Queue": 0.0,  # but see `count_polled_queues`
    "AWS::SQS::QueuePolicy": 0.0,
    "AWS::SecretsManager::Secret": prices.SECRET_MONTH,
    "AWS::Serverless::Api": 0.0,
    "AWS::Serverless::Function": 0.0,
    "AWS::Serverless::LayerVersion": 0.0,
}


@dataclass(frozen=True)
class TypicalEdit:
    """A typical edit. Lambda bills its whole duration, and nearly all of that is waiting for the provider."""

    seconds: float = 20.0
    megabytes_out: float = 2.0  # One 1024x1024 PNG as base64 or behind its link.
    # The function's line and metrics, Lambda's own lines and the access log.
    log_kilobytes: float = 2.0
    # Published in each hour that has edits: EditRequests, EditLatency and the EditErrors of callers, each of them in
    # total and of one provider.
    metrics: int = 6
    key_reads: float = 1.0  # At most. A key is cached for one minute.
    # Three conditional puts and two entries of the index. Only for an edit with a key, or of an OpenAI SDK.
    order_writes: float = 5.0
    usage_writes: float = 2.0  # The event, and its entry in the index of traces.
    # Only for a key with limits: a hold and a settlement for the key and for its workspace, the charges in the order,
    # and one rate. A row of up to ten holds has less than 1 KB.
    budget_writes: float = 6.0
    answer_days: float = 2.0  # The stored answer is the image as base64, which is a third larger.
    secret_reads: float = 2.0  # At most. Both secrets are cached for five minutes.


TYPICAL_EDIT = TypicalEdit()


@dataclass(frozen=True)
class BatchCostLine:
    """What a line of a batch needs in addition to an edit with an order. Its steps are shared by many lines."""

    writes: float = (
        4.0  # The queued job, its claim, and its entries in the indexes of open and of ended jobs.
    )
    reads: float = 4.0  # The claim, the result, and the two counts of the progress.
    puts: float = 1.0  # The request.
    gets: float = 2.0  # The request and the answer.
    # Its message is sent with nine others, and received and deleted alone.
    queue_requests: float = 2.1


BATCH_LINE = BatchCostLine()


@dataclass(frozen=True)
class TypicalDelivery:
    """A delivery of a webhook that is accepted at the first attempt."""

    seconds: float = 0.5  # of the webhooks function
    # The delivery, its lease and its end; the event of the order, and two entries of its index.
    writes: float = 6.0
    reads: float = 4.0  # the list of endpoints; the endpoint twice, and the delivery
    queue_requests: float = 3.0  # send, receive, delete


TYPICAL_DELIVERY = TypicalDelivery()


def main(check: bool) -> int:
    """Write the page, or only compare when `check` is set. Return 1 when the page is stale."""
    before = PAGE.read_text()
    template = load_template()
    after = replace_section(before, "prices", price_date())
    after = replace_section(after, "cost", rate_table(template))
    after = replace_section(after, "per-edit", cost_table(template))
    after = replace_section(after, "per-line", line_table())
    after = replace_section(after, "per-delivery", delivery_table(template))
    if after != before and check:
        print("docs/cost.md is stale; run `make cost`")
        return 1
    PAGE.write_text(after)
    return 0


def load_template() -> Mapping[str, Any]:
    """Return the template. Exits when it cannot be read."""
    decoded, problems = decode(str(ROOT / "template.yaml"))
    if problems or decoded is None:
        raise SystemExit(f"template.yaml: {problems}")
    template: Mapping[str, Any] = decoded
    return template


def fixed_costs(template: Mapping[str, Any]) -> dict[str, float]:
    """Return the monthly cost of the idle resources in dollars, by resource type."""
    costs: dict[str, float] = {}
    for resource in template["Resources"].values():
        kind = str(resource["Type"])
        costs[kind] = costs.get(kind, 0.0) + RESOURCE_USD_PER_MONTH[kind]
    costs["AWS::SQS::Queue"] = count_polled_queues(template) * prices.SQS_POLLED_MONTH
    return {kind: cost for kind, cost in costs.items() if cost}


def count_polled_queues(template: Mapping[str, Any]) -> int:
    """Return the number of queues from which Lambda takes messages. An empty one costs its polling."""
    events = (
        event
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
    )
    return sum(event["Type"] == "SQS" for event in events)


def edit_costs(template: Mapping[str, Any], edit: TypicalEdit = TYPICAL_EDIT) -> dict[str, float]:
    """Return the cost in dollars of each part of one edit, whose result is stored and fetched once."""
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
        + stored * parameters["ResultDays"]["Default"] / prices.DAYS_PER_MONTH,
        f"Logs, {edit.log_kilobytes:g} KB": edit.log_kilobytes / 1024**2 * prices.LOG_GB,
        "Order, with its answer kept": edit.order_writes * prices.DYNAMODB_WRITE
        + prices.S3_PUT
        + stored * 4 / 3 * edit.answer_days / prices.DAYS_PER_MONTH,
        "Budgets of the key and its workspace, one rate": edit.budget_writes
        * prices.DYNAMODB_WRITE,
        "Usage event": edit.usage_writes * prices.DYNAMODB_WRITE,
        "Secrets and key looked up": edit.secret_reads * prices.SECRET_CALL
        + edit.key_reads * prices.DYNAMODB_READ,
    }


def delivery_costs(template: Mapping[str, Any]) -> dict[str, float]:
    """Return the cost in dollars of each part of one delivery of a webhook."""
    delivery = TYPICAL_DELIVERY
    megabytes = template["Resources"]["WebhooksFunction"]["Properties"]["MemorySize"]
    architecture = template["Parameters"]["Architecture"]["Default"]
    second = prices.LAMBDA_GB_SECOND[architecture] * megabytes / 1024
    return {
        f"Lambda, {delivery.seconds:g} s": prices.LAMBDA_REQUEST + delivery.seconds * second,
        "Queue": delivery.queue_requests * prices.SQS_REQUEST,
        "Rows": delivery.writes * prices.DYNAMODB_WRITE + delivery.reads * prices.DYNAMODB_READ * 2,
    }


def line_costs(line: BatchCostLine = BATCH_LINE) -> dict[str, float]:
    """Return the cost in dollars of each part that a line of a batch has in addition to an edit."""
    return {
        "Job and its entries in the indexes": line.writes * prices.DYNAMODB_WRITE
        + line.reads * prices.DYNAMODB_READ,
        "S3, the request stored, both read": line.puts * prices.S3_PUT + line.gets * prices.S3_GET,
        "Queue": line.queue_requests * prices.SQS_REQUEST,
    }


def monthly_cost(template: Mapping[str, Any], edits_per_day: int) -> float:
    """Return the monthly cost in dollars at that many edits a day."""
    # AWS bills metrics for each hour in which they are published.
    active_share = min(edits_per_day, 24) / 24
    fixed = (
        sum(fixed_costs(template).values())
        + TYPICAL_EDIT.metrics * prices.METRIC_MONTH * active_share
    )
    return fixed + edits_per_day * prices.DAYS_PER_MONTH * sum(edit_costs(template).values())


def container_monthly_cost(edits_per_day: int) -> float:
    """Return the monthly cost of a container gateway: one small task, a load balancer and their addresses."""
    task = 0.5 * prices.FARGATE_VCPU_HOUR + 1.0 * prices.FARGATE_GB_HOUR
    addresses = 3 * prices.IPV4_HOUR  # Two zones of the load balancer and one task.
    gigabytes = TYPICAL_EDIT.megabytes_out / 1024
    traffic = gigabytes * (prices.TRANSFER_GB + prices.ALB_GB)
    return (
        task + prices.ALB_HOUR + addresses
    ) * prices.HOURS_PER_MONTH + edits_per_day * prices.DAYS_PER_MONTH * traffic


def price_date() -> str:
    """Return the sentence that says which prices the tables use."""
    return f"The prices are AWS list prices for {prices.REGION} in {prices.AS_OF}."


def rate_table(template: Mapping[str, Any]) -> str:
    """Return a table with one row for each rate, compared with the container."""
    rows = [
        "| edits a day | Retouch, a month | for 1,000 edits | container, a month | for 1,000 edits |",
        "|---|---|---|---|---|",
    ]
    for rate in EDITS_PER_DAY:
        both = (monthly_cost(template, rate), container_monthly_cost(rate))
        cells = [f"${cost:,.2f} | {_cost_per_thousand(cost, rate)}" for cost in both]
        rows.append(f"| {rate:,} | {' | '.join(cells)} |")
    fixed_text = ", ".join(
        f"{kind.split('::')[-1].lower()} ${c:.2f}" for kind, c in fixed_costs(template).items()
    )
    rows += ["", f"At idle Retouch costs what its resources cost for being there: {fixed_text}."]
    return "\n".join(rows)


def _cost_per_thousand(cost: float, edits_per_day: int) -> str:
    return (
        f"${cost / (edits_per_day * prices.DAYS_PER_MONTH) * 1000:,.2f}" if edits_per_day else "-"
    )


def cost_table(template: Mapping[str, Any]) -> str:
    """Return a table with one row for each part of the cost of an edit."""
    return _table(edit_costs(template), "edits")


def delivery_table(template: Mapping[str, Any]) -> str:
    """Return a table with one row for each part of the cost of a delivery of a webhook."""
    return _table(delivery_costs(template), "deliveries")


def line_table() -> str:
    """Return a table with one row for each part of the additional cost of a line of a batch."""
    return _table(line_costs(), "lines")


def _table(costs: Mapping[str, float], things: str) -> str:
    rows = [f"| part | for 1,000 {things} |", "|---|---|"]
    rows += [f"| {name} | ${cost * 1000:.3f} |" for name, cost in costs.items()]
    return "\n".join([*rows, f"| together | ${sum(costs.values()) * 1000:.2f} |"])


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
