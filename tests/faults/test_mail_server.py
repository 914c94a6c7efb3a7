"""The mail server is gone, slow, confused or cross: letters wait, or fail alone, and hardly any comes twice."""

import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import outbox
from peerhub.store.tables import Letter
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.workers import (
    Workers,
    leases_run_out,
    put_letters,
    until,
    until_all_are,
    until_said,
    waits_are_over,
)
from tests.mail.cast import a_stored_member, the_outbox
from tests.smtp import Mailbox, Move, mail_server

pytestmark = pytest.mark.usefixtures("db")

SHORT = {"_HELLO": 0.6, "_ENVELOPE": 0.6, "_BODY": 0.6}  # seconds, so that no test waits for a minute


async def attempts() -> set[tuple[int, int]]:
    return {(row["attempts"], row["lost"]) for row in await the_outbox()}


@pytest.mark.parametrize(
    "url",
    ["smtp://127.0.0.1:1", "smtp://nowhere.invalid:25", "{no TLS}", "{bad certificate}", "{wrong password}"],
)
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_mail_server_that_cannot_be_used_burns_no_attempt_and_is_never_written_to_in_the_clear(
    url: str, workers: Workers, smtp: Mailbox, tmp_path: Path, certificate: Path, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 3)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with (
        mail_server(tmp_path / "tls", start_tls=context) as signed_by_nobody,
        mail_server(tmp_path / "guarded", password=("peerhub", "right")) as guarded,
    ):
        workers.smtp = {
            "{no TLS}": smtp.url.replace("smtp:", "smtp+starttls:"),
            "{bad certificate}": signed_by_nobody.url,
            "{wrong password}": guarded.url.replace("right", "wrong"),
        }.get(url, url)

        worker = workers.start()
        await until_said(workers, "the mail server cannot be used")
        await until(lambda counts: counts == {"pending": 3})
        assert await workers.end(worker) == 0

        assert (smtp.verbs, signed_by_nobody.verbs, guarded.verbs) == ([], [], [])
    assert await attempts() == {(0, 0)}
    workers.smtp = smtp.url  # repaired
    workers.start()
    await until_all_are("sent")
    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


