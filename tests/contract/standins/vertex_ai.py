"""Vertex AI from Google's documentation: the Gemini API's conversation behind projects, locations and other keys."""

import re

from tests.contract.standin import Failure
from tests.contract.standins import google
from tests.contract.standins.google import error, info, painted, require

PEOPLE = {"ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"}
PROMINENT = {"ALLOW_PROMINENT_PEOPLE", "BLOCK_PROMINENT_PEOPLE"}


class VertexAI(google.Gemini):
    slug = "vertex-ai"
    paths = re.compile(
        r"/v1(?:beta1)?(?P<place>/projects/[^/]+/locations/[^/]+)?"
        r"/publishers/google/models/(?P<model>[^/:]+):generateContent"
    )
    file_bytes = 7_000_000
    input_bytes = 14 * file_bytes * 2
    image_keys = google.Gemini.image_keys | {
        "personGeneration",
        "prominentPeople",
        "imageOutputOptions",
    }

    def env(self):
        return {"VERTEX_AI_API_KEY": self.key, "VERTEX_AI_BASE_URL": self.url}

    def refused(self, received):
        bearer = received.headers.get("authorization", "")
        if "x-goog-api-key" not in received.headers and bearer.startswith("Bearer ya29."):
            return None if "/projects/" in received.path else no_project()
        if bearer or "x-goog-api-key" not in received.headers:
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        return super().refused(received)

    def picture(self, part):
        data = super().picture(part)
        require(len(data) <= self.file_bytes, "file size")
        return data

    def config(self, config, model):
        image = super().config(config, model)
        require(image.get("personGeneration", "ALLOW_ALL") in PEOPLE, "personGeneration")
        require(
            image.get("prominentPeople", "ALLOW_PROMINENT_PEOPLE") in PROMINENT, "prominentPeople"
        )
        output = image.get("imageOutputOptions", {})
        google.known(output, {"mimeType", "compressionQuality"}, "imageOutputOptions")
        require(output.get("mimeType", "image/png") in ("image/png", "image/jpeg"), "mimeType")
        require(0 <= output.get("compressionQuality", 0) <= 100, "compressionQuality")
        return image

    def drawn(self, image, size):
        data, mime = super().drawn(image, size)
        wanted = image.get("imageOutputOptions", {}).get("mimeType", mime)
        if wanted == mime:
            return data, mime
        return painted(*google.opened(data).size, wanted.removeprefix("image/")), wanted

    def failures(self):
        unauthenticated = error(
            401, "UNAUTHENTICATED", "Expired.", info("ACCESS_TOKEN_TYPE_UNSUPPORTED")
        )
        denied = error(
            403,
            "PERMISSION_DENIED",
            "Permission 'aiplatform.endpoints.predict' denied on resource.",
            info("IAM_PERMISSION_DENIED"),
        )
        inherited = super().failures()
        return {
            **inherited,
            "expired_token": Failure([unauthenticated], 500, "provider_credentials", "no"),
            "not_allowed": Failure([denied], 500, "provider_credentials", "no"),
            "overloaded": Failure(
                inherited["overloaded"].answers, 502, "provider_error", "unknown"
            ),
        }


def no_project():
    return error(403, "PERMISSION_DENIED", "No project.", info("CONSUMER_INVALID"))
