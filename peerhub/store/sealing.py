"""Encryption at rest: names, addresses, notes, wishes and letters are sealed with AES-GCM under a named key.

What is sealed is bound to its table, column and row, so that a value copied to another row no longer opens. An address
is found again by a keyed hash. Keys come from the settings, never from the database, and the newest one seals.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
KEY_BYTES = 32


class CannotOpen(Exception):
    """A sealed value was changed, moved to another row, or sealed with a key that is not here."""


@dataclass(frozen=True)
class Keyring:
    """Keys by number, each 32 bytes; ``hash_key`` never changes, since hashes cannot be made anew."""

    keys: Mapping[int, bytes]
    hash_key: bytes

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != KEY_BYTES for key in (*self.keys.values(), self.hash_key)):
            raise ValueError(f"expected at least one key, and every key of {KEY_BYTES} bytes")
        if any(not 0 <= number <= 255 for number in self.keys):
            raise ValueError("a key's number is 0 to 255")

    def __repr__(self) -> str:
        return f"Keyring({sorted(self.keys)})"

    @cached_property
    def newest(self) -> int:
        return max(self.keys)


_keyring: Keyring | None = None


def use(keyring: Keyring) -> None:
    """Seal and open with these keys from now on, in this process."""
    global _keyring  # noqa: PLW0603 - a process has one database and one keyring, as it has one engine
    _keyring = keyring


def _keys() -> Keyring:
    if _keyring is None:
        raise RuntimeError("sealing.use(keyring) comes first")
    return _keyring


def seal(plain: str | bytes, column: Any, row: UUID) -> bytes:
    """Encrypt a value for one column (of a Piccolo table) of one row: key number, nonce, ciphertext."""
    keys = _keys()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    data = plain.encode() if isinstance(plain, str) else plain
    return bytes([keys.newest]) + nonce + AESGCM(keys.keys[keys.newest]).encrypt(nonce, data, _bound_to(column, row))


def open_bytes(sealed: bytes, column: Any, row: UUID) -> bytes:
    """Decrypt what ``seal`` made for the same column and row.

    Raises:
        CannotOpen: changed, moved, or sealed with an unknown key.
    """
    key = _keys().keys.get(sealed[0]) if sealed else None
    if key is None:
        raise CannotOpen("sealed with a key that is not here")
    nonce, data = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, data, _bound_to(column, row))
    except InvalidTag:
        raise CannotOpen("a sealed value does not belong here") from None


def open_text(sealed: bytes, column: Any, row: UUID) -> str:
    """Like ``open_bytes``, for text."""
    return open_bytes(sealed, column, row).decode()


def keyed_hash(purpose: str, *parts: str | bytes) -> bytes:
    """A hash that only the holder of the hash key can make, different for every purpose."""
    digest = hmac.new(_keys().hash_key, purpose.encode(), sha256)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.digest()


def address_hash(address: str) -> bytes:
    """How an address is found again, whatever the case it is written in."""
    return keyed_hash("address", address.strip().casefold())


def _bound_to(column: Any, row: UUID) -> bytes:
    table = column._meta.table._meta.tablename
    return f"{table}.{column._meta.name}:{row}".encode()
