"""The commands: demo, serve, work, inbox, match, organizer, adopt, check."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import click

from peerhub import settings as the_settings
from peerhub.domain.availability import is_zone
from peerhub.domain.members import tidy_name
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.plain import one_address
from peerhub.settings import BadSettings, Settings

T = TypeVar("T")


class _Commands(click.Group):
    """Finds `match` only when it is asked for, so that no other command pays for its import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "match"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "match":
            from peerhub.match_command import match  # noqa: PLC0415

            return match
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands)
@click.version_option(package_name="peerhub")
def main() -> None:
    """Match a peer-support community into buddies and sessions, and invite them."""


@main.command()
def demo() -> None:
    """Run everything with a made-up community, Harbour Lights; mail goes to a mailbox page."""
    settings = _settings(demo=True)
    with _database(settings) as settings:
        _run(_demo(settings))
    click.echo("Stopped; the demo's data is kept.")


@main.command()
def serve() -> None:
    """Run the web and one worker."""
    settings = _settings()
    with _database(settings) as settings:
        _run(_serve(settings))


@main.command()
def work() -> None:
    """Run one more worker: it matches rounds and posts letters."""
    settings = _settings()
    with _database(settings) as settings:
        _run(_work(settings))


@main.command()
def inbox() -> None:
    """Take in what calendars answer by mail, and letters that come back."""
    settings = _settings()
    if not settings.inbox_listen and not settings.inbox_folder:
        raise click.UsageError("Nothing to read: please set INBOX_LISTEN or INBOX_FOLDER. docs/letters.md says how.")
    with _database(settings) as settings:
        _run(_inbox(settings))


@main.command()
def adopt() -> None:
    """Let this copy of a database write letters, after a restore or a move; until then they wait."""
    settings = _settings()
    with _database(settings) as settings:
        waiting = _run(_adopt(settings))
    click.echo(f"Letters leave from here from now on; {waiting} of them are waiting.")


@main.group()
def organizer() -> None:
    """Say who organizes."""


@organizer.command("add")
@click.argument("email")
@click.option("--name", default="Organizer", show_default=True, help="The name that others see, for a new member.")
@click.option("--time-zone", default="UTC", show_default=True, help="Such as Europe/Lisbon, for a new member.")
def add_organizer(email: str, name: str, time_zone: str) -> None:
    """Let EMAIL organize, whether they are a member already or not."""
    try:
        address = one_address(email)
        name = tidy_name(name)
    except ValueError as bad:
        raise click.BadParameter(str(bad)) from None
    if not is_zone(time_zone):
        raise click.BadParameter("expected a time zone such as Europe/Lisbon", param_hint="--time-zone")
    settings = _settings()
    with _database(settings) as settings:
        _run(_add_organizer(address, name, time_zone))
    click.echo(f"{address} organizes now, and signs in with that address at {settings.base_url}/sign-in")


@main.command()
def check() -> None:
    """Check the configuration, and whether the database and the mail servers answer."""
    settings = _settings()
    with _database(settings) as settings:
        troubles = _run(_troubles(settings))
    for trouble in troubles:
        click.echo(trouble, err=True)
    if troubles:
        sys.exit(1)
    click.echo("The configuration is fine; the database and the mail server answer.")


def _settings(*, demo: bool = False) -> Settings:
    try:
        return the_settings.read(demo=demo)
    except BadSettings as bad:
        for mistake in bad.mistakes:
            click.echo(mistake, err=True)
        sys.exit(2)


@contextmanager
def _database(settings: Settings) -> Iterator[Settings]:
    """The settings with a database that runs: the one they name, or the embedded one while inside."""
    from peerhub.store import database, sealing  # noqa: PLC0415 - `match` needs no database

    sealing.use(sealing.Keyring(settings.keys.sealing, settings.keys.hashing))
    if settings.database_url:
        database.lead_to(settings.database_url)
        yield settings
        return
    with database.embedded(settings.data_folder) as url:
        database.lead_to(url)
        yield replace(settings, database_url=url)


