"""Everyone of a large round of sessions as arrays: who can come and lead when, and what each and each two would add.

``preferences.py`` stays the definition of points and ``rules.py`` that of what may be; a test compares. A ``Hall`` is
all that the search for sessions knows, and holds nothing but arrays: a part of it travels to another process as it is.
Nothing here is a table of everyone by everyone: who has met, or keeps apart, is a list of pairs.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peerhub.domain.comfort import MEDIUMS, Role, size_name
from peerhub.domain.programs import MatchOn
from peerhub.matching.acquaintance import Twos
from peerhub.matching.graph import Crowd, bits_or_all, refuse_if_too_many
from peerhub.matching.hours import possible_starts
from peerhub.matching.packing import fit_at_once
from peerhub.matching.preferences import most_points_of_a_seat
from peerhub.matching.problem import Problem
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.search import weights_of
from peerhub.matching.terms import Numbers, Truths

Words = NDArray[np.uint64]

BYTES_EACH: Final = 120_000  # of memory for one person in sessions; see docs/scale.md
NEVER: Final = -(1 << 40)  # what cannot be: no sum with it is ever enough


@dataclass(frozen=True)
class Hall:
    """Everyone by their places, and every start by its place among ``starts``; all worth is in points.

    Shapes: ``hours`` and ``leads_at`` (people, starts), ``eases`` (sizes of comfort, mediums, people), ``topics``
    (topics, people), ``grids`` (zones, starts), ``words`` one array of shape (people, words) for each thing of which
    all in a session must have one in common.
    """

    places: Numbers  # among the participants of the whole round
    starts: Numbers  # cells of the week
    length: int  # of a session, in cells
    hours: Numbers  # what the hour adds, below zero where somebody is not free
    leads_at: Truths  # who could lead then
    leads: Numbers  # how many sessions each can lead
    eases: Numbers  # what size and medium add, NEVER where one of them cannot be
    mediums: Truths  # (mediums, people): whom they suit, as a leader
    topics: Numbers
    differ: bool  # a topic in common takes away instead of adding
    leanings: Numbers
    tilt: int
    weights: Numbers
    most: Numbers  # how many sessions each would like to come to at most
    words: tuple[Words, ...]
    peers_words: tuple[Words, ...]  # that leaders need not share
    shares: Truths
    listens: Truths
    needs_both: bool  # somebody who shares and somebody who listens
    known: Twos
    apart: Twos
    grids: Truths
    zones: Numbers
    sizes: tuple[int, ...]
    kinds: tuple[int, ...]  # by size: its place among the sizes of comfort
    of_size: tuple[int, ...]  # by size: what every such session has at first
    most_points: int  # of one seat
    leaders_each: int
    at_once: int | None

    @property
    def people(self) -> int:
        return len(self.places)

    @property
    def largest(self) -> int:
        return self.sizes[-1]

    def part(self, places: Numbers) -> "Hall":
        """These people alone."""
        by_person = {
            "hours",
            "leads_at",
            "leads",
            "zones",
            "places",
            "weights",
            "most",
            "leanings",
            "shares",
            "listens",
        }
        last = {"eases", "mediums", "topics"}
        changes: dict[str, object] = {name: getattr(self, name)[places] for name in by_person}
        changes |= {name: getattr(self, name)[..., places] for name in last}
        changes["words"] = tuple(words[places] for words in self.words)
        changes["peers_words"] = tuple(words[places] for words in self.peers_words)
        changes["known"], changes["apart"] = self.known.among(places), self.apart.among(places)
        return replace(self, **changes)  # type: ignore[arg-type]

    @cached_property
    def overlapping(self) -> Truths:
        """By two starts: whether sessions at both would run at the same time."""
        return np.asarray(abs(self.starts[:, None] - self.starts[None]) < self.length)

    @cached_property
    def running(self) -> Truths:
        """By two starts: whether a session at the one runs at the other; of two that overlap, both do at the later."""
        return np.asarray(self.overlapping & (self.starts[None] >= self.starts[:, None]))


def hall_of(problem: Problem) -> Hall:
    """Everyone of the round.

    Raises:
        TooLarge: more people than fit into memory.
    """
    refuse_if_too_many(len(problem.participants), BYTES_EACH)
    crowd = Crowd(problem)
    program, people, terms = problem.program, problem.participants, crowd.terms
    sizes = tuple(range(program.smallest, min(program.largest, max(program.smallest, len(people))) + 1))
    names = list(dict.fromkeys(map(size_name, sizes)))
    offered = [place for place, medium in enumerate(MEDIUMS) if medium in program.mediums]
    allows = np.array([[p.comfort.allows_medium(MEDIUMS[m]) for p in people] for m in offered], bool)
    first = [next(size for size in sizes if size_name(size) == name) for name in names]
    fine = np.array([[p.comfort.allows_size(size) for p in people] for size in first], bool)
    eases = np.array([terms.eases(size)[offered] for size in first], np.int64)
    spoken = [bits_or_all([p.languages for p in people])] if requires(problem, "languages") else []
    asked = [bits_or_all([topics_of(p) for p in people])] if requires(problem, "topics") else []
    return Hall(
        places=np.arange(len(people)),
        starts=crowd.starts,
        length=crowd.length,
        hours=crowd.hours,
        leads_at=_leads_at(problem, crowd.starts),
        leads=np.array([p.facilitates if program.facilitators_per_session else 0 for p in people], np.int64),
        eases=np.where(allows[None] & fine[:, None], eases, NEVER),
        mediums=allows,
        topics=np.zeros_like(terms.topics[:1]) if terms.topics_count is MatchOn.IGNORE else terms.topics,
        differ=terms.topics_count is MatchOn.DIFFERENT,
        leanings=terms.leanings,
        tilt=terms.tilt,
        weights=np.array(list(weights_of(problem).values()), np.int64),
        most=np.array([p.most_sessions for p in people], np.int64),
        words=tuple(spoken),
        peers_words=tuple(asked),
        shares=np.array([p.role is not Role.LISTEN for p in people], bool),
        listens=np.array([p.role is not Role.SHARE for p in people], bool),
        needs_both=requires(problem, "roles"),
        known=crowd.acquainted,
        apart=crowd.keeping_apart,
        grids=crowd.grids,
        zones=crowd.zones,
        sizes=sizes,
        kinds=tuple(names.index(size_name(size)) for size in sizes),
        of_size=tuple(terms.of_size(size) for size in sizes),
        most_points=most_points_of_a_seat(program),
        leaders_each=program.facilitators_per_session,
        at_once=fit_at_once(problem),
    )


def _leads_at(problem: Problem, starts: Numbers) -> Truths:
    leads = np.zeros((len(problem.participants), len(starts)), bool)
    for place, person in enumerate(problem.participants):
        if person.facilitates and problem.program.facilitators_per_session:
            bits = possible_starts(problem, person)
            leads[place] = [bits >> start & 1 for start in starts.tolist()]
    return leads
