"""IMAP: mails are fetched from a folder that people read too, so only those that we acted on are marked as seen."""

import imaplib
import re
import ssl
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from peerhub.mail.incoming import MOST_BYTES

OUR_MARK: Final = "PeerhubRead"
AT_ONCE: Final = 25  # mails fetched in one go
_PORTS = {"imap": 143, "imap+starttls": 143, "imaps": 993}
_SECONDS = 30.0
_UID, _SIZE = re.compile(rb"\bUID (\d+)"), re.compile(rb"\bRFC822\.SIZE (\d+)")


class FolderTrouble(Exception):
    """The folder cannot be read right now; the message names the kind of trouble and nothing else."""


@dataclass(frozen=True)
class Fetched:
    """One mail of the folder; ``mail`` is empty where it is larger than anything that we read.

    ``name`` is good for as long as the folder lives, ``uid`` while it is open.
    """

    uid: str
    name: str
    mail: bytes

    def __repr__(self) -> str:
        return f"Fetched({self.uid})"


class Folder:
    """The folder that ``imaps://user:password@host/folder`` names; its methods wait, so they are called from a thread.

    Each of them raises ``FolderTrouble`` when the folder cannot be reached, or no longer.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._server: imaplib.IMAP4 | None = None
        self._keeps_marks = False
        self._life = ""

    def __repr__(self) -> str:
        return f"Folder({self._url.scheme}://{self._url.hostname})"

    def open(self) -> None:
        with _troubles():
            self._server = self._connected()
            name = (unquote(self._url.path.strip("/")) or "INBOX").replace("\\", "\\\\").replace('"', '\\"')
            answer, _ = self._server.select(f'"{name}"')
            if answer != "OK":
                raise FolderTrouble("there is no such folder")
            self._keeps_marks = b"\\*" in self._told("PERMANENTFLAGS")
            self._life = self._told("UIDVALIDITY").decode()

    def unread(self, but: Collection[str]) -> list[Fetched]:
        """The next mails that we have not read; ``but`` those of these names, where the server cannot mark them."""
        with _troubles():
            if self._server is None:
                self.open()
            found = self._ask("SEARCH", *(("UNKEYWORD", OUR_MARK) if self._keeps_marks else ("UNSEEN",)))
            uids = [uid for uid in _words(found) if self._name(uid) not in but][:AT_ONCE]
            sizes = self._sizes(uids)
            return [
                Fetched(uid, self._name(uid), self._mail(uid) if sizes.get(uid, 0) <= MOST_BYTES else b"")
                for uid in uids
            ]

    def mark(self, read: Collection[Fetched], acted_on: Collection[Fetched]) -> None:
        """Remember which mails were read; people need not look at those that were acted on."""
        with _troubles():
            if read and self._keeps_marks:
                self._ask("STORE", ",".join(one.uid for one in read), "+FLAGS.SILENT", f"({OUR_MARK})")
            if acted_on:
                self._ask("STORE", ",".join(one.uid for one in acted_on), "+FLAGS.SILENT", "(\\Seen)")

    def close(self) -> None:
        if self._server:
            with suppress(imaplib.IMAP4.error, OSError):
                self._server.logout()
            self._server = None

    def _connected(self) -> imaplib.IMAP4:
        """TLS is what the URL says: verified, and never left out where it was asked for."""
        host, scheme = self._url.hostname or "localhost", self._url.scheme
        port = self._url.port or _PORTS[scheme]
        server: imaplib.IMAP4
        if scheme == "imaps":
            server = imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=_SECONDS)
        else:
            server = imaplib.IMAP4(host, port, timeout=_SECONDS)
        try:
            if scheme == "imap+starttls":
                server.starttls(ssl.create_default_context())
            server.login(unquote(self._url.username or ""), unquote(self._url.password or ""))
        except BaseException:
            server.shutdown()
            raise
        return server

    def _told(self, what: str) -> bytes:
        """What the server said of the folder when it opened it."""
        _, said = self._server.response(what) if self._server else ("", [])
        return b" ".join(one for one in said if isinstance(one, bytes))

    def _name(self, uid: str) -> str:
        return f"{self._life}.{uid}"

    def _sizes(self, uids: list[str]) -> dict[str, int]:
        if not uids:
            return {}
        lines = self._ask("FETCH", ",".join(uids), "(UID RFC822.SIZE)")
        found = [(_UID.search(line), _SIZE.search(line)) for line in lines if isinstance(line, bytes)]
        return {uid[1].decode(): int(size[1]) for uid, size in found if uid and size}

    def _mail(self, uid: str) -> bytes:
        for line in self._ask("FETCH", uid, "(BODY.PEEK[])"):
            if isinstance(line, tuple):
                return line[1]
        return b""  # deleted since

    def _ask(self, command: str, *words: str) -> list[bytes | tuple[bytes, bytes]]:
        if self._server is None:
            raise FolderTrouble("it is not open")
        answer, lines = self._server.uid(command, *words)
        if answer != "OK":
            raise FolderTrouble(f"{command} was refused")
        return [line for line in lines if line is not None]


def trouble_with(url: str) -> str | None:
    """What keeps us from reading this folder, in words for who runs this peerhub; None where all is well."""
    box = Folder(url)
    try:
        box.open()
    except FolderTrouble as trouble:
        return f"the folder cannot be read ({trouble})"
    finally:
        box.close()
    return None


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except imaplib.IMAP4.abort:
        raise FolderTrouble("the connection broke") from None
    except imaplib.IMAP4.error:
        raise FolderTrouble("it was refused") from None  # its own words may quote an address or a password
    except (OSError, ValueError) as error:
        raise FolderTrouble(type(error).__name__) from None


def _words(lines: Iterable[bytes | tuple[bytes, bytes]]) -> list[str]:
    return [word.decode() for line in lines if isinstance(line, bytes) for word in line.split()]