@pytest.mark.parametrize("point", ["hello", "EHLO", "MAIL"])
@pytest.mark.parametrize("fault", [{"freeze": 1.2}, {"say": "421 4.3.2 closing"}, {"hang_up": True}], ids=str)
async def test_a_server_that_hangs_or_closes_before_it_knows_the_letter_burns_no_attempt(
    point: Any, fault: Any, workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    smtp.once.append(Move(point, **fault))

    worker = workers.start(deadlines=SHORT)
    await until_said(workers, "the mail server cannot be used")
    await until(lambda counts: counts == {"pending": 2})
    await workers.end(worker)
    assert await attempts() == {(0, 0)}
    workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


async def test_what_a_server_says_of_one_letter_is_for_that_letter_alone(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 12)
    smtp.script = {
        (to[0], 1): Move("RCPT", freeze=1.5),
        (to[1], 1): Move("RCPT", say="421 4.3.2 closing"),
        (to[2], 1): Move("RCPT", say="450 4.2.0 later"),
        (to[3], 1): Move("dot", say="451 4.3.0 later"),
        (to[4], None): Move("RCPT", say=f"550 5.1.1 <{to[4]}> unknown"),
        (to[5], None): Move("dot", say=f"552 5.2.2 <{to[5]}> is full"),
        (to[6], 1): Move("RCPT", drip=1.0),
        (to[7], 1): Move("354", deaf=True, freeze=0.9, hang_up=True),
    }

    workers.start(deadlines=SHORT)
    await until(lambda counts: counts.get("sent", 0) >= 4 and counts.get("failed") == 2)
    await until(lambda counts: counts.get("pending", 0) + counts.get("sending", 0) == 6)
    smtp.script = {key: move for key, move in smtp.script.items() if key[1] is None}
    await until(lambda counts: counts.get("sending") == 1)
    await leases_run_out()
    await waits_are_over()
    await until_all_are("sent", "failed")

    rows = dict(zip(to, await the_outbox(), strict=True))
    assert [rows[one]["state"] for one in (to[4], to[5])] == ["failed", "failed"]
    assert [rows[one]["trouble"] for one in (to[4], to[5])] == ["550 at RCPT", "552 at DATA"]
    assert {one: rows[one]["ambiguous"] for one in to if rows[one]["ambiguous"]} == {to[7]: 1}
    await assert_invariants(smtp, Happened(told=to, kills=0, logs=[workers.said]))


@pytest.mark.parametrize(
    "fault", [{"hang_up": True}, {"freeze": 1.2}, {"say": "2xx what"}], ids=["dropped", "late", "garbage"]
)
async def test_a_yes_that_did_not_arrive_is_ambiguous_and_the_letter_comes_again_under_the_same_name(
    fault: Any, workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 3)
    smtp.script = {(to[1], 1): Move("dot", **fault)}

    workers.start(deadlines=SHORT)
    await until(lambda counts: counts == {"sent": 2, "sending": 1})
    await leases_run_out()
    await until_all_are("sent")

    assert [row["ambiguous"] for row in await the_outbox()] == [0, 1, 0]
    assert len(smtp.copies(to[1])) == 2
    await assert_invariants(smtp, Happened(told=to, kills=1, logs=[workers.said]))


async def test_a_sign_in_letter_that_is_put_off_too_long_expires_and_an_announcement_arrives_later(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    (ben,) = await put_letters(head, real_now, 1)
    ana = await a_stored_member(real_now)
    await outbox.put(head, [letters.sign_in(head, ana, "https://peerhub.example/sign-in/a", real_now)], real_now)
    later = Move("RCPT", say="450 4.2.0 later")
    smtp.script = {(ana.address, None): later, (ben, 1): later}

    workers.start()
    await until(lambda _: smtp.attempts[ana.address] == smtp.attempts[ben] == 1)
    await until(lambda counts: counts == {"pending": 2})
    await Letter.raw("UPDATE letter SET expires_at = now() WHERE kind = 'sign_in'")
    await waits_are_over()
    await until_all_are("sent", "expired")

    assert {row["kind"]: row["state"] for row in await the_outbox()} == {"sign_in": "expired", "round_opens": "sent"}
    await assert_invariants(smtp, Happened(told=[ben, ana.address], logs=[workers.said]))


async def test_a_server_that_answers_a_byte_a_second_keeps_no_sign_in_waiting(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 3)
    smtp.script = {(one, None): Move("RCPT", drip=1.0) for one in to}
    workers.start(duties=("post_sign_ins", "post_letters"), deadlines={"_ENVELOPE": 6.0})
    await until(lambda _: smtp.attempts[to[0]] == 1)

    ana = await a_stored_member(real_now)
    link = "https://peerhub.example/sign-in/token"
    await outbox.put(head, [letters.sign_in(head, ana, link, real_now)], real_now)
    await until(lambda counts: counts.get("sent") == 1)

    assert [copy.to for copy in smtp.copies()] == [(ana.address,)]
    assert smtp.attempts[to[1]] == 0  # the line of the others is still held up
    await assert_invariants(smtp, Happened(logs=[workers.said], has_ended=False))


async def test_a_letter_that_cannot_be_written_is_set_aside_and_the_others_flow(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    ana = await a_stored_member(real_now)
    to = await put_letters(head, real_now, 2)
    poison = letters.Letter(head, "round_opens", ana, {"name": "Ana"}, "poison", real_now + timedelta(days=1), lane=0)
    unknown = letters.Letter(head, "of_tomorrow", ana, {}, "unknown", real_now + timedelta(days=1), lane=0)
    await outbox.put(head, [poison, unknown], real_now)

    workers.start()
    await until_all_are("sent", "held")

    said = {row["cause"]: row["trouble"].partition(" (")[0] for row in await the_outbox() if row["state"] == "held"}
    assert said == {"poison": "it cannot be written", "unknown": "it cannot be written"}
    assert [copy.to[0] for copy in smtp.copies()] == to
    await assert_invariants(smtp, Happened(logs=[workers.said]))
