"""Everyone of a large round as arrays: who could meet whom, and for how many points, for millions of pairs at once.

``preferences.py`` stays the definition of points and ``rules.py`` that of who may meet; a test compares. Nothing here
is a table of everyone by everyone: pairs are looked at in blocks of a fixed size, first by a quick estimate that is
never too low, and only those that matter are then counted exactly.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from operator import or_
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from peerhub.domain.availability import cells_in, wall_of_week
from peerhub.domain.comfort import MEDIUMS, Role
from peerhub.domain.programs import MatchOn
from peerhub.matching.acquaintance import Twos, acquainted, keeping_apart
from peerhub.matching.hours import every_start, grid_of, pinned_start
from peerhub.matching.preferences import (
    FULL,
    SPARE_CELLS,
    cells_needed,
    size_value,
    wants_balance,
    weight,
)
from peerhub.matching.problem import Problem
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.search import TooLarge
from peerhub.matching.terms import Numbers, Terms, Truths

Words = NDArray[np.uint64]  # sets as bits, 64 in a word
Table = NDArray[Any]  # of the smallest numbers that hold what is counted

NEVER: Final = -1  # the points of what cannot be
SMALL: Final = 10_000  # what 16 bits hold twice, and twice below zero for what cannot be
BLOCK: Final = 400_000  # pairs that are estimated together
LIST: Final = 5_000  # pairs that are counted exactly together
MOST_MEMORY: Final = 12 << 30
BYTES_EACH: Final = 25_000  # of memory for one person: 220 MB more for 10,000 people, as measured by time -v


class Crowd:
    """Everyone of one round, by their places among the participants."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.people = problem.participants
        self.count = len(self.people)
        refuse_if_too_many(self.count, BYTES_EACH)
        self.terms = Terms(problem)
        self.length = cells_needed(problem.program)

    # When

    @cached_property
    def _free(self) -> Truths:
        return self._cells(self.problem.free[person.id] for person in self.people)

    def _cells(self, sets: Iterable[int]) -> Truths:
        return _cells(sets, len(wall_of_week("UTC", self.problem.week)))

    @cached_property
    def starts(self) -> Numbers:
        """The cells at which a session can start on anybody's grid, or where a pin wants one."""
        grids = {person.time_zone: grid_of(self.problem, person) for person in self.people}
        pins = (pinned_start(self.problem, pin) for pin in self.problem.pinned)
        usable = (reduce(or_, grids.values(), 0) & every_start(self.problem)) | reduce(or_, pins, 0)
        return np.array(list(cells_in(usable)), np.int64)

    @cached_property
    def can_start(self) -> Truths:
        """By person and start: whether they are free for the whole session."""
        can = self._free[:, self.starts]
        for later in range(1, self.length):
            can &= self._free[:, self.starts + later]
        asked = np.array([person.most_sessions > 0 for person in self.people], bool)
        return np.asarray(can & asked[:, None])

    @cached_property
    def zones(self) -> Numbers:
        """The time zone of each person, as a place among those of the round."""
        places = {zone: place for place, zone in enumerate(sorted({person.time_zone for person in self.people}))}
        return np.array([places[person.time_zone] for person in self.people], np.int64)

    @cached_property
    def grids(self) -> Truths:
        """By zone and start: whether it is on the slot grid of a wall clock there."""
        first = {person.time_zone: person for person in reversed(self.people)}
        return self._cells(grid_of(self.problem, first[zone]) for zone in sorted(first))[:, self.starts]

    @cached_property
    def _grids_agree(self) -> Truths:
        """By two zones: whether what is on the one's grid is on the other's, wherever both are in the same week."""
        walls = [wall_of_week(zone, self.problem.week) for zone in sorted({person.time_zone for person in self.people})]
        inside = (np.array(walls)[:, self.starts] >= 0).astype(np.float32)
        grids = self.grids.astype(np.float32)
        lonely = grids @ (inside - grids).T
        return np.asarray(lonely + lonely.T == 0)

    @cached_property
    def one_grid(self) -> bool:
        """Whether all clocks agree on what is on the grid, so that a third person's clock brings nothing new."""
        return bool(self._grids_agree.all()) and not self.problem.pinned

    @cached_property
    def hours(self) -> Table:
        """By person and start: what the hour adds for them, far below zero where they are not free."""
        program = self.problem.program
        good = self._cells(self.problem.free_and_good[person.id] for person in self.people)
        kind: type[np.signedinteger] = np.int32
        if FULL * (weight(program, "overlap") + weight(program, "preferred_hours")) < SMALL:
            kind = np.int16
        spare = np.zeros(self.can_start.shape, kind)
        for near in (*range(-SPARE_CELLS, 0), *range(self.length, self.length + SPARE_CELLS)):
            cell = self.starts + near
            inside = (cell >= 0) & (cell < self._free.shape[1])
            spare[:, inside] += self._free[:, cell[inside]]
        liked = np.zeros(self.can_start.shape, kind)
        for later in range(self.length):
            liked += good[:, self.starts + later]
        worth = np.array([FULL * cells // self.length for cells in range(self.length + 1)], kind)[liked]
        points = kind(25 * weight(program, "overlap")) * spare + kind(weight(program, "preferred_hours")) * worth
        return np.where(self.can_start, points, _never(kind))

    @cached_property
    def most_for_hours(self) -> Numbers:
        """The best hour of each person, whoever comes; nothing for who can never come."""
        return np.asarray(self.hours.max(axis=1, initial=0), np.int64)

    def hours_of(self, groups: Numbers) -> Numbers:
        """By group and start: what the hour adds for all of them, below zero where it cannot be."""
        everyone = self.hours[groups].astype(np.int64)
        may = (everyone >= 0).all(axis=1) & self.grids[self.zones[groups]].any(axis=1)
        return np.asarray(np.where(may, everyone.sum(axis=1), -1))

    def on_grid(self, people: Numbers, start: int) -> Truths:
        """Who of these has the start on the grid of their own wall clock."""
        return np.asarray(self.grids[self.zones[people], start])

    def _best_hours(self, one: Numbers, other: Numbers, *, with_a_third: bool) -> Numbers:
        """What the best hour adds for each two; below zero for none.

        ``with_a_third``: at any hour, as somebody else's clock may bring the grid.
        """
        alike = self._grids_agree[self.zones[one], self.zones[other]]
        best = np.empty(len(one), np.int64)
        if with_a_third:
            return np.asarray((self.hours[one] + self.hours[other]).max(axis=1, initial=-1), np.int64)
        a, b = one[alike], other[alike]
        best[alike] = (self._hours_on_grid[a] + self.hours[b]).max(axis=1, initial=-1)
        strange = ~alike
        if strange.any():
            groups = np.column_stack([one[strange], other[strange]])
            best[strange] = self.hours_of(groups).max(axis=1, initial=-1)
        return best

    @cached_property
    def _hours_on_grid(self) -> Table:
        return np.where(self.grids[self.zones], self.hours, _never(self.hours.dtype.type))

    @cached_property
    def _start_words(self) -> Words:
        """The starts of each person as bits."""
        packed = np.packbits(self.can_start, axis=1, bitorder="little")
        whole = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
        return np.ascontiguousarray(whole).view(np.uint64)

    # Who

    @cached_property
    def can_come(self) -> Truths:
        return np.asarray(self.can_start.any(axis=1))

    @cached_property
    def in_pairs(self) -> Truths:
        """Who may be in a pair with more than one other: comfortable, and not pinned."""
        return self._comfortable(2) & ~self.pinned

    @cached_property
    def in_trios(self) -> Truths:
        return self._comfortable(3)

    def _comfortable(self, size: int) -> Truths:
        return np.array([person.comfort.allows_size(size) for person in self.people], bool)

    @cached_property
    def _answers(self) -> list[Words]:
        """Sets of which two people who meet must share one: languages and topics where required, and mediums."""
        offered = frozenset(self.problem.program.mediums)
        answers = [_bits([frozenset(m for m in offered if p.comfort.allows_medium(m)) for p in self.people])]
        if requires(self.problem, "languages"):
            answers.append(bits_or_all([person.languages for person in self.people]))
        if requires(self.problem, "topics"):
            answers.append(bits_or_all([topics_of(person) for person in self.people]))
        return answers

    @cached_property
    def speakers(self) -> Truths:
        """By language and person: who could use it with others; one row for everyone where none is required."""
        said = [person.languages for person in self.people]
        languages = sorted(frozenset().union(*said)) if requires(self.problem, "languages") else []
        rows = [[not words or language in words for words in said] for language in languages]
        return np.array(rows or [[True] * self.count], bool)

    @cached_property
    def _only(self) -> NDArray[np.int8]:
        """1 for who only shares, 2 for who only listens, where two of a kind may not be alone."""
        kinds = {Role.SHARE: 1, Role.LISTEN: 2, Role.BOTH: 0}
        return np.array([kinds[p.role] * requires(self.problem, "roles") for p in self.people], np.int8)

    def _may_meet(self, one: Numbers, other: Numbers) -> Truths:
        """Which two could be in one session of any size, whatever the hour."""
        may = self.can_come[one] & self.can_come[other] & (one != other)
        for words in (*self._answers, self._start_words):
            may &= (words[one] & words[other]).any(axis=1)
        return np.asarray(may & ~self.keeping_apart.find(one, other)[0])

    def _may_pair(self, one: Numbers, other: Numbers) -> Truths:
        two = self.in_pairs
        only = self._only
        return np.asarray(two[one] & two[other] & ~((only[one] == only[other]) & (only[one] > 0)))

    def _may_share_a_trio(self, one: Numbers, other: Numbers) -> Truths:
        three = self.in_trios
        return np.asarray(three[one] & three[other])

    @cached_property
    def pinned(self) -> Truths:
        """Who is pinned: they are no pair with anybody but whom they are pinned with."""
        ids = frozenset().union(*(pin.people for pin in self.problem.pinned))
        return np.array([person.id in ids for person in self.people], bool)

    # Who has met whom

    @cached_property
    def acquainted(self) -> Twos:
        return acquainted(self.problem)

    @cached_property
    def keeping_apart(self) -> Twos:
        return keeping_apart(self.problem)

    def _shadows(self, one: Numbers, other: Numbers) -> Numbers:
        known, where = self.acquainted.find(one, other)
        worth = np.zeros(len(one), np.int64)
        worth[known] = self.acquainted.shadows[where[known]]
        return worth

    def _bonds(self, one: Numbers, other: Numbers) -> Numbers:
        """What the bond of the one to the other adds for the one."""
        known, where = self.acquainted.find(one, other)
        worth = np.zeros(len(one), np.int64)
        worth[known] = self.acquainted.bonds[where[known], (one > other)[known].astype(np.int64)]
        return worth

    # Points

    @cached_property
    def _small(self) -> type[np.signedinteger]:
        """The smallest numbers that hold all points of two people, less those for the hour."""
        most = 2 * FULL * sum(weight(self.problem.program, name) for name in ("comfort", "topics", "roles"))
        return np.int16 if most < SMALL else np.int32

    @cached_property
    def eases(self) -> Table:
        """By medium on offer and person: what it adds for them, far below zero where they never use it."""
        never = _never(self._small)
        rows = [
            np.where([p.comfort.allows_medium(medium) for p in self.people], self.terms.eases(2)[n], never)
            for n, medium in enumerate(MEDIUMS)
            if medium in self.problem.program.mediums
        ]
        return np.array(rows).astype(self._small)

    @cached_property
    def _topics(self) -> Table:
        return self.terms.topics.astype(self._small)

    @cached_property
    def _leanings(self) -> Table:
        return self.terms.leanings.astype(self._small)

    def _without_hours(self, one: Numbers, other: Numbers) -> Table:
        """What two add together, less the hour, what all pairs have, and what is known of them; shapes broadcast."""
        eases = self.eases
        points = eases[0][one] + eases[0][other]
        for ease in eases[1:]:
            np.maximum(points, ease[one] + ease[other], out=points)
        how = self.terms.topics_count
        if how is not MatchOn.IGNORE:
            most = np.zeros_like(points)
            for values in self._topics:
                np.maximum(most, values[one] + values[other], out=most)
            points += -most if how is MatchOn.DIFFERENT else most
        if self.terms.leanings.any():
            points -= self._small(self.terms.tilt) * abs(self._leanings[one] + self._leanings[other])
        return np.asarray(points)

    @cached_property
    def most_alone(self) -> Numbers:
        """What each person can add to a pair at the most: at their best hour, about their best topic, with a friend."""
        topics = self._topics.max(axis=0) if self.terms.topics_count is MatchOn.SIMILAR else 0
        most = self.most_for_hours.clip(0) + self.eases.max(axis=0).clip(0) + topics
        one, other = self.known_pairs
        dear = np.zeros(self.count, np.int64)
        np.maximum.at(dear, one, self._bonds(one, other))
        np.maximum.at(dear, other, self._bonds(other, one))
        return np.asarray(most + dear)

    def points_of(self, one: Numbers, other: Numbers, *, with_a_third: bool = False) -> Numbers:
        """The points of each pair at its best hour and by its best medium; below zero where two cannot be a pair.

        ``with_a_third``: a share, of which the three shares of a trio are together at least twice what the trio is
        worth; below zero where two cannot be together at all. See ``share_of_a_trio``.
        """
        points = np.full(len(one), NEVER, np.int64)
        may = self._may_meet(one, other)
        may &= self._may_share_a_trio(one, other) if with_a_third else self._may_pair(one, other)
        some = np.flatnonzero(may)
        for first in range(0, len(some), LIST):
            chosen = some[first : first + LIST]
            a, b = one[chosen], other[chosen]
            hours = self._best_hours(a, b, with_a_third=with_a_third)
            worth = self.terms.of_size(2) + self._without_hours(a, b) + hours
            worth += self._bonds(a, b) + self._bonds(b, a) - 2 * self._shadows(a, b)
            points[chosen] = np.where(hours >= 0, worth, NEVER)
        return points

    def points_of_trios(self, trios: Numbers) -> Numbers:
        """The points of each trio at its best hour and by its best medium; below zero where it cannot be."""
        a, b, c = trios.T
        may = self._may_share_a_trio(a, b) & self._may_share_a_trio(a, c)
        for one, other in ((a, b), (a, c), (b, c)):
            may &= ~self.keeping_apart.find(one, other)[0] & (one != other)
        for words in self._answers:
            may &= (words[a] & words[b] & words[c]).any(axis=1)
        may &= ~((self._only[trios] == self._only[trios[:, [0]]]).all(axis=1) & (self._only[a] > 0))
        hours = self.hours_of(trios).max(axis=1, initial=-1)
        eases, _ = self.mediums_of(trios)
        worth = self.terms.of_size(3) + hours + eases.max(axis=0) + self.terms.of_topics(trios)
        worth -= self.terms.tilt * abs(self.terms.leanings[trios].sum(axis=1))
        for one, other, third in ((a, b, c), (b, c, a), (c, a, b)):
            worth += np.maximum(self._bonds(one, other), self._bonds(one, third))
            worth -= np.maximum(self._shadows(one, other), self._shadows(one, third))
        return np.where(may & (hours >= 0), worth, NEVER)

    def mediums_of(self, groups: Numbers) -> tuple[Numbers, Sequence[str]]:
        """By medium and group: how well it suits the group, below zero where it cannot be; and the mediums."""
        offered = [medium for medium in MEDIUMS if medium in self.problem.program.mediums]
        eases = self.terms.eases(groups.shape[1])
        rows = []
        for medium in offered:
            allows = np.array([person.comfort.allows_medium(medium) for person in self.people], bool)
            rows.append(np.where(allows[groups].all(axis=1), eases[MEDIUMS.index(medium)][groups].sum(axis=1), -1))
        return np.array(rows), offered

    @cached_property
    def share_of_a_trio(self) -> int:
        """How much more than a pair's points two people can ever bring to a trio, per two; often far below zero.

        The points of a trio are at most half the sum, over its three twos, of their points as a pair and this number:

        - the hour: at any hour, each person counts in two of the three twos;
        - comfort: so too, and besides what anybody likes three more than two;
        - topics that are similar: the best topic for three counts each person twice as well. Different: what three have
          in common is at least what any two of them have, so at least a third of the sum of it, but maybe not a half;
        - roles: the balance of three is at most one full measure better than half that of the three twos;
        - an earlier meeting: the longer shadow is at least half of both; but the stronger bond may be all of both;
        - the size has points of its own.
        """
        program = self.problem.program
        size = 2 * weight(program, "ideal_size") * (size_value(program, 3) - size_value(program, 2))
        comfort = 2 * int((self.terms.eases(3) - self.terms.eases(2)).max(initial=0))
        roles = FULL * weight(program, "roles") * wants_balance(program)
        trust = FULL * weight(program, "trust") * bool(len(self.acquainted.keys))
        topics = FULL * weight(program, "topics") * (self.terms.topics_count is MatchOn.DIFFERENT)
        return size + comfort + roles + trust + topics

    # Among all pairs

    def likely_partners(self, each: int, sample: int, seed: int) -> Iterator[tuple[Numbers, Numbers]]:
        """For each person who can come the most promising of a sample, by what is special about the two; in blocks.

        Who is well liked by all is not a better partner for one than for another: what somebody adds to anybody on
        average is left out.
        """
        some = np.flatnonzero(self.can_come)
        draw = np.random.default_rng(seed)
        rows = max(1, BLOCK // max(1, min(sample, len(some))))
        for first in range(0, len(some), rows):
            one = some[first : first + rows]
            among = some if len(some) <= sample else np.sort(draw.choice(some, sample, replace=False))
            few = among[:: max(1, len(among) // 40)]
            usual = self._without_hours(few[:, None], among[None, :]).clip(0).mean(axis=0).astype(self._small)
            special = self._without_hours(one[:, None], among[None, :]) - usual
            special[~self._common_start(one, among) | (one[:, None] == among[None, :])] = -(2 * SMALL)
            if len(among) > each:
                chosen = np.argpartition(-special, each, axis=1)[:, :each]
            else:
                chosen = np.broadcast_to(np.arange(len(among)), special.shape)
            yield np.repeat(one, chosen.shape[1]), among[chosen.ravel()]

    def _common_start(self, rows: Numbers, columns: Numbers) -> Truths:
        """By row and column: whether both are free at some start."""
        words = self._start_words
        common = np.zeros((len(rows), len(columns)), np.uint64)
        for word in range(words.shape[1]):
            common |= words[rows, word][:, None] & words[columns, word][None, :]
        return np.asarray(common != 0)

    @property
    def roles_are_required(self) -> bool:
        return requires(self.problem, "roles")

    @cached_property
    def known_pairs(self) -> tuple[Numbers, Numbers]:
        """Those two by two who have met or wish to: a quick estimate knows nothing of them."""
        return self.acquainted.both


def refuse_if_too_many(people: int, bytes_each: int) -> None:
    if people * bytes_each > MOST_MEMORY:
        raise TooLarge(
            f"{people:,} people are more than fit into memory; {MOST_MEMORY // bytes_each:,} people always fit"
        )


def _never(kind: type[np.generic]) -> int:
    """A number that no other makes good, and that can be added to itself."""
    return -11_000 if kind is np.int16 else -(1 << 28)


def _cells(sets: Iterable[int], cells: int) -> Truths:
    """By set and cell of the week: whether the cell is in the set."""
    size = -(-cells // 8)
    raw = b"".join(one.to_bytes(size, "little") for one in sets)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, size), axis=1, bitorder="little")
    return bits[:, :cells].astype(bool)


def _bits(sets: Sequence[frozenset[str]]) -> Words:
    """Each set as bits, one for each thing that is in any."""
    places = {name: place for place, name in enumerate(sorted(frozenset().union(*sets)))}
    words = np.zeros((len(sets), max(1, -(-len(places) // 64))), np.uint64)
    for row, names in enumerate(sets):
        for name in names:
            word, bit = divmod(places[name], 64)
            words[row, word] |= np.uint64(1 << bit)
    return words


def bits_or_all(sets: Sequence[frozenset[str]]) -> Words:
    """Each set as bits; who said nothing agrees with everybody."""
    words = _bits(sets)
    words[[not names for names in sets]] = np.iinfo(np.uint64).max
    return words
