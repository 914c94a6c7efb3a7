"""What a stolen copy of the database would tell, after everything that people do here has been done."""

from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg

from peerhub.actions import checkins, invitations, profile, rounds
from peerhub.actions import sessions as acts
from peerhub.domain.checkins import Went
from peerhub.domain.invitations import Rsvp
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, sessions
from peerhub.store.tables import TABLES
from tests.community import TUESDAY, a_member, a_round_of, an_organizer, propose, together
from tests.web.conftest import Browser, link_of_newest_letter
from tests.web.test_signup import ANA

NAMES = ("Zebedee", "Quillon", "Yolanthe", "Olu")


async def everything(database_url: str) -> dict[str, str]:
    """Every table as text; what is in bytes, as the text that these bytes would be."""
    connection = await asyncpg.connect(database_url)
    try:
        dump = {}
        for table in (one._meta.tablename for one in TABLES):
            rows = await connection.fetch(f'SELECT * FROM "{table}"')
            cells = [value for row in rows for value in row.values()]
            dump[table] = "\n".join(
                one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in cells
            ).casefold()
        return dump
    finally:
        await connection.close()


async def test_a_copy_of_the_database_holds_no_name_address_note_place_or_token(
    database_url: str,
    letterhead: Letterhead,
    browser: Callable[[], Browser],
    now: datetime,
) -> None:
    signing_up = browser()
    await signing_up.post("/signup", {**ANA, "name": "Zebedee", "email": "zebedee@secret.example"})
    confirm = await link_of_newest_letter()
    await signing_up.get(confirm)
    await signing_up.submit()
    asking = browser()
    await asking.post("/sign-in", {"email": "zebedee@secret.example"})
    sign_in = await link_of_newest_letter()
    (zebedee,) = await members.recipients_of([row["id"] for row in await TABLES[0].select()])
    quillon, yolanthe = await a_member("Quillon", now), await a_member("Yolanthe", now)
    olu = await an_organizer(now)
    round_id = await a_round_of(now, zebedee, quillon, yolanthe)
    version_id = await propose(round_id, now, together(zebedee, quillon))
    await rounds.publish(round_id, version_id, letterhead, olu, now)
    (session,) = await sessions.of_round(round_id)
    change = acts.Change(TUESDAY.starts_at, "voice", "https://meet.example/the-secret-room")
    await acts.change(session.id, change, letterhead, olu, now)
    seat = next(one for one in session.seats if one.member_id == zebedee)
    await invitations.answer(seat.id, Rsvp.YES, now)
    await profile.keep_apart(zebedee, "nemesis@secret.example", now)
    later = TUESDAY.ends_at + timedelta(hours=1)
    await checkins.check_in(seat.id, zebedee, Went.BADLY, False, "a note about the rain", later)
    await profile.keep_apart_from(zebedee, quillon, later)

    dump = await everything(database_url)

    tokens = [confirm.rpartition("/")[2], sign_in.rpartition("/")[2], links.rsvp_link(letterhead, seat.id)]
    cookies = [value for one in (signing_up, asking) for value in one.http.cookies.values()]
    secrets = [*NAMES, "secret", "nemesis", "example.org", "rain", "meet.example", "192.0.2.7", *tokens, *cookies]
    assert len(cookies) >= 4
    told = [(table, one) for table, text in dump.items() for one in secrets if one.casefold() in text]
    assert told == []
