"""What would be different: the sessions that stand beside those that are proposed, and who would hear of it.

A session that goes on with some of its people is the same session; so they keep their seat, and their calendars one
entry. Everyone in a session that changes hears of it, and nobody else does.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.matching.proposal import PlannedSession


@dataclass(frozen=True)
class Step:
    """One session that changes: without ``before`` it is a new one, without ``after`` it does not take place."""

    session: UUID | None
    before: PlannedSession | None
    after: PlannedSession | None

    @property
    def told(self) -> frozenset[str]:
        """Everyone who was in it or will be."""
        return frozenset(person for one in (self.before, self.after) if one for person in one.everyone)


@dataclass(frozen=True)
class Change:
    """Sessions that change, in the order of time; ``without`` are the people who would have no session any more."""

    steps: tuple[Step, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def told(self) -> frozenset[str]:
        """Everyone who would hear something new."""
        return frozenset().union(*(step.told for step in self.steps))


def change_between(
    standing: Mapping[UUID, PlannedSession], proposed: Iterable[PlannedSession], elsewhere: Set[str] = frozenset()
) -> Change:
    """The change that turns what stands into what is proposed; ``elsewhere`` are people with a seat beside all this."""
    will_be = {told_of(one): one for one in proposed}
    was = {told_of(one) for one in standing.values()}
    new = [one for told, one in will_be.items() if told not in was]
    moving = {id_: one for id_, one in standing.items() if told_of(one) not in will_be}
    becomes = _goes_on_as(moving, new)
    steps = [Step(id_, one, becomes.get(id_)) for id_, one in moving.items()]
    steps += [Step(None, None, one) for one in new if one not in becomes.values()]
    seated = elsewhere | {person for one in will_be.values() for person in one.people}
    without = {person for step in steps if step.before for person in step.before.people} - seated
    return Change(tuple(sorted(steps, key=_order)), tuple(sorted(without)))


def told_of(session: PlannedSession) -> tuple[Span, str, frozenset[str], frozenset[str]]:
    """What a session is to everybody in it."""
    return session.span, session.medium, frozenset(session.people), frozenset(session.facilitators)


def _goes_on_as(moving: Mapping[UUID, PlannedSession], new: list[PlannedSession]) -> dict[UUID, PlannedSession]:
    """Which session each of them becomes: the one with most of its people, at the same time rather than another."""
    ways = [
        (-len(common), before.span != after.span, after.starts_at, str(id_), place)
        for id_, before in moving.items()
        for place, after in enumerate(new)
        if (common := set(before.everyone) & set(after.everyone))
    ]
    becomes: dict[UUID, PlannedSession] = {}
    taken: set[int] = set()
    for *_, id_, place in sorted(ways):
        if UUID(id_) not in becomes and place not in taken:
            becomes[UUID(id_)] = new[place]
            taken.add(place)
    return becomes


def _order(step: Step) -> tuple[object, ...]:
    session = step.after or step.before
    assert session is not None  # noqa: S101 - a step has one of them
    return session.starts_at, session.everyone
