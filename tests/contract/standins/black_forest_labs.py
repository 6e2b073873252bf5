"""Black Forest Labs: bare base64 pictures, a poll address in the answer, another host for results."""

from __future__ import annotations

from tests.contract.standin import Seen, repeated
from tests.contract.standins._flux import (
    KONTEXT,
    OPERATOR,
    Refusal,
    Tasks,
    decoded,
    fails,
    number,
    one_of,
    text,
    whole,
)
from tests.support.upstream import as_json


def edge(value):
    return type(value) is int and value >= 64 and value % 16 == 0


FLUX_2 = {
    "prompt": text,
    "seed": whole(0),
    "width": edge,
    "height": edge,
    "output_format": one_of("jpeg", "png"),
    "safety_tolerance": whole(0, 5),
}
FILL = {
    "prompt": text,
    "seed": whole(0),
    "steps": whole(15, 50),
    "guidance": number(1.5, 100),
    "output_format": one_of("jpeg", "png"),
}
MODELS = {
    "flux-kontext-pro": (KONTEXT, 4),
    "flux-kontext-max": (KONTEXT, 4),
    "flux-pro-1.0-fill": (FILL, 1),
    "flux-2-pro": (FLUX_2, 8),
    "flux-2-max": (FLUX_2, 8),
    "flux-2-flex": (FLUX_2, 8),
    "flux-2-klein-9b": (FLUX_2, 8),
}


def error(status, detail, **headers):
    return as_json({"detail": detail}, status, **headers)


class BlackForestLabs(Tasks):
    slug = "black-forest-labs"
    status_of_refusal = 422

    def env(self):
        return {"BFL_API_KEY": self.key, "BFL_BASE_URL": f"{self.url}/v1"}

    def respond(self, received):
        if received.headers.get("x-key") != self.key:
            return error(403, "Not authenticated")
        where = (received.method, received.path)
        if where == ("GET", "/v1/credits"):
            return as_json({"credits": 120.5})
        if where == ("GET", "/v1/get_result"):
            return self.polled(received.query["id"])
        model = received.path.removeprefix("/v1/")
        if received.method != "POST" or model not in MODELS:
            return error(404, "Not Found")
        try:
            task = self.accept(self.seen(received), MODELS[model][0])
        except Refusal as refusal:
            return error(
                refusal.status, [{"loc": ["body"], "msg": refusal.message, "type": "value_error"}]
            )
        polling = f"{self.url}/v1/get_result?id={task}"
        return as_json({"id": task, "polling_url": polling, "cost": 4.0, "input_mp": 1.0})

    def seen(self, received):
        fields = received.json()
        _, most = MODELS[received.path.removeprefix("/v1/")]
        fill = received.path.endswith("fill")
        names = ["image" if fill else "input_image"]
        names += [f"input_image_{number}" for number in range(2, most + 1)]
        pictures = [decoded(fields.pop(name), 422) for name in names if name in fields]
        if not pictures:
            raise Refusal(422, f"{names[0]}: field required")
        mask = decoded(fields.pop("mask"), 422) if fill and "mask" in fields else None
        return Seen(pictures, mask, fields)

    def failures(self):
        limited = (429, "rate_limit_exceeded")
        invalid = [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}]
        return {
            **self.task_failures(),
            "bad_key": fails(error(403, f"Not authenticated: {self.key}"), *OPERATOR),
            "bad_key_401": fails(error(401, "Invalid key"), *OPERATOR),
            "retired": fails(error(404, "Not Found"), 404, "model_not_found"),
            "no_credit": fails(error(402, "Insufficient credits"), 429, "insufficient_quota"),
            "invalid": fails(error(422, invalid), 422, "provider_refused"),
            "rate_limited": fails(error(429, "too many active tasks"), *limited),
            "rate_limited_with_hint": repeated(
                fails(error(429, "later", **{"retry-after": "2"}), *limited)
            ),
        }
