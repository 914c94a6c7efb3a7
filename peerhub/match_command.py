"""`peerhub match`: the matcher without the web. A file in; a proposal, a table and calendars out.

For people: progress and a table on a terminal, every mistake in a file with its line and field.

For programs: ``peerhub match - --out - --progress lines --with-parent`` reads a problem (JSON) on standard input and
writes the proposal (JSON) on standard output. On standard error each line is one JSON object: progress has ``phase``,
``seconds``, ``points``, ``bound``, ``gap``, ``matched`` and ``matched_bound``; what went wrong is one object with
``error`` and ``mistakes``. SIGINT or SIGTERM ends the search: the best proposal so far is written, with
``"cut": true``, and the status is 0; while the input is still read, nothing is written, and the status is 2. With
``--with-parent`` the process is killed when the one that started it dies.

Exit status: 0 a proposal was written; 1 ``--check`` found a difference; 2 the input is wrong, and nothing was written.
"""

import gc
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from peerhub.domain.availability import is_zone
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import Refusal
from peerhub.matching.aside import die_with
from peerhub.matching.match import is_matched_in_parts
from peerhub.matching.match import match as find_match
from peerhub.matching.members_csv import EXAMPLE, read_members
from peerhub.matching.mistakes import BadFile, Mistake
from peerhub.matching.problem import Problem
from peerhub.matching.problem_file import ReadProblem, problem_to_json, read_problem
from peerhub.matching.proposal import Progress, Proposal
from peerhub.matching.proposal_file import differences, proposal_for, proposal_to_json, table
from peerhub.matching.stopping import BrokenOff, Stop, on_signals

if TYPE_CHECKING:
    from peerhub.matching.repair import Repaired

WRONG_INPUT: Final = 2
DIFFERENT: Final = 1
MOST_BYTES: Final = 200_000_000
PIECE: Final = 1 << 20

EXAMPLE_WEEK: Final = date(2026, 11, 30)


@click.command("match")
@click.argument("file", metavar="FILE", required=False)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Buddies or sessions, if FILE is a CSV.")
@click.option("--week", help="The Monday of the week, like 2026-11-30.")
@click.option("--out", metavar="FILE", help="Where the proposal (JSON) goes; - is standard output.")
@click.option("--ics", metavar="DIR", type=click.Path(file_okay=False), help="Write one calendar per person into DIR.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of the table.")
@click.option("--time-limit", type=click.FloatRange(0.1, 86_400), default=60, show_default=True, help="In seconds.")
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler whose workers help, like tcp://scheduler:8786.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--check", metavar="PROPOSAL", help="Recount a proposal for FILE instead of making one.")
@click.option("--repair", metavar="PROPOSAL", help="Change as little as possible of a proposal that FILE has outgrown.")
@click.option("--example", type=click.Choice(["json", "csv"]), help="Print a file to start from.")
@click.option("--progress", type=click.Choice(["auto", "bar", "lines", "none"]), default="auto", show_default=True)
@click.option("--with-parent", is_flag=True, hidden=True, help="Die with the process that started this one.")
@click.pass_context
def match(context: click.Context, /, file: str | None, example: str | None, **options: Any) -> None:
    """Match the people in FILE: a problem as JSON, or members as CSV with --kind and --week. FILE may be -."""
    if options["with_parent"]:
        die_with(os.getppid())
    if options["zone"] != "UTC" and not is_zone(options["zone"]):
        raise click.UsageError(f"{options['zone']!r} is not a time zone; expected a name like Europe/Lisbon")
    if example:
        click.echo(example_file(example), nl=False)
        return
    if options["check"] and options["repair"]:
        raise click.UsageError("--check and --repair do not go together")
    if options["dask"] and (options["check"] or options["repair"]):
        raise click.UsageError("--dask helps to match, not with --check or --repair")
    if file is None:
        raise click.UsageError("FILE is missing; `peerhub match --example csv` prints one to start from")
    try:
        status = _check(file, options) if options["check"] else _match(file, options)
    except BadFile as error:
        status = _complain(error.mistakes, options["progress"])
    except Refusal as error:
        status = _complain((Mistake("", str(error)),), options["progress"])
    context.exit(status)


def example_file(kind: str) -> str:
    """A small file that can be matched as it is."""
    if kind == "csv":
        return EXAMPLE
    read = read_members(EXAMPLE, {"kind": Kind.BUDDIES.value, "week": EXAMPLE_WEEK.isoformat()})
    return problem_to_json(read.problem) + "\n"


