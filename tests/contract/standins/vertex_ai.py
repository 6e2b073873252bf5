"""Vertex AI, from Google's documentation: the Gemini API with projects, locations and other credentials."""

import re

from tests.contract.paint import decode_image
from tests.contract.standin import Failure
from tests.contract.standins import google
from tests.contract.standins._google_failures import error_info, error_response
from tests.contract.standins.google import magenta_image, require

PERSON_GENERATION_VALUES = {"ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"}
PROMINENT_PEOPLE_VALUES = {"ALLOW_PROMINENT_PEOPLE", "BLOCK_PROMINENT_PEOPLE"}


class VertexAIStandIn(google.GeminiStandIn):
    slug = "vertex-ai"
    paths = re.compile(
        r"/v1(?:beta1)?(?P<place>/projects/[^/]+/locations/[^/]+)?"
        r"/publishers/google/models/(?P<model>[^/:]+):generateContent"
    )
    max_file_bytes = 7_000_000
    max_input_bytes = 14 * max_file_bytes * 2
    image_keys = google.GeminiStandIn.image_keys | {
        "personGeneration",
        "prominentPeople",
        "imageOutputOptions",
    }

    def env(self):
        return {"VERTEX_AI_API_KEY": self.key, "VERTEX_AI_BASE_URL": self.url}

    def authentication_error(self, received):
        bearer = received.headers.get("authorization", "")
        if "x-goog-api-key" not in received.headers and bearer.startswith("Bearer ya29."):
            return None if "/projects/" in received.path else no_project_response()
        if bearer or "x-goog-api-key" not in received.headers:
            return error_response(
                401, "UNAUTHENTICATED", "Request had invalid authentication credentials."
            )
        return super().authentication_error(received)

    def decode_part(self, part):
        data = super().decode_part(part)
        require(len(data) <= self.max_file_bytes, "file size")
        return data

    def parse_config(self, config, model):
        image = super().parse_config(config, model)
        require(
            image.get("personGeneration", "ALLOW_ALL") in PERSON_GENERATION_VALUES,
            "personGeneration",
        )
        require(
            image.get("prominentPeople", "ALLOW_PROMINENT_PEOPLE") in PROMINENT_PEOPLE_VALUES,
            "prominentPeople",
        )
        output = image.get("imageOutputOptions", {})
        google.require_known_names(output, {"mimeType", "compressionQuality"}, "imageOutputOptions")
        require(output.get("mimeType", "image/png") in ("image/png", "image/jpeg"), "mimeType")
        require(0 <= output.get("compressionQuality", 0) <= 100, "compressionQuality")
        return image

    def draw_result(self, image, size):
        data, mime = super().draw_result(image, size)
        requested_type = image.get("imageOutputOptions", {}).get("mimeType", mime)
        if requested_type == mime:
            return data, mime
        return magenta_image(
            *decode_image(data).size, requested_type.removeprefix("image/")
        ), requested_type

    def failures(self):
        unauthenticated = error_response(
            401, "UNAUTHENTICATED", "Expired.", error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED")
        )
        denied = error_response(
            403,
            "PERMISSION_DENIED",
            "Permission 'aiplatform.endpoints.predict' denied on resource.",
            error_info("IAM_PERMISSION_DENIED"),
        )
        inherited = super().failures()
        return {
            **inherited,
            "expired_token": Failure([unauthenticated], 500, "provider_credentials", "no"),
            "not_allowed": Failure([denied], 500, "provider_credentials", "no"),
            "prompt_too_long": Failure(
                inherited["prompt_too_long"].responses, 502, "provider_error", "unknown"
            ),
            "overloaded": Failure(
                inherited["overloaded"].responses, 502, "provider_error", "unknown"
            ),
        }


def no_project_response():
    return error_response(403, "PERMISSION_DENIED", "No project.", error_info("CONSUMER_INVALID"))
