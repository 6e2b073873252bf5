"""CloudWatch for tests: metrics from the EMF lines that the code prints, and alarms and dashboards that read them."""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}
STATISTICS: dict[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max}
_SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^}]*)\} MetricName=\"(?P<name>\w+)\"'")


@dataclass(frozen=True)
class Datum:
    """One value of one metric: CloudWatch stores a value once for each set of dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    value: float

    @property
    def dimension_names(self):
        return {name for name, _ in self.dimensions}


def json_lines(text):
    """Return the objects of all lines that are JSON objects."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def emitted_metrics(text):
    """Return every Datum that CloudWatch makes of the log lines in `text`."""
    return [
        Datum(directive["Namespace"], metric["Name"], frozenset((n, line[n]) for n in names), value)
        for line in json_lines(text)
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
        for value in value_list(line[metric["Name"]])
    ]


def value_list(value):
    return value if isinstance(value, list) else [value]


def is_alarm_raised(alarm, data):
    """Return whether an alarm of the template rings after one period with these values.

    A dimension of the alarm that names a resource of the template has the id of the resource as its value.
    """
    values = [d.value for d in data if is_datum_of(d, alarm)]
    if not values:
        return alarm["TreatMissingData"] == "breaching"
    statistic = STATISTICS[alarm["Statistic"]](values)
    return COMPARISONS[alarm["ComparisonOperator"]](statistic, alarm["Threshold"])


def is_datum_of(datum, alarm):
    wanted = frozenset((d["Name"], resource_id(d["Value"])) for d in alarm["Dimensions"])
    name = (datum.namespace, datum.name, datum.dimensions)
    return name == (alarm["Namespace"], alarm["MetricName"], wanted)


def resource_id(value):
    """Return a literal value as it is, and the id of the resource for a reference."""
    if isinstance(value, str):
        return value
    return value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]


def widget_metrics(widget):
    """Return the metrics that a metric widget reads: (namespace, name, {dimension: value, or None for any value})."""
    rows = [[part for part in row if isinstance(part, str)] for row in widget["metrics"]]
    named = [(row[0], row[1], dict(zip(row[2::2], row[3::2], strict=True))) for row in rows if row]
    return named + [
        (namespace, found["name"], dict.fromkeys(names))
        for found in _SEARCH.finditer(json.dumps(widget["metrics"]).replace('\\"', '"'))
        for namespace, *names in [found["schema"].split(",")]
    ]


def has_metric(wanted, data):
    """Return whether CloudWatch has a metric that a widget reads."""
    namespace, name, dimensions = wanted
    return any(
        (d.namespace, d.name) == (namespace, name)
        and d.dimension_names == set(dimensions)
        and all(dimensions[n] in (None, v) for n, v in d.dimensions)
        for d in data
    )
