"""SMTP: a mail is offered to the mail server, whose answer is sorted into what it means for the letter."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPResponseException, SMTPStatus

from peerhub.mail.plain import is_one_address

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_HELLO = 20.0  # seconds to connect, to greet and to log in
_ENVELOPE = 20.0  # seconds for MAIL and RCPT together
_BODY = 60.0  # seconds for DATA
_LINE_END = re.compile(rb"\r\n|\n|\r")
_STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}\b")
_FIRST_REST = timedelta(seconds=5)
_LONGEST_REST = timedelta(minutes=5)
TO_OFFER = timedelta(seconds=_HELLO + _ENVELOPE + _BODY)  # the longest that the offer of one mail takes


class Ending(Enum):
    """How the offer of one mail ended."""

    ACCEPTED = auto()
    LATER = auto()  # certainly not delivered; try again
    REFUSED = auto()  # for good
    NOT_WANTED = auto()  # the fence said no
    UNKNOWN = auto()  # the connection died after the body had begun: nobody knows


@dataclass(frozen=True)
class Answer:
    """What became of one mail; ``trouble`` holds a code and a verb, never the server's words, which quote addresses.

    ``status`` is the enhanced code of a refusal, such as ``5.1.1``, where the server gave one.
    """

    ending: Ending
    trouble: str = ""
    status: str = ""


class TransportTrouble(Exception):
    """The mail server cannot be used at all right now: refused, wrong certificate, wrong password, wrong sender."""


class Post:
    """The way to one mail server; after trouble with the server itself it rests, longer each time."""

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._rests_until: datetime | None = None
        self._rest = _FIRST_REST

    def __repr__(self) -> str:
        return f"Post({self._url.scheme}://{self._url.hostname})"

    def rests(self, now: datetime) -> bool:
        return self._rests_until is not None and now < self._rests_until

    def rest(self, now: datetime) -> None:
        """Leave the server alone for a while."""
        if self.rests(now):
            return
        self._rests_until, self._rest = now + self._rest, min(2 * self._rest, _LONGEST_REST)

    @asynccontextmanager
    async def line(self) -> AsyncIterator["Line"]:
        """A connection for some mails, made when the first is offered and made again where it was lost."""
        line = Line(self._client(), self._sender)
        try:
            yield line
        finally:
            await line.close()
            if line.was_useful:
                self._rest = _FIRST_REST

    def _client(self) -> SMTP:
        """TLS is what the URL says: verified, and never left out where it was asked for."""
        scheme, user, password = self._url.scheme, self._url.username, self._url.password
        return SMTP(
            hostname=self._url.hostname,
            port=self._url.port or _PORTS[scheme],
            username=unquote(user) if user else None,
            password=unquote(password) if password else None,
            local_hostname=self._sender.rpartition("@")[2],
            timeout=_HELLO,
            use_tls=scheme == "smtps",
            start_tls=scheme == "smtp+starttls",
            tls_context=ssl.create_default_context() if scheme != "smtp" else None,
        )


async def trouble_with(url: str, sender: str = "peerhub@localhost") -> str | None:
    """What keeps us from writing to this mail server, in words for who runs this peerhub; None where all is well."""
    try:
        async with Post(url, sender).line() as line:
            await line.connect()
    except TransportTrouble as trouble:
        return f"the mail server cannot be used ({trouble})"
    return None


def _nothing() -> None:
    """There is nothing else to do."""


class Line:
    """One connection, used for one mail after the other."""

    def __init__(self, client: SMTP, sender: str) -> None:
        self._client = client
        self._sender = sender
        self.was_useful = False

    async def offer(
        self,
        to: str,
        mail: bytes,
        may_send: Callable[[], Awaitable[bool]],
        returns_to: str = "",
        meanwhile: Callable[[], None] = _nothing,
    ) -> Answer:
        """Offer one mail: MAIL, RCPT, then ``may_send`` has the last word, then DATA.

        If it cannot be delivered later on, it ``returns_to`` an address of its own, or to the sender of all. What there
        is to do ``meanwhile`` is done once the body has left, while the server keeps it.

        Raises:
            TransportTrouble: the server takes no mail at all from us now; this mail was not tried.
        """
        if not is_one_address(to):
            return Answer(Ending.REFUSED, "an address that mail cannot be sent to")
        await self.connect()
        refused = await self._envelope(to, returns_to or self._sender)
        self.was_useful = True
        if refused is not None:
            await self._forget()
            return refused
        try:
            wanted = await may_send()
        except BaseException:
            self._client.close()
            raise
        if not wanted:
            await self._forget()
            return Answer(Ending.NOT_WANTED)
        return await self._body(mail, meanwhile)

    async def close(self) -> None:
        if self._client.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._client.quit()
        self._client.close()

    async def connect(self) -> None:
        """Be connected, greeted and logged in, if that is not so already.

        Raises:
            TransportTrouble: it cannot be.
        """
        if self._client.is_connected:
            return
        try:
            async with asyncio.timeout(_HELLO):
                await self._client.connect()
                await self._client.ehlo()
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            self._client.close()
            raise TransportTrouble(_named(error)) from None

    async def _envelope(self, to: str, sender: str) -> Answer | None:
        """Say who writes to whom; nothing means that the server waits for the body."""
        verb = "MAIL"
        try:
            async with asyncio.timeout(_ENVELOPE):
                await self._client.mail(sender)
                verb = "RCPT"
                await self._client.rcpt(to)
        except SMTPResponseException as error:
            if verb == "MAIL":  # no word has been said yet about this letter, so it is nothing about this letter
                self._client.close()
                raise TransportTrouble(f"{error.code} at MAIL") from None
            if _is_final(error):
                return Answer(Ending.REFUSED, f"{error.code} at {verb}", _status_in(error))
            return Answer(Ending.LATER, f"{error.code} at {verb}")
        except (SMTPException, OSError, TimeoutError) as error:
            self._client.close()
            if verb == "MAIL":
                raise TransportTrouble(f"{_named(error)} at MAIL") from None
            return Answer(Ending.LATER, f"{_named(error)} at {verb}")
        return None

    async def _body(self, mail: bytes, meanwhile: Callable[[], None]) -> Answer:
        try:
            async with asyncio.timeout(_BODY):
                await self._data(mail, meanwhile)
        except SMTPResponseException as error:
            if 200 <= error.code < 300:
                return Answer(Ending.ACCEPTED)
            if _is_final(error):
                return Answer(Ending.REFUSED, f"{error.code} at DATA")
            if 400 <= error.code < 500:
                return Answer(Ending.LATER, f"{error.code} at DATA")
            self._client.close()
            return Answer(Ending.UNKNOWN, "no clear answer at DATA")
        except (SMTPException, OSError, TimeoutError) as error:
            self._client.close()
            return Answer(Ending.UNKNOWN, f"{_named(error)} at DATA")
        return Answer(Ending.ACCEPTED)

    async def _data(self, mail: bytes, meanwhile: Callable[[], None]) -> None:
        """DATA as the client itself does it, with room for something else between the body and its answer."""
        goes_on = await self._client.execute_command(b"DATA")
        if goes_on.code >= 400:
            raise SMTPDataError(goes_on.code, goes_on.message)
        if goes_on.code != SMTPStatus.start_input or (protocol := self._client.protocol) is None:
            raise SMTPException("the server does not wait for a body")
        protocol.write(_quoted(mail))
        meanwhile()
        answer = await protocol.read_response()
        if answer.code != SMTPStatus.completed:
            raise SMTPDataError(answer.code, answer.message)

    async def _forget(self) -> None:
        """Take back MAIL and RCPT, so that the next mail begins anew."""
        if not self._client.is_connected:
            return
        try:
            async with asyncio.timeout(_ENVELOPE):
                await self._client.rset()
        except (SMTPException, OSError, TimeoutError):
            self._client.close()


def _quoted(mail: bytes) -> bytes:
    """The mail as it goes over the line: every line ends in CRLF, and none is the dot that ends it all."""
    lines = mail if _has_plain_lines(mail) else _LINE_END.sub(b"\r\n", mail)
    body = b"\r\n" + lines.removesuffix(b"\r\n") + b"\r\n"
    return body.replace(b"\r\n.", b"\r\n..").removeprefix(b"\r\n") + b".\r\n"


def _has_plain_lines(mail: bytes) -> bool:
    """Whether it is written with CRLF already, as all that we compose is; a look costs little, writing it anew much."""
    return mail.count(b"\r") == mail.count(b"\n") == mail.count(b"\r\n")


def _status_in(error: SMTPResponseException) -> str:
    found = _STATUS.match(str(error.message))
    return found[0] if found else ""


def _is_final(error: SMTPResponseException) -> bool:
    return 500 <= error.code < 600


def _named(error: Exception) -> str:
    """The kind of the error, and its code: its words may quote an address or a password."""
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.code}"
    return type(error).__name__
