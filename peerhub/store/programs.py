"""Programs and who takes part in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from peerhub.domain.programs import Kind, MatchOn
from peerhub.domain.programs import Program as Rules
from peerhub.domain.refusals import NotFound, Refusal
from peerhub.domain.wording import Wordings
from peerhub.store import sealing
from peerhub.store.tables import Enrolment, Program
from peerhub.store.wording import wordings_from


class NameTaken(Refusal):
    """Another program has that name."""


@dataclass(frozen=True)
class StoredProgram:
    """A program as an organizer knows it; ``rules`` is what the matcher knows of it.

    ``place`` says how to join its sessions, where all of them meet in the same. Where it ``fills_seats``, a seat that
    was declined is offered to members without one; otherwise its sessions are closed. ``wordings`` are its own words
    for its letters.
    """

    id: UUID
    name: str
    rules: Rules
    topics: tuple[str, ...] = ()
    is_open: bool = True
    place: str = ""
    fills_seats: bool = False
    wordings: Wordings = field(default_factory=dict)


@dataclass(frozen=True)
class Enrolled:
    """A member who takes part in a program, and how many of its sessions they can lead in a week."""

    member_id: UUID
    facilitates: int


async def every() -> list[StoredProgram]:
    """Every program, by name."""
    return [_program(row) for row in await Program.select().order_by(Program.name)]


async def by_id(program_id: UUID) -> StoredProgram:
    """The program with that id.

    Raises:
        NotFound: there is none.
    """
    row = await Program.select().where(Program.id == program_id).first()
    if row is None:
        raise NotFound("there is no such program")
    return _program(row)


async def create(
    name: str, rules: Rules, topics: tuple[str, ...], now: datetime, *, place: str = "", fills_seats: bool = False
) -> UUID:
    """Keep a new program.

    Raises:
        NameTaken: another one is called so.
    """
    program_id = uuid4()
    try:
        columns = _columns(program_id, rules, topics, place) | {"fills_seats": fills_seats}
        await Program.insert(Program(id=program_id, name=name, created_at=now, **columns))
    except asyncpg.UniqueViolationError:
        raise NameTaken("another program already has this name") from None
    return program_id


async def change(
    program_id: UUID, name: str, rules: Rules, topics: tuple[str, ...], *, place: str = "", fills_seats: bool = False
) -> None:
    """Change what a program is; its kind stays.

    Raises:
        NameTaken: another one is called so.
    """
    columns = _columns(program_id, rules, topics, place) | {"name": name, "fills_seats": fills_seats}
    del columns["kind"]
    try:
        await Program.update({getattr(Program, column): value for column, value in columns.items()}).where(
            Program.id == program_id
        )
    except asyncpg.UniqueViolationError:
        raise NameTaken("another program already has this name") from None


async def enrol(program_id: UUID, member_id: UUID, now: datetime) -> None:
    """Let a member take part in a program, again if they had left."""
    await Enrolment.raw(
        "INSERT INTO enrolment (id, program, member, facilitates, enrolled_at) VALUES ({}, {}, {}, 0, {})"
        " ON CONFLICT (program, member) DO UPDATE SET left_at = NULL",
        uuid4(), program_id, member_id, now,
    )  # fmt: skip


async def leave(program_id: UUID, member_id: UUID, now: datetime) -> None:
    """A member no longer takes part in a program."""
    await Enrolment.update({Enrolment.left_at: now}).where(
        Enrolment.program == program_id, Enrolment.member == member_id, Enrolment.left_at.is_null()
    )


async def enrolled_in(program_id: UUID) -> list[Enrolled]:
    """Everyone who takes part in a program now, whatever their stage."""
    rows = await (
        Enrolment.select(Enrolment.member, Enrolment.facilitates)
        .where(Enrolment.program == program_id, Enrolment.left_at.is_null())
        .order_by(Enrolment.enrolled_at, Enrolment.id)
    )
    return [Enrolled(row["member"], row["facilitates"]) for row in rows]


async def set_facilitators(program_id: UUID, facilitates: Mapping[UUID, int]) -> None:
    """Say how many sessions each of these enrolled members can lead in a week."""
    await Enrolment.raw(
        "UPDATE enrolment SET facilitates = said.leads"
        " FROM unnest({}::uuid[], {}::int[]) AS said (member, leads)"
        " WHERE enrolment.program = {} AND enrolment.member = said.member",
        list(facilitates), list(facilitates.values()), program_id,
    )  # fmt: skip


def _program(row: Mapping[str, Any]) -> StoredProgram:
    return program_from(row, row["id"])


def program_from(row: Mapping[str, Any], program_id: UUID) -> StoredProgram:
    """A row with the columns of the table program, under whatever name its id has there."""
    sealed = row["sealed_place"]
    place = sealing.open_text(sealed, Program.sealed_place, program_id) if sealed else ""
    return StoredProgram(
        program_id, row["name"], rules_from(row), tuple(row["topics"]), row["is_open"], place, row["fills_seats"],
        wordings_from(row["wordings"]),
    )  # fmt: skip


def rules_from(row: Mapping[str, Any]) -> Rules:
    """A row of the table program as what the matcher knows of it."""
    return Rules(
        kind=Kind(row["kind"]),
        session_minutes=row["session_minutes"],
        smallest=row["smallest"],
        ideal=row["ideal"],
        largest=row["largest"],
        facilitators_per_session=row["facilitators_per_session"],
        sessions_at_once=row["sessions_at_once"],
        mediums=tuple(row["mediums"]),
        match_on={facet: MatchOn(how) for facet, how in json.loads(row["match_on"]).items()},
        weights=json.loads(row["weights"]),
    )


def _columns(program_id: UUID, rules: Rules, topics: tuple[str, ...], place: str) -> dict[str, Any]:
    return {
        "sealed_place": sealing.seal(place, Program.sealed_place, program_id) if place else None,
        "kind": rules.kind.value,
        "session_minutes": rules.session_minutes,
        "smallest": rules.smallest,
        "ideal": rules.ideal,
        "largest": rules.largest,
        "facilitators_per_session": rules.facilitators_per_session,
        "sessions_at_once": rules.sessions_at_once,
        "mediums": list(rules.mediums),
        "topics": list(topics),
        "match_on": json.dumps({facet: how.value for facet, how in rules.match_on.items()}),
        "weights": json.dumps(dict(rules.weights)),
    }
