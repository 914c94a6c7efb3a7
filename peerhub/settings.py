"""The only reader of the environment; a mistake in it is named before anything starts.

What is not set has a value that works on one machine: an embedded PostgreSQL and keys of its own in the data folder.
"""

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from peerhub.mail.plain import one_address
from peerhub.mail.signature import DkimKey

T = TypeVar("T")
_DATABASE_SCHEMES = ("postgresql", "postgres")
_SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")
_LISTEN_SCHEMES = ("lmtp", "smtp")
_IMAP_SCHEMES = ("imap", "imap+starttls", "imaps")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")
_KEY = re.compile(r"[0-9a-f]{64}")


class BadSettings(Exception):
    """The environment names something that cannot be; every mistake is listed."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Keys:
    """Secrets of this installation, of 32 bytes each: sealing keys by number, the hash key, the link-signing key."""

    sealing: Mapping[int, bytes]
    hashing: bytes
    signing: bytes

    def __repr__(self) -> str:
        return "Keys(...)"


@dataclass(frozen=True)
class Settings:
    """Everything that differs from one installation to another.

    ``database_url`` None means the embedded PostgreSQL in ``data_folder``. ``smtp_url`` is ``smtp://``,
    ``smtp+starttls://`` or ``smtps://``, with ``user:password@`` where the mail server asks for it. What comes back by
    mail is taken at ``inbox_listen`` or fetched from ``inbox_folder``; None where it is not. Nobody reads the metrics
    without ``metrics_token``, and nobody at all where it is empty.
    """

    data_folder: Path
    database_url: str | None
    smtp_url: str
    base_url: str
    host: str
    port: int
    mail_from: str
    community: str
    keys: Keys
    dkim_key: DkimKey | None = None
    inbox_listen: str | None = None
    inbox_folder: str | None = None
    bounce_domain: str = ""
    trusted_proxies: frozenset[str] = frozenset()
    metrics_token: str = ""
    demo: bool = False

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"  # never the URLs that carry passwords


def read(environment: Mapping[str, str] | None = None, *, demo: bool = False) -> Settings:
    """Read the environment.

    Raises:
        BadSettings: every mistake, with the name of the setting and what was expected.
    """
    given = _Given(os.environ if environment is None else environment)
    folder = Path(given.text("PEERHUB_DATA", ".peerhub")).expanduser().absolute()
    port = given.checked("PORT", "8000", "a number from 1 to 65535", _port)
    settings = Settings(
        data_folder=folder,
        database_url=given.checked("DATABASE_URL", "", "postgresql://user:password@host/name", _database) or None,
        smtp_url=given.checked("SMTP_URL", "smtp://localhost:1025", _SMTP_EXPECTED, _smtp),
        base_url=given.checked("BASE_URL", f"http://localhost:{port}", "https://host without a path", _base),
        host=given.text("HOST", "127.0.0.1"),
        port=port or 0,
        mail_from=given.checked("MAIL_FROM", "hello@peerhub.example", "one mail address", one_address),
        community=given.checked("COMMUNITY", "Our community", "a name of 1 to 60 characters", _community),
        keys=given.checked("PEERHUB_KEYS", "", _KEYS_EXPECTED, _keys) or _keys_of(folder, given.mistakes),
        dkim_key=given.checked("DKIM_KEY", "", "selector:/path/to/key.pem with an RSA private key in PEM", _dkim_key),
        inbox_listen=given.checked("INBOX_LISTEN", "", "lmtp://host:port or smtp://host:port", _listen) or None,
        inbox_folder=given.checked("INBOX_FOLDER", "", _IMAP_EXPECTED, _imap) or None,
        bounce_domain=given.checked("BOUNCE_DOMAIN", "", "a domain such as bounces.example.org", _domain),
        trusted_proxies=given.checked("TRUSTED_PROXIES", "", "IP addresses, with commas between", _proxies),
        metrics_token=given.checked("METRICS_TOKEN", "", "20 letters and digits or more, drawn at random", _token),
        demo=demo,
    )
    if given.mistakes:
        raise BadSettings(given.mistakes)
    return settings


_SMTP_EXPECTED = "smtp://host:port, smtp+starttls:// or smtps://; with a password, one of the last two"
_IMAP_EXPECTED = "imaps://user:password@host/folder, imap+starttls://, or imap:// on this machine"
_KEYS_EXPECTED = 'JSON {"sealing": {"1": 64 hex digits}, "hashing": 64 hex digits, "signing": 64 hex digits}'


class _Given:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def text(self, name: str, otherwise: str) -> str:
        return self._environment.get(name, "").strip() or otherwise

    def checked(self, name: str, otherwise: str, expected: str, read: Callable[[str], T]) -> T:
        try:
            return read(self.text(name, otherwise))
        except ValueError:
            self.mistakes.append(f"{name}: expected {expected}")  # never what was given: it may be a password
            return read(otherwise)


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise ValueError
    return int(text)


def _database(text: str) -> str:
    if text and urlsplit(text).scheme not in _DATABASE_SCHEMES:
        raise ValueError
    return text


def _smtp(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in _SMTP_SCHEMES or not parts.hostname or (parts.port or 25) < 1:
        raise ValueError
    if parts.password and parts.scheme == "smtp" and parts.hostname not in _THIS_MACHINE:
        raise ValueError  # anybody on the way could read it
    return text


def _listen(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in _LISTEN_SCHEMES or not parts.hostname or not parts.port or parts.username or parts.path:
        raise ValueError
    return text


def _imap(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in _IMAP_SCHEMES or not parts.hostname or not parts.username or not parts.password:
        raise ValueError
    if (parts.port is not None and parts.port < 1) or parts.query or not text.isprintable():
        raise ValueError
    if parts.scheme == "imap" and parts.hostname not in _THIS_MACHINE:
        raise ValueError  # anybody on the way could read the password
    return text


def _domain(text: str) -> str:
    if text and not (_DOMAIN.fullmatch(text.lower()) and len(text) <= 190):
        raise ValueError
    return text.lower()


def _base(text: str) -> str:
    parts = urlsplit(text)
    is_local = parts.hostname in _THIS_MACHINE
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ValueError
    return text.rstrip("/")


def _proxies(text: str) -> frozenset[str]:
    return frozenset(str(ip_address(part.strip())) for part in text.split(",") if part.strip())


def _token(text: str) -> str:
    if text and not _TOKEN.fullmatch(text):
        raise ValueError
    return text


def _community(text: str) -> str:
    if not 1 <= len(text) <= 60 or not text.isprintable():
        raise ValueError
    return text


def _dkim_key(text: str) -> DkimKey | None:
    if not text:
        return None
    selector, _, path = text.partition(":")
    if not selector.isalnum() or not path:
        raise ValueError
    try:
        return DkimKey(selector, Path(path).read_bytes())
    except OSError:
        raise ValueError from None


def _keys(text: str) -> Keys | None:
    if not text:
        return None
    try:
        given = json.loads(text)
        sealing = {int(n): _key(k) for n, k in given["sealing"].items()}
        keys = Keys(sealing, _key(given["hashing"]), _key(given["signing"]))
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError from None
    if not sealing or not set(sealing) <= set(range(256)):
        raise ValueError
    return keys


def _key(text: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise ValueError
    return bytes.fromhex(text)


def _keys_of(folder: Path, mistakes: list[str]) -> Keys:
    """The keys in the data folder, drawn at the first start; readable by their owner only."""
    path = folder / "keys.json"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            drawn = {
                "sealing": {"1": secrets.token_hex(32)},
                "hashing": secrets.token_hex(32),
                "signing": secrets.token_hex(32),
            }
            _write_once(path, json.dumps(drawn))
        keys = _keys(path.read_text())
    except (OSError, ValueError) as error:
        mistakes.append(
            f"PEERHUB_DATA: cannot use the keys in {path} ({type(error).__name__}); expected {_KEYS_EXPECTED}"
        )
        keys = None
    return keys or Keys({}, b"", b"")


def _write_once(path: Path, text: str) -> None:
    """Write a private file whole or not at all; whoever is second keeps what the first wrote."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
