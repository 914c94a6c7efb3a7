"""The web server, as peerhub runs it: quiet about addresses, since they carry tokens, and stopped by its caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

_SECONDS_TO_FINISH = 5


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller: uvicorn would raise them again, before the worker and the database stop."""
        yield


def server(app: Any, host: str, port: int) -> uvicorn.Server:
    """A server that runs until its ``should_exit`` is set."""
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # web/browser.py believes our own proxies only
            log_level="warning",
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )
