"""A provider that makes the edits of some models in the background, and responds with the image for all others."""

import json

from tests.support.images import b64
from tests.support.upstream import Upstream, json_response


class JobProvider(Upstream):
    """The server of both APIs: those of OpenAI, and of Black Forest Labs, whose models are named FLUX."""

    def __init__(self, image):
        self._success = json_response({"created": 1, "data": [{"b64_json": b64(image)}]})
        super().__init__(self._success)
        result = {"sample": f"{self.url}/result"}
        self.files["/result"] = image
        self.files["/poll"] = json.dumps({"status": "Ready", "result": result}).encode()

    def serve(self, handler):
        job = {"id": "1", "polling_url": f"{self.url}/poll"}
        self.responses[:] = [json_response(job) if "flux" in handler.path else self._success]
        super().serve(handler)
        self.responses[:] = [self._success]