def _match(file: str, options: dict[str, Any]) -> int:
    with on_signals() as stop:
        try:
            return _match_until(stop, file, options)
        except BrokenOff:
            raise Refusal("it was stopped before anything was known; nothing was written") from None


def _match_until(stop: Stop, file: str, options: dict[str, Any]) -> int:
    began = time.monotonic()
    problem = _read(file, options)
    standing = _standing(problem, options["repair"]) if options["repair"] else None
    gc.freeze()  # what was read stays to the end: no need to look through it for rubbish again and again
    read_at = time.monotonic()
    phases: dict[str, float] = {}
    with _shown(options["progress"]) as show:

        def hear(progress: Progress) -> None:
            stop.may_break = standing is None and progress.phase != "explaining"
            phases.setdefault(progress.phase, time.monotonic())
            show(progress)

        limits: dict[str, Any] = {
            **{name: options[name] for name in ("time_limit", "processes", "seed")},
            "on_progress": hear,
            "should_stop": stop,
        }
        told: tuple[str, ...] | None = None
        proven_fewest = False
        if standing is None:
            with _helpers(problem, options) as executor:
                proposal = find_match(problem, executor=executor, **limits)
        else:
            repaired = _repaired(problem, standing, limits)
            proposal, told, proven_fewest = repaired.proposal, repaired.told, repaired.proven
    done_at = time.monotonic()
    listed_at = phases["matching"]
    seconds = {
        "read": read_at - began,
        "candidates": listed_at - read_at,
        "solve": done_at - listed_at,
        "total": done_at - began,
    }
    settings = {name: options[name] for name in ("processes", "seed", "time_limit")}
    _write(options["out"], proposal_to_json(proposal, problem, seconds, settings, told, proven_fewest=proven_fewest))
    if options["ics"]:
        _write_calendars(Path(options["ics"]), problem, proposal)
    if options["progress"] != "lines":
        _tell(problem, proposal, options, stop.asked)
        if told is not None:
            who = "nobody" if not told else "one person" if len(told) == 1 else f"{len(told)} people"
            click.echo(f"{who} would be told something new", err=True)
    return 0


@contextmanager
def _helpers(problem: Problem, options: dict[str, Any]) -> Iterator[Executor | None]:
    """Other machines that take part in the search, where they were asked for and have something to do.

    Raises:
        Refusal: they cannot be reached, or cannot help.
    """
    if options["dask"] is None:
        yield None
    elif not is_matched_in_parts(problem):
        if options["progress"] != "lines":
            click.echo(
                "note: this round is matched on one machine; --dask helps with large rounds of sessions", err=True
            )
        yield None
    else:
        from peerhub.machines import lent_by  # noqa: PLC0415

        with lent_by(options["dask"]) as executor:
            yield executor


def _standing(problem: Problem, file: str) -> Proposal:
    """What everyone was told so far.

    Raises:
        BadFile: it is not a proposal file.
        Refusal: it is the proposal of another round.
    """
    return proposal_for(problem, _text(file))


def _repaired(problem: Problem, standing: Proposal, limits: dict[str, Any]) -> "Repaired":
    from peerhub.matching.repair import repair  # noqa: PLC0415  (it brings the solvers, which take a second)

    known = {person for session in standing.sessions for person in session.everyone}
    known |= {unmatched.id for unmatched in standing.unmatched}
    return repair(problem, standing.sessions, newcomers=frozenset(problem.by_id.keys() - known), **limits)


def _read(file: str, options: dict[str, Any]) -> Problem:
    text = _text(file)
    instead = {name: options[name] for name in ("kind", "week") if options[name]}
    read = read_problem(text, instead) if _is_json(file, text) else _read_csv(text, instead)
    for warning in read.warnings if options["progress"] != "lines" else ():
        click.echo(f"note: {warning}", err=True)
    return read.problem


def _read_csv(text: str, instead: dict[str, Any]) -> ReadProblem:
    if missing := [f"--{name}" for name in ("kind", "week") if name not in instead]:
        raise Refusal(f"a CSV file needs {' and '.join(missing)}")
    return read_members(text, instead)


