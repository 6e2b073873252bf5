"""Stand-ins whose responses and result files have a changed form."""

IMAGE_STARTS = ("iVBORw0KGgo", "/9j/", "UklGR")  # base64 of PNG, JPEG and WebP


def is_json(response):
    return "json" in response.headers.get("content-type", "")


class ChangedResponses:
    """The responses of a stand-in and of its result host, each in a changed form."""

    def __init__(self, server, change):
        self.change, self.respond = change, server.respond
        server.respond = self.changed_response
        server.result_host.write_response = self.write_result
        self.write = type(server.result_host).write_response
        self.result_host = server.result_host

    def changed_response(self, received):
        response = self.respond(received)
        return response if response.chunks is not None else self.change(response)

    def write_result(self, handler, response):
        self.write(self.result_host, handler, self.change(response))
