"""Who asks a web server and costs little beside it: HTTP/1.1 over connections that are kept, nothing else."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlencode

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass
class Asker:
    """Asks one server on this machine, with as many connections as there are questions at once."""

    port: int
    cookie: str = ""
    idle: list[Connection] = field(default_factory=list)

    async def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """Ask, once more where the server had closed the connection that was kept."""
        while self.idle:
            try:
                return await self._ask(self.idle.pop(), method, path, form)
            except (ConnectionError, asyncio.IncompleteReadError):
                continue
        return await self._ask(await asyncio.open_connection("127.0.0.1", self.port), method, path, form)

    async def _ask(self, line: Connection, method: str, path: str, form: dict[str, str] | None) -> Answer:
        reader, writer = line
        body = urlencode(form).encode() if form else b""
        lines = [f"{method} {path} HTTP/1.1", f"host: localhost:{self.port}", f"content-length: {len(body)}"]
        lines += [f"cookie: {self.cookie}"] if self.cookie else []
        lines += ["content-type: application/x-www-form-urlencoded"] if form else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        said = await reader.readexactly(length)
        if headers.get("connection") == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return Answer(int(first.split()[1]), headers, said)

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()