def _is_json(file: str, text: str) -> bool:
    return not file.lower().endswith((".csv", ".tsv", ".txt")) and text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _text(file: str) -> str:
    """What stands in the file, or on standard input."""
    try:
        raw = _piped(sys.stdin.fileno()) if file == "-" else _bytes(Path(file))
    except OSError as error:
        raise Refusal(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise Refusal(f"{file} is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadFile([Mistake("", "this is not UTF-8; save the file as UTF-8, please", line)]) from None


def _piped(pipe: int) -> bytes:
    """All that comes, a piece at a time: between two pieces a signal is heard."""
    pieces, length = [], 0
    while length <= MOST_BYTES and (piece := os.read(pipe, PIECE)):
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _check(file: str, options: dict[str, Any]) -> int:
    problem = _read(file, options)
    found = differences(problem, _text(options["check"]))
    for difference in found:
        click.echo(difference, err=True)
    click.echo("everything is as written" if not found else f"{len(found)} differences", err=True)
    return DIFFERENT if found else 0


@contextmanager
def _shown(how: str) -> Iterator[Callable[[Progress], None]]:
    if how == "lines":
        yield _show_line
    elif how == "bar" or (how == "auto" and sys.stderr.isatty()):
        with _bar() as bar:
            task = bar.add_task("reading", total=None, numbers="")
            yield lambda progress: bar.update(task, description=progress.phase, numbers=_numbers(progress))
    else:
        yield lambda _: None


def _show_line(progress: Progress) -> None:
    line = {
        "phase": progress.phase,
        "seconds": round(progress.seconds, 3),
        "points": progress.points,
        "bound": progress.bound,
        "gap": round((progress.bound - progress.points) / progress.bound, 6) if progress.bound > 0 else 0.0,
        "matched": progress.matched,
        "matched_bound": progress.matched_bound,
    }
    _say_line(line)


def _say_line(line: dict[str, Any]) -> None:
    try:
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
    except BrokenPipeError:  # nobody listens any more; the proposal may still be wanted
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _bar() -> Bar:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    return Bar(*columns, console=Console(stderr=True), transient=True)


def _numbers(progress: Progress) -> str:
    matched = f"{progress.matched} matched, at most {progress.matched_bound}"
    if not progress.bound:
        return matched if progress.matched else ""
    gap = (progress.bound - progress.points) / progress.bound
    return f"{matched}; {progress.points:,} points, at most {progress.bound:,} (gap {gap:.2%})"


def _write(out: str | None, text: str) -> None:
    if out == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    elif out:
        _replace(Path(out), text.encode())


def _replace(path: Path, content: bytes) -> None:
    """Write the whole file or nothing of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Refusal(f"{path} cannot be written: {error.strerror}") from None


def _write_calendars(folder: Path, problem: Problem, proposal: Proposal) -> None:
    """One calendar for each person who has a session, by id."""
    from peerhub.mail.calendar import person_calendar  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"{folder} cannot be made: {error.strerror}") from None
    now = datetime.now(UTC).replace(microsecond=0)
    for person in problem.participants:
        theirs = [session for session in proposal.sessions if person.id in session.everyone]
        if theirs:
            entries = [(_uid(problem, person.id, s.people, s.span.starts_at), s.span, s.medium) for s in theirs]
            content = person_calendar(entries, now)
            _replace(folder / f"{file_name(person.id)}.ics", content)


def _uid(problem: Problem, person: str, people: tuple[str, ...], starts_at: datetime) -> str:
    """Always the same for the same seat, so that opening the file twice gives one entry; tells nobody's id."""
    seat = json.dumps([problem.program.kind, str(problem.week), sorted(people), starts_at.isoformat(), person])
    return f"{sha256(seat.encode()).hexdigest()[:32]}@peerhub"


def file_name(person: str) -> str:
    """The id as a file's name, whatever its characters are; different ids have different names."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", person)[:60]
    return plain if plain == person else f"{plain}-{sha256(person.encode()).hexdigest()[:8]}"


def _tell(problem: Problem, proposal: Proposal, options: dict[str, Any], stopped: bool) -> None:
    console = Console(stderr=options["out"] == "-", soft_wrap=False)
    if stopped:
        Console(stderr=True).print("Stopped; this is the best proposal so far.")
    console.print(table(proposal, problem, options["zone"]))


def _complain(mistakes: tuple[Mistake, ...], how: str) -> int:
    if how == "lines":
        found = [{"line": mistake.line, "field": mistake.field, "text": mistake.text} for mistake in mistakes]
        _say_line({"error": "the input is wrong", "mistakes": found})
    else:
        for mistake in mistakes:
            click.echo(str(mistake), err=True)
        click.echo(f"{len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'}; nothing was written", err=True)
    return WRONG_INPUT
