"""Sessions: groups of any size, with or without facilitators, as one exact model.

A *room* is an hour that somebody holds: the first of a session's facilitators or, where a program has none, the first
of its peers. Nobody can be in two places, so each room has one session at most, and each session has one room: no two
solutions differ only in a numbering. In a room a *setting*, a medium and a comfort size, is chosen, and a *seat* is one
person in one room and setting; what a person adds to the points there is a plain number on the seat.

Each function in ``RULES`` keeps the rule of the same name in ``rules.py``: ``FIRST_RULES`` say which rooms and seats
there are at all, ``MODEL_RULES`` what may be chosen of them. ``without`` leaves rules out, so that a test can see that
each of them matters.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations, permutations
from operator import or_
from typing import Final

from ortools.sat.python import cp_model

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS, NEVER, UNSAID, Role, size_name
from peerhub.domain.programs import MatchOn
from peerhub.matching.hours import cells_from, every_start, grid_of, pinned_start, possible_starts, span_at
from peerhub.matching.preferences import (
    FULL,
    bond,
    ease,
    hour_points,
    leaning,
    shadow,
    size_value,
    topic_value,
    wants_balance,
    weight,
)
from peerhub.matching.problem import Participant, Pin, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.search import MOST_VARIABLES, Choice, Linear, Model, TooLarge, Values


@dataclass(frozen=True, order=True)
class Setting:
    """By which medium a session meets, and in which of the sizes that comfort knows."""

    medium: str
    size: str


@dataclass
class Room:
    """An hour that ``holder`` holds, and the choices that the model makes for it."""

    holder: Participant
    start: int
    cells: int
    sizes: dict[int, Choice] = field(default_factory=dict)
    settings: dict[Setting, Choice] = field(default_factory=dict)
    seats: dict[Setting, dict[str, Choice]] = field(default_factory=dict)
    leads: dict[str, Choice] = field(default_factory=dict)

    @property
    def is_open(self) -> Linear:
        return total(self.sizes.values())

    def seats_of(self, person: str) -> list[Choice]:
        return [seats[person] for seats in self.seats.values() if person in seats]

    def sits(self, person: str) -> Linear:
        """1 when the person sits here as a peer."""
        return total(self.seats_of(person))

    def is_in(self, person: str) -> Linear:
        """1 when the person is here, as a peer or as a facilitator."""
        return total([*self.seats_of(person), *([self.leads[person]] if person in self.leads else [])])

    @property
    def peers(self) -> list[str]:
        return sorted({person for seats in self.seats.values() for person in seats})

    @property
    def everyone(self) -> list[str]:
        return sorted({*self.peers, *self.leads})


def total(variables: Iterable[Choice]) -> Linear:
    return cp_model.LinearExpr.sum(list(variables))


class Groups:
    """Every room and seat of one round of sessions, and a model of how they go together."""

    def __init__(self, problem: Problem, without: frozenset[str] = frozenset()) -> None:
        self.problem = problem
        self.without = without
        self.cp = cp_model.CpModel()
        self._keepers: dict[tuple[str, int, Pin], Choice | None] = {}
        self.led = problem.program.facilitators_per_session > 0
        self.peers = [person for person in problem.participants if person.most_sessions > 0]
        self.leaders = [person for person in problem.participants if person.facilitates > 0] if self.led else []
        self.sizes = self._sizes()
        self.free = {person.id: self._starts(person) for person in problem.participants}
        _check_memory(self)
        self.rooms = [room for room in self._rooms() if self._furnish(room)]
        self.rooms_of: dict[str, list[Room]] = {}
        for room in self.rooms:
            for person in room.everyone:
                self.rooms_of.setdefault(person, []).append(room)
        for rule in MODEL_RULES:
            if not self.leaves_out(rule):
                rule(self)

    def model(self) -> Model:
        """What the search needs: the choices, who is matched by them, and their points."""
        return Model(self.cp, self._matched(), self._points, self.sessions_in, portfolio=True)

    def _points(self) -> Linear:
        terms = [term for room in self.rooms for add in POINTS for term in add(self, room)]
        return cp_model.LinearExpr.weighted_sum([choice for _, choice in terms], [worth for worth, _ in terms])

    def sessions_in(self, value: Values) -> tuple[PlannedSession, ...]:
        return tuple(self._session(room, value) for room in self.rooms if any(map(value, room.sizes.values())))

    def _session(self, room: Room, value: Values) -> PlannedSession:
        setting = next(setting for setting, chosen in room.settings.items() if value(chosen))
        order = {person.id: place for place, person in enumerate(self.problem.participants)}
        people = sorted((person for person, seat in room.seats[setting].items() if value(seat)), key=order.__getitem__)
        leads = sorted((person for person, lead in room.leads.items() if value(lead)), key=order.__getitem__)
        return PlannedSession(tuple(people), span_at(self.problem, room.start), setting.medium, tuple(leads))

    def choice(self) -> Choice:
        """A yes or no that the solver decides."""
        return self.cp.new_bool_var("")

    def leaves_out(self, rule: Callable[..., object]) -> bool:
        return rule.__name__ in self.without

    def keepers(self, room: Room) -> list[Choice]:
        """The choices that say of each pin with a time that could be kept here that it is kept here."""
        kept = (self._kept(room, pin) for pin in self.problem.pinned if pin.span)
        return [keeps for keeps in kept if keeps is not None]

    def kept_in(self, pin: Pin) -> list[Choice]:
        """The choices that say in which room the pin is kept."""
        kept = (self._kept(room, pin) for room in self.rooms)
        return [keeps for keeps in kept if keeps is not None]

    def _kept(self, room: Room, pin: Pin) -> Choice | None:
        """A choice that is only possible when the pin is kept in the room; None where that can never be."""
        key = (room.holder.id, room.start, pin)
        if key not in self._keepers:
            wanted = [*map(room.sits, pin.people), *(room.leads.get(person, 0) for person in pin.facilitators)]
            possible = pin.span is None or pinned_start(self.problem, pin) == 1 << room.start
            self._keepers[key] = self.choice() if possible else None
            for there in wanted if possible else []:
                self.cp.add(self._keepers[key] <= there)
        return self._keepers[key]

    def _matched(self) -> dict[str, Linear]:
        matched: dict[str, Linear] = {}
        for person in self.peers:
            seats = [seat for room in self.rooms_of.get(person.id, []) for seat in room.seats_of(person.id)]
            if not seats:
                continue
            if person.most_sessions == 1:
                matched[person.id] = total(seats)
            else:
                matched[person.id] = has_a_seat = self.choice()
                self.cp.add(has_a_seat <= total(seats))
        return matched

    def _sizes(self) -> range:
        if self.leaves_out(every_session_has_its_size):
            return range(1, len(self.peers) + 1)
        return every_session_has_its_size(self.problem)

    def _starts(self, person: Participant) -> int:
        return (
            every_start(self.problem) if self.leaves_out(everyone_is_free) else everyone_is_free(self.problem, person)
        )

    def _rooms(self) -> Iterator[Room]:
        grid = reduce(or_, (grid_of(self.problem, person) for person in self.problem.participants), 0)
        pinned = reduce(or_, (pinned_start(self.problem, pin) for pin in self.problem.pinned), 0)
        usable = every_start(self.problem) if self.leaves_out(every_session_starts_on_the_grid) else grid | pinned
        for holder in self.leaders if self.led else self.peers:
            for start in cells_in(self.free[holder.id] & usable):
                yield Room(holder, start, cells_from(self.problem, start))

    def _furnish(self, room: Room) -> bool:
        """Put sizes, settings and seats into the room; whether there are enough people for a session."""
        coming = self.coming(room)
        if len(coming) < min(self.sizes, default=1):
            return False
        sizes = [size for size in self.sizes if size <= len(coming)]
        room.sizes = {size: self.choice() for size in sizes}
        for setting in self._settings(sizes):
            room.settings[setting] = chosen = self.choice()
            room.seats[setting] = {person.id: chosen if person is room.holder else self.choice() for person in coming}
        room.leads = self._leads(room)
        self._open(room)
        return True

    def coming(self, room: Room) -> list[Participant]:
        """Who could be a peer here: without facilitators, the holder and those who stand after them in the list."""
        peers = self.peers if self.led else self.peers[self.peers.index(room.holder) :]
        free = (person for person in peers if self.free[person.id] >> room.start & 1)
        return [person for person in free if not (self.led and person is room.holder)]

    def _settings(self, sizes: list[int]) -> list[Setting]:
        mediums = MEDIUMS if self.leaves_out(the_medium_is_offered) else the_medium_is_offered(self.problem)
        return [Setting(medium, name) for medium in mediums for name in dict.fromkeys(map(size_name, sizes))]

    def _leads(self, room: Room) -> dict[str, Choice]:
        if not self.led:
            return {}
        after = self.leaders[self.leaders.index(room.holder) + 1 :]
        leads = {room.holder.id: self.choice()}
        if self.problem.program.facilitators_per_session > 1 or self.leaves_out(every_session_has_its_facilitators):
            leads |= {person.id: self.choice() for person in after if self.free[person.id] >> room.start & 1}
        return leads

    def _open(self, room: Room) -> None:
        """What the words mean: a room has one size and one setting, and only an open room has people in it."""
        self.cp.add_at_most_one(room.sizes.values())
        for name in {setting.size for setting in room.settings} | set(map(size_name, room.sizes)):
            sizes = {size: chosen for size, chosen in room.sizes.items() if size_name(size) == name}
            settings = [setting for setting in room.settings if setting.size == name]
            self.cp.add(total(sizes.values()) == total(room.settings[setting] for setting in settings))
            seats = [seat for setting in settings for seat in room.seats[setting].values()]
            self.cp.add(total(seats) == cp_model.LinearExpr.weighted_sum(list(sizes.values()), list(sizes)))
        for setting, seats_by_person in room.seats.items():
            for seat in seats_by_person.values():
                self.cp.add_implication(seat, room.settings[setting])
            smallest = min(size for size in room.sizes if size_name(size) == setting.size)
            self.cp.add(total(seats_by_person.values()) >= smallest * room.settings[setting])
        if self.led:
            self.cp.add(room.leads[room.holder.id] == room.is_open)
            for lead in room.leads.values():
                self.cp.add(lead <= room.is_open)
        for person in room.leads:
            self.cp.add(room.is_in(person) <= 1)


# Which rooms and seats there are


def everyone_is_free(problem: Problem, person: Participant) -> int:
    return possible_starts(problem, person)


def the_medium_is_offered(problem: Problem) -> tuple[str, ...]:
    return tuple(medium for medium in MEDIUMS if medium in problem.program.mediums)


def every_session_has_its_size(problem: Problem) -> range:
    return range(problem.program.smallest, min(problem.program.largest, len(problem.participants)) + 1)


# What may be chosen of them


def nobody_is_crowded(groups: Groups) -> None:
    for room in groups.rooms:
        for setting, seats in room.seats.items():
            for person, seat in seats.items():
                if groups.problem.by_id[person].comfort.sizes.get(setting.size, UNSAID) == NEVER:
                    groups.cp.add(seat == 0)


def nobody_is_in_a_medium_they_never_use(groups: Groups) -> None:
    for room in groups.rooms:
        for setting, chosen in room.settings.items():
            for person, here in [*room.seats[setting].items(), *room.leads.items()]:
                if not groups.problem.by_id[person].comfort.allows_medium(setting.medium):
                    groups.cp.add(here + chosen <= 1)


def everyone_shares_a_language(groups: Groups) -> None:
    if requires(groups.problem, "languages"):
        _share_one(groups, lambda person: person.languages, lambda room: room.everyone)


def everyone_shares_a_topic(groups: Groups) -> None:
    if requires(groups.problem, "topics"):
        _share_one(groups, topics_of, lambda room: room.peers)


def _share_one(
    groups: Groups, said: Callable[[Participant], frozenset[str]], concerned: Callable[[Room], list[str]]
) -> None:
    """An open room chooses one answer, and whoever gave answers may only be there if it is among them."""
    for room in groups.rooms:
        answers = {person: said(groups.problem.by_id[person]) for person in concerned(room)}
        options = {option: groups.choice() for option in sorted(frozenset().union(*answers.values()))}
        groups.cp.add_at_most_one(options.values())
        for person, answer in answers.items():
            if answer:
                there = room.is_in(person) if person in room.leads else room.sits(person)
                groups.cp.add(there <= total(options[option] for option in sorted(answer)))


def someone_shares_and_someone_listens(groups: Groups) -> None:
    if not requires(groups.problem, "roles"):
        return
    for room in groups.rooms:
        for only in (Role.SHARE, Role.LISTEN):
            others = [person for person in room.peers if groups.problem.by_id[person].role is not only]
            groups.cp.add(total(seat for person in others for seat in room.seats_of(person)) >= room.is_open)


def nobody_meets_who_they_keep_apart_from(groups: Groups) -> None:
    for room in groups.rooms:
        for one, other in combinations(room.everyone, 2):
            if frozenset((one, other)) in groups.problem.apart:
                groups.cp.add(room.is_in(one) + room.is_in(other) <= 1)


def nobody_has_too_many_sessions(groups: Groups) -> None:
    for person in groups.peers:
        seats = [seat for room in groups.rooms_of.get(person.id, []) for seat in room.seats_of(person.id)]
        groups.cp.add(total(seats) <= person.most_sessions)


def nobody_leads_too_many_sessions(groups: Groups) -> None:
    for person in groups.leaders:
        leads = [room.leads[person.id] for room in groups.rooms_of.get(person.id, []) if person.id in room.leads]
        groups.cp.add(total(leads) <= person.facilitates)


def nobody_is_in_two_places(groups: Groups) -> None:
    for person, rooms in groups.rooms_of.items():
        for running in _running_together(rooms):
            if len(running) > 1:
                groups.cp.add(cp_model.LinearExpr.sum([room.is_in(person) for room in running]) <= 1)


def every_session_has_its_facilitators(groups: Groups) -> None:
    expected = groups.problem.program.facilitators_per_session
    for room in groups.rooms:
        if groups.led:
            groups.cp.add(total(room.leads.values()) == expected * room.is_open)


def every_session_starts_on_the_grid(groups: Groups) -> None:
    for room in groups.rooms:
        on_time = [p for p in room.everyone if grid_of(groups.problem, groups.problem.by_id[p]) >> room.start & 1]
        if room.holder.id not in on_time:
            somebody = cp_model.LinearExpr.sum([room.is_in(person) for person in on_time])
            groups.cp.add(somebody + total(groups.keepers(room)) >= room.is_open)


def not_too_many_at_once(groups: Groups) -> None:
    most = groups.problem.program.sessions_at_once
    if most is not None:
        for running in _running_together(groups.rooms):
            groups.cp.add(cp_model.LinearExpr.sum([room.is_open for room in running]) <= most)


def pins_are_kept(groups: Groups) -> None:
    for pin in groups.problem.pinned:
        groups.cp.add_bool_or(groups.kept_in(pin))


FIRST_RULES: Final = (everyone_is_free, the_medium_is_offered, every_session_has_its_size)
MODEL_RULES: Final = (
    nobody_is_crowded,
    nobody_is_in_a_medium_they_never_use,
    everyone_shares_a_language,
    everyone_shares_a_topic,
    someone_shares_and_someone_listens,
    nobody_meets_who_they_keep_apart_from,
    nobody_has_too_many_sessions,
    nobody_leads_too_many_sessions,
    nobody_is_in_two_places,
    every_session_has_its_facilitators,
    every_session_starts_on_the_grid,
    not_too_many_at_once,
    pins_are_kept,
)
RULES: Final = (*FIRST_RULES, *MODEL_RULES)


# What the preferences add up to: (points, choice) for the whole model

Terms = Iterator[tuple[int, Linear]]


def seat_points(groups: Groups, room: Room) -> Terms:
    """overlap, preferred_hours, comfort, and what new_people, roles and different topics start from."""
    program = groups.problem.program
    start = FULL * (weight(program, "new_people") + weight(program, "roles") * wants_balance(program))
    if program.match_on.get("topics") is MatchOn.DIFFERENT:
        start += FULL * weight(program, "topics")
    for setting, seats in room.seats.items():
        for person, seat in seats.items():
            peer = groups.problem.by_id[person]
            liked = weight(program, "comfort") * ease_in(peer, setting)
            yield start + liked + hour_points(groups.problem, peer, room.start), seat


def ease_in(person: Participant, setting: Setting) -> int:
    """``preferences.ease`` for any size with the setting's name."""
    return ease(person, next(size for size in (2, 3, 4, 6) if size_name(size) == setting.size), setting.medium)


