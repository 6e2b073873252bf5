"""All rows in the order of the page."""

from tools.portkey.row import Row
from tools.portkey.rows_answers import BODIES, GUARDRAILS, RESPONSES
from tools.portkey.rows_configs import CONFIGS
from tools.portkey.rows_headers import HEADERS, KEYS
from tools.portkey.rows_retries import CACHE, RETRIES

GROUPS: dict[str, tuple[Row, ...]] = {
    "Keys and providers": KEYS,
    "Other headers": HEADERS,
    "Configs": CONFIGS,
    "Retries": RETRIES,
    "Cache": CACHE,
    "Guardrails": GUARDRAILS,
    "Responses": RESPONSES,
    "Bodies": BODIES,
}
ROWS = tuple(row for rows in GROUPS.values() for row in rows)
