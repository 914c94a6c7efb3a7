"""What makes a pair or a group good: points, each with a name, a weight and one plain meaning.

Every preference gives each peer of a session 0 to 100 whole points; a session has their sum, times the weight that the
program gives to the name. So points never fall below 0, do not favour large groups over small ones, and are a function
of the problem and the session alone: ``points_of`` is the definition, and the solvers maximise exactly that.
Facilitators bring no points.

The ideal size counts in two ways. In sessions each person more or fewer takes a quarter of its points. Buddies are
pairs with a trio for the odd one out: there any size but the ideal one has none of them, and unless a program says
otherwise they weigh more than all other preferences together, so that a trio never pays for its own people: it is there
to match more of them, which the search puts before all points.

Each preference is built from terms that a linear model can state exactly: something about one person at one hour
(``overlap``, ``preferred_hours``), in one size and medium (``comfort``), the best topic for the session (``topics``),
the balance of two counts (``roles``), each person's nearest companion (``new_people``, ``trust``), the size itself.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from peerhub.domain.availability import CELL_MINUTES, cell_of
from peerhub.domain.comfort import Role
from peerhub.domain.programs import WEIGHTS, Kind, MatchOn, Program
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import peers_in

FULL: Final = 100
IDEAL_SIZE_WEIGHT: Final = MappingProxyType({Kind.SESSIONS: 5, Kind.BUDDIES: sum(WEIGHTS.values()) + 1})
SPARE_CELLS: Final = 2  # half an hour before the session, and as much after it
LEANINGS: Final = MappingProxyType({Role.SHARE: 1, Role.LISTEN: -1, Role.BOTH: 0})
TO_SPARE: Final = (1 << SPARE_CELLS) - 1  # so many cells, as bits

Preference = Callable[[Problem, PlannedSession], int]


def points_of(problem: Problem, session: PlannedSession, among: tuple[Preference, ...] | None = None) -> int:
    """All points of a session, or those of some preferences."""
    program = problem.program
    return sum(weight(program, prefer.__name__) * prefer(problem, session) for prefer in among or PREFERENCES)


def hour_points(problem: Problem, person: Participant, start: int) -> int:
    """What one person adds because of when the session starts: ``overlap`` and ``preferred_hours``."""
    program = problem.program
    return weight(program, "overlap") * time_to_spare(problem, person, start) + weight(
        program, "preferred_hours"
    ) * goodness(problem, person, start)


def points_by_preference(problem: Problem, session: PlannedSession) -> list[tuple[str, int]]:
    """What each preference, by name, adds to the points of a session."""
    return [
        (prefer.__name__, weight(problem.program, prefer.__name__) * prefer(problem, session)) for prefer in PREFERENCES
    ]


def most_points_of_a_seat(program: Program) -> int:
    """What one person in a session can have at most: all is as they wish."""
    return FULL * sum(weight(program, prefer.__name__) for prefer in PREFERENCES)


def weight(program: Program, name: str) -> int:
    """How much the program cares; what it says nothing about counts as usual."""
    usual = IDEAL_SIZE_WEIGHT[program.kind] if name == "ideal_size" else WEIGHTS[name]
    return program.weights.get(name, usual)


def overlap(problem: Problem, session: PlannedSession) -> int:
    """Everyone is free a little before and after as well, so that a session may start late or run on."""
    start = cell_of(session.starts_at, problem.week)
    return sum(time_to_spare(problem, person, start) for person in peers_in(problem, session))


def comfort(problem: Problem, session: PlannedSession) -> int:
    """Everyone likes meetings of this size and by this medium."""
    size = len(session.people)
    return sum(ease(person, size, session.medium) for person in peers_in(problem, session))


def topics(problem: Problem, session: PlannedSession) -> int:
    """One topic matters to as many as possible; or, where the program wants different people, to as few."""
    people = peers_in(problem, session)
    how = problem.program.match_on.get("topics")
    named = {topic for person in people for topic in person.comfort.topics}
    shared = max((sum(topic_value(person, topic) for person in people) for topic in named), default=0)
    if how in (MatchOn.SIMILAR, MatchOn.REQUIREMENT):
        return shared
    return FULL * len(people) - shared if how is MatchOn.DIFFERENT else 0


def new_people(problem: Problem, session: PlannedSession) -> int:
    """Nobody meets someone whom they met not long ago; the longest shadow counts, and fades over half a year."""
    return sum(
        FULL - max((shadow(problem, person, other) for other in session.people if other != person), default=0)
        for person in session.people
    )


def trust(problem: Problem, session: PlannedSession) -> int:
    """Everyone finds someone whom they asked for, or with whom it went well the last time."""
    return sum(
        max((bond(problem, person, other) for other in session.people if other != person), default=0)
        for person in session.people
    )


def roles(problem: Problem, session: PlannedSession) -> int:
    """As many come only to share as come only to listen; who does both is at home with either."""
    if not wants_balance(problem.program):
        return 0
    people = peers_in(problem, session)
    return FULL * (len(people) - abs(sum(leaning(person) for person in people)))


def preferred_hours(problem: Problem, session: PlannedSession) -> int:
    """Everyone called these hours good rather than possible if needed."""
    start = cell_of(session.starts_at, problem.week)
    return sum(goodness(problem, person, start) for person in peers_in(problem, session))


def ideal_size(problem: Problem, session: PlannedSession) -> int:
    """The session has the size that the program calls ideal."""
    size = len(session.people)
    return size * size_value(problem.program, size)


PREFERENCES: Final[tuple[Preference, ...]] = (
    overlap,
    comfort,
    topics,
    new_people,
    trust,
    roles,
    preferred_hours,
    ideal_size,
)


# The terms, from 0 to 100 each


def time_to_spare(problem: Problem, person: Participant, start: int) -> int:
    """25 for each quarter of an hour, up to two before and two after, in which the person is free as well."""
    free, length = problem.free[person.id], cells_needed(problem.program)
    before = free << SPARE_CELLS >> start & TO_SPARE
    after = free >> start + length & TO_SPARE
    return 25 * (before.bit_count() + after.bit_count())


def goodness(problem: Problem, person: Participant, start: int) -> int:
    """How much of the session lies in hours that the person called good."""
    length = cells_needed(problem.program)
    good = problem.free_and_good[person.id] >> start & ((1 << length) - 1)
    return FULL * good.bit_count() // length


def ease(person: Participant, size: int, medium: str) -> int:
    """The level for the size and the level for the medium, half each."""
    return 25 * (person.comfort.with_size(size) + person.comfort.with_medium(medium)) // 2


def topic_value(person: Participant, topic: str) -> int:
    """Nothing for a topic that is not the person's; 62, 75, 87, 100 for levels 1 to 4, so that sharing counts most."""
    level = person.comfort.topics.get(topic, 0)
    return 50 + 25 * level // 2 if level > 0 else 0


