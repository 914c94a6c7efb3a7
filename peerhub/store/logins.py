"""Mailed links and browsers that are signed in: tokens are drawn here, and only their hashes are kept."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from peerhub.domain.members import Member
from peerhub.store import sealing, tables
from peerhub.store.tables import Login, SignInLink

TOKEN_BYTES: Final = 32
LINK_LIFE: Final = timedelta(minutes=10)
CONFIRM_LIFE: Final = timedelta(days=2)
IDLE_LIFE: Final = timedelta(days=7)
LOGIN_LIFE: Final = timedelta(days=30)
ORGANIZER_IDLE_LIFE: Final = timedelta(hours=4)
ORGANIZER_LOGIN_LIFE: Final = timedelta(hours=16)
MOST_TRIES: Final = 5
_SEEN_EVERY = timedelta(minutes=5)  # a page that is looked at often need not write each time


@dataclass(frozen=True)
class SignedIn:
    """A browser that is signed in, and as whom."""

    login_id: UUID
    member: Member


def draw_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _link_hash(token: str) -> bytes:
    return sealing.keyed_hash("sign-in link", token)


def _browser_hash(browser: str) -> bytes:
    return sealing.keyed_hash("asking browser", browser)


def _login_hash(token: str) -> bytes:
    return sealing.keyed_hash("login", token)


def code_of(browser: str) -> str:
    """The six digits that a browser shows, to be typed where the letter is opened."""
    return f"{int.from_bytes(sealing.keyed_hash('sign-in code', browser)[:8], 'big') % 1_000_000:06}"


async def put_link(member_id: UUID | None, browser: str, life: timedelta, now: datetime) -> str:
    """Draw a new link for a member and revoke those from before; for nobody, the same steps change nothing."""
    token = draw_token()
    await tables.Member.raw("SELECT id FROM member WHERE id = {} FOR UPDATE", member_id)  # one link after the other
    await SignInLink.update({SignInLink.used_at: now}, force=True).where(
        SignInLink.member == member_id, SignInLink.used_at.is_null()
    )
    await SignInLink.raw(
        "INSERT INTO sign_in_link (id, member, token_hash, browser_hash, code_hash, created_at, expires_at)"
        " SELECT gen_random_uuid(), id, {}, {}, {}, {}, {} FROM member WHERE id = {}",
        _link_hash(token),
        _browser_hash(browser),
        sealing.keyed_hash("code", code_of(browser)),
        now,
        now + life,
        member_id,
    )
    return token


async def is_open(token: str, now: datetime) -> bool:
    """Whether the link can still be used."""
    return await SignInLink.exists().where(
        SignInLink.token_hash == _link_hash(token), SignInLink.used_at.is_null(), SignInLink.expires_at > now
    )


async def was_asked_by(token: str, browser: str | None) -> bool:
    """Whether this is the browser that asked for the link."""
    return browser is not None and await SignInLink.exists().where(
        SignInLink.token_hash == _link_hash(token), SignInLink.browser_hash == _browser_hash(browser)
    )


async def use_link(token: str, now: datetime) -> UUID | None:
    """Use the link up and say whose it is; of many that try at once, one does."""
    used = (
        await SignInLink.update({SignInLink.used_at: now}, force=True)
        .where(SignInLink.token_hash == _link_hash(token), SignInLink.used_at.is_null(), SignInLink.expires_at > now)
        .returning(SignInLink.member)
    )
    return used[0]["member"] if used else None


async def code_fits(token: str, code: str, now: datetime) -> bool:
    """Whether the code is the one that the asking browser shows; each try counts, right or wrong, up to five."""
    tried = (
        await SignInLink.update({SignInLink.code_tries: SignInLink.code_tries + 1}, force=True)
        .where(
            SignInLink.token_hash == _link_hash(token),
            SignInLink.used_at.is_null(),
            SignInLink.expires_at > now,
            SignInLink.code_tries < MOST_TRIES,
        )
        .returning(SignInLink.code_hash)
    )
    return bool(tried) and secrets.compare_digest(tried[0]["code_hash"], sealing.keyed_hash("code", code))


async def begin_login(member_id: UUID, now: datetime) -> str:
    """Sign a browser in and give the token for its cookie."""
    token = draw_token()
    organizer = await tables.Member.exists().where(tables.Member.id == member_id, tables.Member.is_organizer.eq(True))
    await Login.insert(
        Login(
            member=member_id,
            token_hash=_login_hash(token),
            created_at=now,
            seen_at=now,
            expires_at=now + (ORGANIZER_LOGIN_LIFE if organizer else LOGIN_LIFE),
        )
    )
    return token


async def who(token: str, now: datetime) -> SignedIn | None:
    """Who is signed in with this cookie; nobody once it was idle or alive for too long."""
    found = (
        await Login.select(
            Login.id, Login.created_at, Login.seen_at, Login.member.id, Login.member.sealed_name,
            Login.member.time_zone, Login.member.is_organizer, Login.member.stage,
        )
        .where(Login.token_hash == _login_hash(token), Login.expires_at > now)
        .first()
    )  # fmt: skip
    if not found or found["member.stage"] in ("unconfirmed", "suspended"):
        return None
    idle, age = now - found["seen_at"], now - found["created_at"]
    if idle > (ORGANIZER_IDLE_LIFE if found["member.is_organizer"] else IDLE_LIFE):
        return None
    if found["member.is_organizer"] and age > ORGANIZER_LOGIN_LIFE:  # they may have been made one since
        return None
    if idle > _SEEN_EVERY:
        await Login.update({Login.seen_at: now}, force=True).where(Login.id == found["id"])
    member_id = found["member.id"]
    name = sealing.open_text(found["member.sealed_name"], tables.Member.sealed_name, member_id)
    member = Member(member_id, name, found["member.time_zone"], found["member.is_organizer"], found["member.stage"])
    return SignedIn(found["id"], member)


async def end_login(token: str) -> None:
    await Login.delete().where(Login.token_hash == _login_hash(token))


async def end_every_login(member_id: UUID) -> None:
    await Login.delete().where(Login.member == member_id)


async def forget(now: datetime) -> int:
    """Delete the links and logins that are over; how many there were."""
    links = await SignInLink.delete().where(SignInLink.expires_at <= now).returning(SignInLink.id)
    over = await Login.delete().where(Login.expires_at <= now).returning(Login.id)
    return len(links) + len(over)
