"""Metrics are there for who has the token, and tell of nobody."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from prometheus_client.parser import text_string_to_metric_families

from peerhub.app import create_app
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, outbox
from tests.community import a_member, a_program, a_round
from tests.mail.cast import a_seat
from tests.web.conftest import Clock, settings, talk_to

TOKEN = "t0ken-of-the-metrics"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app(db: None, letterhead: Letterhead, clock: Clock) -> Litestar:
    return create_app(replace(settings(), metrics_token=TOKEN), letterhead, clock=clock)


@pytest.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with talk_to(app) as open_one:
        yield open_one


async def read(http: httpx.AsyncClient) -> dict[str, float]:
    answer = await http.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return {
        f"{sample.name}{{{','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_letters_and_rounds_are_counted(
    http: httpx.AsyncClient, now: datetime, clock: Clock, letterhead: Letterhead
) -> None:
    ana = await members.recipient_of(await a_member("Ana", now))
    assert ana
    for _ in range(2):
        seat = a_seat(seat_id=uuid4(), uid=uuid4().hex)
        await outbox.put(letterhead, [letters.invitation(letterhead, ana, seat, now)], now)
    await outbox.put(letterhead, [letters.sign_in(letterhead, ana, "https://peerhub.example/x", now)], now)
    (first, *_) = await outbox.claim(uuid4(), now, 1, lanes=(1,))
    await outbox.sent(first.id, now)
    await a_round(await a_program(now), now)
    clock.forward(timedelta(seconds=90))

    told = await read(http)

    assert told["peerhub_letters{lane=in_turn,state=sent}"] == 1
    assert told["peerhub_letters{lane=in_turn,state=pending}"] == 1
    assert told["peerhub_letters{lane=at_once,state=pending}"] == 1
    assert told["peerhub_letters{lane=in_turn,state=held}"] == 0
    assert told["peerhub_letters_oldest_due_seconds{lane=in_turn}"] == 90
    assert told["peerhub_letter_attempts{lane=in_turn}"] == 0
    assert (told["peerhub_rounds{stage=open}"], told["peerhub_rounds{stage=published}"]) == (1, 0)


@pytest.mark.parametrize(
    "given", [{}, {"authorization": TOKEN}, {"authorization": f"Bearer {TOKEN}x"}, {"authorization": "Bearer \xff"}]
)
async def test_without_the_token_there_are_no_metrics(http: httpx.AsyncClient, given: dict[str, str]) -> None:
    answer = await http.get(
        "/metrics", headers=[(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    )

    assert answer.status_code == 404
    assert "peerhub_" not in answer.text


@pytest.mark.parametrize("given", ["Bearer ", "Bearer", ""])
async def test_where_no_token_is_set_nobody_reads_them(
    db: None, letterhead: Letterhead, clock: Clock, given: str
) -> None:
    async with talk_to(create_app(settings(), letterhead, clock=clock), "127.0.0.1") as http:
        answer = await http.get("/metrics", headers={"authorization": given})

    assert answer.status_code == 404


async def test_requests_are_counted_by_route_and_no_token_of_a_path_is_told(http: httpx.AsyncClient) -> None:
    for path in ("/sign-in/secret-of-ana", "/invitations/secret-of-ben", "/secret-of-cat", "/feeds/secret.ics"):
        await http.get(path)
    await http.request("SECRET", "/sign-in")

    text = (await http.get("/metrics", headers=BEARER)).text
    told = await read(http)

    counted = [one for one in told if one.startswith("peerhub_requests_total")]
    assert "secret" not in text.lower()
    assert sorted({one.partition("route=")[2].partition(",")[0] for one in counted}) == [
        "/feeds/{name}", "/invitations/{signed}", "/metrics", "/sign-in/{token}", "none",
    ]  # fmt: skip
    assert told["peerhub_requests_total{method=GET,route=none,status=404}"] == 1
    assert told["peerhub_requests_total{method=other,route=none,status=405}"] == 1
