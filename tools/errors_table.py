"""The table of error codes in docs/errors.md: one row for each code and status."""

import json

from tools.error_codes import PACKAGE, CodeFacts, code_facts
from tools.error_texts import TEXTS

_CAUSES = {"client": "caller", "provider": "provider", "gateway": "operator"}
_GATEWAY_TIMEOUT = CodeFacts(
    504, "gateway", "no", "unknown"
)  # API Gateway sends it, see template.yaml


def errors_table() -> str:
    """Return the table, by status and code. Raises KeyError for a code without a text in `error_texts`."""
    facts = code_facts()
    contract = json.loads((PACKAGE / "api" / "openapi.json").read_bytes())
    codes = contract["components"]["schemas"]["Code"]["enum"]
    default = {CodeFacts(400, "client", "no", "no")}
    rows = [
        (fact, code)
        for code in codes
        for fact in ({_GATEWAY_TIMEOUT} if code == "gateway_timeout" else facts.get(code, default))
    ]
    return "\n".join(
        (
            "| status | code | meaning | caused by | retried by an SDK | billed | what to do |",
            "|---|---|---|---|---|---|---|",
            *(_row(fact, code) for fact, code in sorted(rows)),
        )
    )


def _row(fact: CodeFacts, code: str) -> str:
    meaning, remedy = TEXTS[code]
    cells = (
        str(fact.status),
        f"`{code}`",
        meaning,
        _CAUSES[fact.blame],
        fact.retryable,
        fact.billed,
        remedy,
    )
    return "| " + " | ".join(cells) + " |"
