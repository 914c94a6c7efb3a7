"""A web in a process of its own, by the clock and the zones of a test's workers, and a browser that looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
import httpx

from tests.faults.workers import Workers
from tests.served import a_free_port
from tests.web.conftest import Browser


@contextmanager
def a_web(workers: Workers) -> Iterator[str]:
    """Its address, while it is up."""
    port = a_free_port()
    web = workers.start(port=port, everywhere=True)
    yield f"http://localhost:{port}"
    workers.kill(web)


async def page_of(web: str, path: str, login: str = "") -> Browser:
    """A browser with that page open, once the web is up."""
    browser = Browser(httpx.AsyncClient(base_url=web, timeout=20, cookies={"login": login} if login else {}))
    with anyio.fail_after(40):
        while True:
            with suppress(httpx.TransportError):
                await browser.get(path)
                return browser
            await anyio.sleep(0.05)