def shadow(problem: Problem, person: str, other: str) -> int:
    """How much an earlier meeting speaks against another: 100 at first, 4 less each week; for ever if it went badly."""
    met = problem.last_meetings.get(frozenset((person, other)))
    if met is None:
        return 0
    weeks = max(1, (problem.week - met.week).days // 7)
    return FULL if met.went == "badly" else max(0, FULL - 4 * (weeks - 1))


def bond(problem: Problem, person: str, other: str) -> int:
    """Whether the person asked for the other, or it went well when they last met."""
    met = problem.last_meetings.get(frozenset((person, other)))
    went_well = met is not None and met.went == "well"
    return FULL if went_well or other in problem.by_id[person].prefers else 0


def leaning(person: Participant) -> int:
    """1 for who comes only to share, -1 for who comes only to listen."""
    return LEANINGS[person.role]


def size_value(program: Program, size: int) -> int:
    """25 less for each person more or fewer than the ideal; for buddies, all or nothing."""
    less = FULL if program.kind is Kind.BUDDIES else 25
    return max(0, FULL - less * abs(size - program.ideal))


def wants_balance(program: Program) -> bool:
    return program.match_on.get("roles") in (MatchOn.COMPLEMENTARY, MatchOn.REQUIREMENT)


def cells_needed(program: Program) -> int:
    """How many cells a session touches."""
    return -(-program.session_minutes // CELL_MINUTES)