def ideal_size_points(groups: Groups, room: Room) -> Terms:
    program = groups.problem.program
    for size, chosen in room.sizes.items():
        yield weight(program, "ideal_size") * size * size_value(program, size), chosen


def topics_points(groups: Groups, room: Room) -> Terms:
    """The room chooses the topic that adds most; where topics should differ, every topic takes away what it adds."""
    program, peers = groups.problem.program, [groups.problem.by_id[person] for person in room.peers]
    how, worth = program.match_on.get("topics"), weight(program, "topics")
    if how not in (MatchOn.SIMILAR, MatchOn.REQUIREMENT, MatchOn.DIFFERENT) or not worth:
        return
    values = {
        topic: {person.id: topic_value(person, topic) for person in peers if topic in topics_of(person)}
        for topic in sorted(frozenset().union(*map(topics_of, peers)))
    }
    if how is MatchOn.DIFFERENT:
        most = groups.cp.new_int_var(0, FULL * len(peers), "")
        for value in values.values():
            shared = [(points, seat) for person, points in value.items() for seat in room.seats_of(person)]
            groups.cp.add(most >= cp_model.LinearExpr.weighted_sum([s for _, s in shared], [p for p, _ in shared]))
        yield -worth, most
        return
    chosen = {topic: groups.choice() for topic in values}
    groups.cp.add(total(chosen.values()) <= room.is_open)
    of_person: dict[str, list[Choice]] = {}
    for topic, value in values.items():
        for person, points in value.items():
            matters = groups.choice()
            of_person.setdefault(person, []).append(matters)
            groups.cp.add_implication(matters, chosen[topic])
            yield worth * points, matters
    for person, theirs in of_person.items():
        groups.cp.add(total(theirs) <= room.sits(person))


