"""What every gateway launcher has: it runs a gateway, and it starts cold gateways."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from bench.coldstart import StartedTarget, Starter
from bench.targets import Target


class Launcher(ABC):
    """Starts one gateway, for measurements of requests and of cold starts."""

    @abstractmethod
    def start_gateway(self) -> AbstractContextManager[Target]:
        """Return a context manager that starts a gateway, which may not listen yet, and ends it by pid."""

    @contextmanager
    def run_gateway(self) -> Iterator[Target]:
        """Run a gateway and yield it when it listens."""
        with self.start_gateway() as target:
            target.wait_until_listening()
            yield target

    @contextmanager
    def cold_starter(self) -> Iterator[Starter]:
        """Yield a starter for cold starts. The starter is entered again for every start."""

        @contextmanager
        def start() -> Iterator[StartedTarget]:
            started_at = time.perf_counter()
            with self.start_gateway() as target:
                yield StartedTarget(target, started_at)

        yield start
