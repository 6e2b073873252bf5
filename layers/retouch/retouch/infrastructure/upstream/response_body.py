"""The body of a provider's response: decompressed, complete, and limited in time and size."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from retouch.core.clock import Clock
from retouch.core.errors import DamagedResponse, DeadlineExceeded, UpstreamError
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.infrastructure.content_coding import (
    DamagedBody,
    UndecodableBody,
    decode_body,
    is_decodable,
    parse_content_coding,
    remove_wrong_label,
)
from retouch.infrastructure.http1.response import Response


@frozen_dataclass
class BodyReader:
    """A reader of one body. At its end the connection returns to the pool. After a failure it is closed."""

    response: Response
    title: str  # of the provider
    clock: Clock
    deadline: float  # on the clock's scale
    max_bytes: int  # of the body as received, and again as decompressed

    def stream(self) -> Generator[bytes, None, None]:
        """Yield the body as it arrives.

        Raises DeadlineExceeded, and UpstreamError for a body that is too large, incomplete or not decodable.
        """
        coding = parse_content_coding(self.response.headers.get_all("content-encoding"))
        try:
            chunks = self._received_chunks()
            if coding:
                coding, chunks = remove_wrong_label(chunks, coding)
            if not is_decodable(coding):
                raise UpstreamError(
                    f"{self.title} compressed its response with {coding}, which the gateway did not ask for and "
                    "cannot decompress. A proxy in between may have done it: let it pass on responses unchanged."
                )
            yield from self._limit_size(decode_body(chunks, coding))
        except TimeoutError:
            raise self._late_error() from None
        except OSError:
            raise self._truncated_error() from None
        except UndecodableBody as error:
            fault_type = DamagedResponse if isinstance(error, DamagedBody) else UpstreamError
            raise fault_type(
                f"{self.title}'s response is not readable: {error}.", retryable=True
            ) from None
        finally:
            self.response.close()

    def read_error(self) -> bytes:
        """Return the body of an error response, as far as it is readable: its status still says enough.

        Raises DeadlineExceeded.
        """
        body = bytearray()
        try:
            for chunk in self.stream():
                body += chunk
        except UpstreamError:
            pass  # the words that have arrived are kept
        return bytes(body)

    def _received_chunks(self) -> Iterator[bytes]:
        """Yield the bytes as received. The deadline also ends a slow body."""
        for chunk in self._limit_size(self.response.iter_body()):
            yield chunk
            if self.clock.now() >= self.deadline:
                raise self._late_error()

    def _limit_size(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks. The size limit ends an endless body and a compression bomb."""
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self.max_bytes:
                raise UpstreamError(f"{self.title}'s response is too large.")
            yield chunk

    def _late_error(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self.title} did not finish its response in time.")

    def _truncated_error(self) -> UpstreamError:
        return UpstreamError(f"{self.title}'s response ended early.", retryable=True)