def new_people_points(groups: Groups, room: Room) -> Terms:
    """Each person loses the longest shadow that an earlier meeting with someone here still throws."""
    worth = weight(groups.problem.program, "new_people")
    for person, others in _pairs_here(groups, room, shadow).items():
        longest = groups.cp.new_int_var(0, max(others.values()), "")
        for other, points in others.items():
            groups.cp.add(longest >= points * (room.sits(person) + room.sits(other) - 1))
        yield -worth, longest


def trust_points(groups: Groups, room: Room) -> Terms:
    """Each person may count one of those here with whom they have a bond."""
    worth = weight(groups.problem.program, "trust")
    for person, others in _pairs_here(groups, room, bond).items():
        counted = {other: groups.choice() for other in others}
        groups.cp.add(total(counted.values()) <= room.sits(person))
        for other, points in others.items():
            groups.cp.add(counted[other] <= room.sits(other))
            yield worth * points, counted[other]


def roles_points(groups: Groups, room: Room) -> Terms:
    """What is missing to a balance of those who only share and those who only listen."""
    program = groups.problem.program
    leanings = {person: leaning(groups.problem.by_id[person]) for person in room.peers}
    if not wants_balance(program) or not any(leanings.values()):
        return
    tilt = [(lean, seat) for person, lean in leanings.items() if lean for seat in room.seats_of(person)]
    missing = groups.cp.new_int_var(0, len(leanings), "")
    for sign in (1, -1):
        groups.cp.add(
            missing >= cp_model.LinearExpr.weighted_sum([seat for _, seat in tilt], [sign * lean for lean, _ in tilt])
        )
    yield -FULL * weight(program, "roles"), missing


