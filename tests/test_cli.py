"""The commands as they are run: they start, keep their data, and stop everything that they started."""

import asyncio
import os
import signal
import smtplib
import subprocess
import sys
import urllib.request
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from peerhub.actions.organizers import make_organizer
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import installation, members, outbox
from peerhub.store.tables import Seat
from tests.community import a_member, at
from tests.mail.cast import a_stored_member
from tests.replies import an_answer
from tests.served import a_free_port, keys_as_setting, running
from tests.smtp import Mailbox
from tests.web.conftest import a_seat


def peerhub(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "peerhub", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def a_folder_to_walk_into(tmp_path: Path) -> Path:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)  # as root, PostgreSQL runs as another user
    return tmp_path


def test_serve_brings_its_own_database_keeps_its_data_and_stops_it(smtp: Mailbox, tmp_path: Path) -> None:
    folder = a_folder_to_walk_into(tmp_path)
    port = a_free_port()
    postmaster = folder / "data" / "postgres" / "postmaster.pid"
    environment = {"SMTP_URL": smtp.url, "DATABASE_URL": ""}

    with running("serve", environment, folder, port) as first:
        assert postmaster.exists()
        keys = (folder / "data" / "keys.json").read_text()
    with running("serve", environment, folder, port) as second:
        second.send_signal(signal.SIGTERM)
        second.wait(30)

    assert (first.returncode, second.returncode) == (0, 0)
    assert not postmaster.exists()
    assert (folder / "data" / "keys.json").read_text() == keys


def test_a_killed_process_does_not_keep_the_database_up(smtp: Mailbox, tmp_path: Path) -> None:
    folder = a_folder_to_walk_into(tmp_path)
    port = a_free_port()
    environment = {"SMTP_URL": smtp.url, "DATABASE_URL": ""}

    with running("serve", environment, folder, port) as killed:
        killed.kill()
        killed.wait(30)
    with running("serve", environment, folder, port) as second:
        pass

    assert (killed.returncode, second.returncode) == (-signal.SIGKILL, 0)
    assert not (folder / "data" / "postgres" / "postmaster.pid").exists()


@pytest.mark.usefixtures("db")
async def test_an_organizer_is_added_and_can_be_added_again(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "PEERHUB_KEYS": keys_as_setting()}

    first = peerhub("organizer", "add", "olu@example.org", "--name", "Olu", **environment)
    second = peerhub("organizer", "add", "Olu@Example.org", **environment)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    known = await members.recipient_at("olu@example.org")
    assert known is not None
    assert known.name == "Olu"


@pytest.mark.usefixtures("db")
async def test_a_copy_of_a_database_writes_letters_again_once_it_is_adopted(
    database_url: str, now: datetime, letterhead: Letterhead
) -> None:
    environment = {"DATABASE_URL": database_url, "PEERHUB_KEYS": keys_as_setting(), "BASE_URL": letterhead.base_url}
    here = await installation.place_of(letterhead.base_url)
    assert await installation.copied_at("where it was backed up", now) is None
    to = [await a_stored_member(now, name) for name in ("Ana", "Ben")]
    link = "https://peerhub.example/home#rounds"
    await outbox.put(
        letterhead, [letters.round_opens(letterhead, one, "Circle", now.date(), link, now) for one in to], now
    )
    waits = await outbox.claim(uuid4(), now, 10, place=here)

    adopted = peerhub("adopt", **environment)

    said = "Letters leave from here from now on; 2 of them are waiting.\n"
    assert (adopted.returncode, adopted.stdout) == (0, said), adopted.stderr
    assert await installation.copied_at(here, now) is None
    assert (waits, len(await outbox.claim(uuid4(), now, 10, place=here))) == ([], 2)


@pytest.mark.parametrize(
    "words",
    [
        ("nobody",),
        ("ölu@example.org",),
        ("olu@example.org", "--time-zone", "Mars/Olympus"),
        ("olu@example.org", "--name", "O\u202elu"),
    ],
    ids=str,
)
def test_an_organizer_who_cannot_be_is_refused(words: tuple[str, ...]) -> None:
    answer = peerhub("organizer", "add", *words)

    assert answer.returncode == 2
    assert "Invalid value" in answer.stderr


def test_check_names_each_mistake_and_no_secret(tmp_path: Path) -> None:
    answer = peerhub(
        "check", PORT="many", DATABASE_URL="mysql://u:hunter2@h", SMTP_URL="http://u:hunter2@h",
        PEERHUB_DATA=str(tmp_path),
    )  # fmt: skip

    assert answer.returncode == 2
    assert [line.split(":")[0] for line in answer.stderr.splitlines()] == ["PORT", "DATABASE_URL", "SMTP_URL"]
    assert "hunter2" not in answer.stderr


def test_check_asks_the_database_and_the_mail_server(database_url: str, smtp: Mailbox) -> None:
    fine = peerhub("check", DATABASE_URL=database_url, SMTP_URL=smtp.url, PEERHUB_KEYS=keys_as_setting())
    nowhere = f"smtp://127.0.0.1:{a_free_port()}"
    gone = peerhub("check", DATABASE_URL=database_url, SMTP_URL=nowhere, PEERHUB_KEYS=keys_as_setting())

    assert (fine.returncode, fine.stderr) == (0, "")
    assert (gone.returncode, gone.stderr.split(":")[0]) == (1, "SMTP_URL")


def test_an_inbox_needs_to_know_where_its_mails_come_from() -> None:
    answer = peerhub("inbox", PEERHUB_KEYS=keys_as_setting())

    assert answer.returncode == 2
    assert "INBOX_LISTEN or INBOX_FOLDER" in answer.stderr


@pytest.mark.usefixtures("db")
async def test_the_inbox_takes_an_answer_and_leaves_on_a_signal(
    database_url: str, now: datetime, tmp_path: Path
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now), span=at("2100-01-05T18:00"))
    row = (await Seat.select(Seat.uid).where(Seat.id == seat))[0]
    port = a_free_port()
    environment = {
        "DATABASE_URL": database_url, "PEERHUB_KEYS": keys_as_setting(), "PEERHUB_DATA": str(tmp_path),
        "INBOX_LISTEN": f"lmtp://127.0.0.1:{port}", "MAIL_FROM": "hello@peerhub.example",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "peerhub", "inbox", env={**os.environ, **environment}, stdout=subprocess.PIPE
    )
    assert process.stdout
    await process.stdout.readline()

    with smtplib.LMTP("127.0.0.1", port) as line:
        line.sendmail("", ["hello@peerhub.example"], an_answer(row["uid"], "mailto:ana@example.org", now))
    process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(process.wait(), 30) == 0
    assert (await Seat.select(Seat.rsvp).where(Seat.id == seat))[0]["rsvp"] == "yes"


def test_the_web_process_never_loads_the_solver() -> None:
    loaded = (
        "import sys, peerhub.app, peerhub.cli, peerhub.jobs.worker, peerhub.demo.pages; print('ortools' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"


async def test_the_demo_opens_its_doors_with_one_click(
    db: None, database_url: str, now: datetime, tmp_path: Path
) -> None:
    await make_organizer("olu@harbour-lights.example", "Olu", "Europe/Lisbon", now)  # it is filled in already
    port = a_free_port()

    environment = {"DATABASE_URL": database_url, "PEERHUB_KEYS": keys_as_setting()}
    with running("demo", environment, tmp_path, port):
        doors = await asyncio.to_thread(page_at, f"http://localhost:{port}/demo")

    assert "Sign in as Olu" in doors


def page_at(address: str) -> str:
    with urllib.request.urlopen(address) as page:
        said: str = page.read().decode()
        return said
