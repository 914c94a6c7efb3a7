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

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from peerhub.mail.plain import is_one_address
from peerhub.mail.smtp import Connection, NoAnswer, Reply

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_HELLO = 20.0  # seconds to connect, to greet and to log in
_ENVELOPE = 20.0  # seconds for MAIL and RCPT together
_BODY = 60.0  # seconds for DATA
_YES = (250, 251)
_GO_ON = 354
_STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}\b")
_FIRST_REST = timedelta(seconds=5)
_LONGEST_REST = timedelta(minutes=5)
TO_OFFER = timedelta(seconds=_HELLO + 2 * _ENVELOPE + _BODY)  # the longest that the offer of one mail takes


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


@dataclass(frozen=True)
class Envelope:
    """Whom a mail goes to, and where it comes back to if it cannot be delivered later on."""

    to: str
    returns_to: str

    def __repr__(self) -> str:
        return "Envelope(...)"

    @property
    def commands(self) -> tuple[str, str]:
        return f"MAIL FROM:<{self.returns_to}>", f"RCPT TO:<{self.to}>"


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
        line = Line(self._client)
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


def _nobody() -> None:
    """Nobody is written to next."""


def _nothing() -> None:
    """There is nothing else to do."""


class Line:
    """One connection at a time, used for one mail after the other.

    Where the server offers PIPELINING, the envelope of the next mail goes out right behind a body: the server reads it
    before it is waited for.
    """

    def __init__(self, client: Callable[[], SMTP]) -> None:
        self._client = client
        self._connection: Connection | None = None
        self._ahead: Envelope | None = None  # said behind the last body, and not answered yet
        self.was_useful = False

    async def offer(
        self,
        envelope: Envelope,
        mail: bytes,
        may_send: Callable[[], Awaitable[bool]],
        behind: Callable[[], Envelope | None] = _nobody,
        meanwhile: Callable[[], None] = _nothing,
    ) -> Answer:
        """Offer one mail: MAIL, RCPT, then ``may_send`` has the last word, then DATA.

        Before the body leaves, ``behind`` says whom the next mail goes to, as far as that is known. What there is to
        do ``meanwhile`` is done while the server keeps the body.

        Raises:
            TransportTrouble: the server takes no mail at all from us now; this mail was not tried.
        """
        if not is_one_address(envelope.to):
            return Answer(Ending.REFUSED, "an address that mail cannot be sent to")
        refused = await self._address(envelope)
        self.was_useful = True
        if refused is not None:
            await self._forget()
            return refused
        try:
            wanted = await may_send()
        except BaseException:
            self._hang_up()
            raise
        if not wanted:
            await self._forget()
            return Answer(Ending.NOT_WANTED)
        return await self._send(mail, behind, meanwhile)

    async def connect(self) -> None:
        """Be connected, greeted and logged in, if that is not so already.

        Raises:
            TransportTrouble: it cannot be.
        """
        await self._connected()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.quit()
        self._hang_up()

    async def _connected(self) -> Connection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        self._hang_up()
        client = self._client()
        try:
            async with asyncio.timeout(_HELLO):
                self._connection = await Connection.opened(client)
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            client.close()
            raise TransportTrouble(_named(error)) from None
        return self._connection

    async def _address(self, envelope: Envelope) -> Answer | None:
        """Have it said who writes to whom; nothing means that the server waits for the body."""
        if self._ahead == envelope and self._connection is not None:
            self._ahead = None
            with suppress(TransportTrouble):  # a server may end each connection after so many mails
                return await self._said(self._connection, envelope, ahead=True)
        elif self._ahead is not None:
            await self._forget()
        return await self._said(await self._connected(), envelope)

    async def _said(self, connection: Connection, envelope: Envelope, *, ahead: bool = False) -> Answer | None:
        verb = "MAIL"
        try:
            async with asyncio.timeout(_ENVELOPE):
                if connection.pipelines and not ahead:
                    connection.say(*envelope.commands)
                for command in envelope.commands:
                    verb = command[:4]
                    if not connection.pipelines:
                        connection.say(command)
                    reply = await connection.reply()
                    if reply.code not in _YES:
                        break
        except (OSError, TimeoutError) as error:
            self._hang_up()
            if verb == "MAIL":
                raise TransportTrouble(f"{_named(error)} at MAIL") from None
            return Answer(Ending.LATER, f"{_named(error)} at {verb}")
        if reply.code in _YES:
            return None
        if verb == "MAIL":  # no word has been said yet about this letter, so it is nothing about this letter
            self._hang_up()
            raise TransportTrouble(f"{reply.code} at MAIL")
        if reply.is_final:
            return Answer(Ending.REFUSED, f"{reply.code} at {verb}", _status_in(reply))
        return Answer(Ending.LATER, f"{reply.code} at {verb}")

    async def _send(self, mail: bytes, behind: Callable[[], Envelope | None], meanwhile: Callable[[], None]) -> Answer:
        try:
            async with asyncio.timeout(_BODY):
                reply = await self._data(mail, behind, meanwhile)
        except (OSError, TimeoutError) as error:
            self._hang_up()
            return Answer(Ending.UNKNOWN, f"{_named(error)} at DATA")
        if reply.is_final:
            return Answer(Ending.REFUSED, f"{reply.code} at DATA")
        if reply.code >= 400:
            return Answer(Ending.LATER, f"{reply.code} at DATA")
        return Answer(Ending.ACCEPTED)

    async def _data(self, mail: bytes, behind: Callable[[], Envelope | None], meanwhile: Callable[[], None]) -> Reply:
        """What the server says to the body, or to DATA if it wants none.

        Raises:
            NoAnswer, TimeoutError: nobody knows what has become of it.
        """
        connection = self._connection
        if connection is None:
            raise NoAnswer("connection lost")
        connection.say("DATA")
        following = behind()
        reply = await connection.reply()
        if reply.code >= 400:
            await self._forget()
            return reply
        if reply.code != _GO_ON:
            raise NoAnswer("no clear answer")
        self._ahead = following if connection.pipelines else None
        connection.say(*(self._ahead.commands if self._ahead else ()), body=mail)
        meanwhile()
        reply = await connection.reply()
        if 300 <= reply.code < 400:
            raise NoAnswer("no clear answer")
        return reply

    async def _forget(self) -> None:
        """Take back MAIL and RCPT, so that the next mail begins anew."""
        self._ahead = None
        if self._connection is None:
            return
        try:
            async with asyncio.timeout(_ENVELOPE):
                self._connection.say("RSET")
                *_, reply = await self._connection.replies()
        except (OSError, TimeoutError):
            self._hang_up()
        else:
            if reply.code not in _YES:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._ahead = None


def _status_in(reply: Reply) -> str:
    found = _STATUS.match(reply.words)
    return found[0] if found else ""


def _named(error: Exception) -> str:
    """What went wrong, and its code: the words of others may quote an address or a password."""
    match error:
        case NoAnswer():
            return str(error)
        case TimeoutError():
            return "no answer in time"
        case SMTPResponseException():
            return f"{type(error).__name__} {error.code}"
    return type(error).__name__