POINTS: Final = (seat_points, ideal_size_points, topics_points, new_people_points, trust_points, roles_points)


def _pairs_here(groups: Groups, room: Room, how: Callable[[Problem, str, str], int]) -> dict[str, dict[str, int]]:
    """For each person that could sit here: the others who could, and with whom there is something."""
    here: dict[str, dict[str, int]] = {}
    for person, other in permutations(room.peers, 2):
        if points := how(groups.problem, person, other):
            here.setdefault(person, {})[other] = points
    return here


def _running_together(rooms: list[Room]) -> list[list[Room]]:
    """For each moment at which one of the rooms opens: those that would be open."""
    return [[room for room in rooms if room.cells >> start & 1] for start in sorted({room.start for room in rooms})]


def seats_of(problem: Problem) -> int:
    """About how many seats, in how many rooms and settings, a model of the problem would have."""
    starts = [possible_starts(problem, person) for person in problem.participants]
    grid = reduce(or_, (grid_of(problem, person) for person in problem.participants), 0)
    led = problem.program.facilitators_per_session > 0
    holders = [cells for cells, p in zip(starts, problem.participants, strict=True) if p.facilitates or not led]
    settings = len(problem.program.mediums) * len(every_session_has_its_size(problem))
    return settings * sum((cells & holder & grid).bit_count() for holder in holders for cells in starts)


def _check_memory(groups: Groups) -> None:
    """Refuse what would not fit, before it is built.

    Raises:
        TooLarge: with a number of people that would fit if their hours are alike.
    """
    people = len(groups.problem.participants)
    seats = len(groups._settings(list(groups.sizes))) * sum(len(groups.coming(room)) for room in groups._rooms())
    if seats > MOST_VARIABLES:
        share = MOST_VARIABLES / seats
        fit = int(people * (share if groups.led else share**0.5))
        raise TooLarge(
            f"{people} people have about {seats:,} possible seats in a week, more than fit into memory;"
            f" about {fit} people with such hours fit"
        )