def _run(doing: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(doing)
    except OSError as error:
        click.echo(f"Cannot reach what is needed: {error.strerror or type(error).__name__}", err=True)
        sys.exit(1)


@asynccontextmanager
async def _ready() -> AsyncIterator[None]:
    from peerhub.store import database  # noqa: PLC0415

    await database.migrate()
    async with database.pool():
        yield


async def _serve(settings: Settings) -> None:
    from peerhub.app import create_app  # noqa: PLC0415

    async with _ready():
        await _web_and_worker(settings, create_app(settings, _letterhead(settings)))


async def _demo(settings: Settings) -> None:
    from peerhub.app import create_app  # noqa: PLC0415
    from peerhub.demo import community, mailbox, pages  # noqa: PLC0415

    folder = settings.data_folder / "mailbox"
    async with _ready(), mailbox.receiving(folder) as smtp_url:
        settings = replace(settings, smtp_url=smtp_url, community=community.NAME)
        head = _letterhead(settings)
        try:
            await community.fill_in(head, _now(), say=click.echo)
        except community.NotTheDemo as other:
            raise click.ClickException(str(other)) from None
        click.echo(pages.welcome(settings))
        await _web_and_worker(settings, create_app(settings, head, more=[pages.routes(folder)]))


async def _web_and_worker(settings: Settings, app: Any) -> None:
    """Serve until a signal comes; then finish the requests, then the letter in hand."""
    from peerhub.jobs import worker  # noqa: PLC0415
    from peerhub.web.server import server  # noqa: PLC0415

    web, stop = server(app, settings.host, settings.port), asyncio.Event()
    working = asyncio.create_task(worker.work(await _office(settings), stop))

    def leave() -> None:
        app.state.is_stopping = True
        web.should_exit = True

    _on_a_signal(leave)
    try:
        await web.serve()
    finally:
        stop.set()
        await working


def _on_a_signal(leave: Callable[[], None]) -> None:
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, leave)


async def _work(settings: Settings) -> None:
    from peerhub.jobs import worker  # noqa: PLC0415

    stop = asyncio.Event()
    _on_a_signal(stop.set)
    async with _ready():
        click.echo("Working. Stop with Ctrl-C.")
        await worker.work(await _office(settings), stop)


async def _inbox(settings: Settings) -> None:
    """Listen, or look into the folder, or both, until a signal comes."""
    from peerhub.jobs import inbox  # noqa: PLC0415

    stop, desk = asyncio.Event(), inbox.Inbox(_letterhead(settings))
    _on_a_signal(stop.set)
    async with AsyncExitStack() as doors:
        await doors.enter_async_context(_ready())
        if settings.inbox_listen:
            await doors.enter_async_context(inbox.listening(desk, settings.inbox_listen))
        click.echo("Reading what comes in by mail. Stop with Ctrl-C.")
        if settings.inbox_folder:
            await inbox.poll(desk, settings.inbox_folder, stop)
        await stop.wait()


def _letterhead(settings: Settings) -> Letterhead:
    return Letterhead(
        settings.community,
        settings.mail_from,
        settings.base_url,
        settings.keys.signing,
        settings.dkim_key,
        settings.bounce_domain,
    )


async def _office(settings: Settings) -> Any:
    from peerhub.jobs.duties import Office  # noqa: PLC0415
    from peerhub.store import installation  # noqa: PLC0415

    place = await installation.place_of(settings.base_url)
    return Office(_letterhead(settings), settings.smtp_url, uuid4(), place=place)


async def _add_organizer(address: str, name: str, time_zone: str) -> None:
    from peerhub.actions.organizers import make_organizer  # noqa: PLC0415

    async with _ready():
        await make_organizer(address, name, time_zone, _now())


async def _adopt(settings: Settings) -> int:
    from peerhub.store import installation, outbox  # noqa: PLC0415

    async with _ready():
        await installation.settle(await installation.place_of(settings.base_url), _now())
        return (await outbox.counts_by_state()).get("pending", 0)


async def _troubles(settings: Settings) -> list[str]:
    from peerhub.mail import folder, post  # noqa: PLC0415
    from peerhub.store import database  # noqa: PLC0415

    troubles = []
    if not await database.answers():
        troubles.append("DATABASE_URL: the database does not answer")
    if trouble := await post.trouble_with(settings.smtp_url):
        troubles.append(f"SMTP_URL: {trouble}")
    if settings.inbox_folder and (trouble := await asyncio.to_thread(folder.trouble_with, settings.inbox_folder)):
        troubles.append(f"INBOX_FOLDER: {trouble}")
    return troubles


def _now() -> datetime:
    return datetime.now(UTC)
