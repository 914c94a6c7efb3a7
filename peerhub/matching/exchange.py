"""Improve the sessions of a large round by exchange: one person of each gets up, and all sit down again at best.

Once somebody of each session stands, what a session is worth depends on who sits down there and on nobody else who
stands. So the best way to seat everyone who stands, and who had no seat, is an assignment, which is found exactly
however many they are. Nothing can get worse, as everyone may sit down where they sat. Who gets up is drawn anew each
time: a search in a very large neighbourhood (Ahuja, Ergun, Orlin and Punnen 2002).
"""

from typing import Final

import numpy as np

from peerhub.matching.aside import assigned
from peerhub.matching.hall import Hall
from peerhub.matching.seating import NOBODY, Company, Seating
from peerhub.matching.terms import Numbers, Truths

FREE_SEAT: Final = 0.5  # how often a free seat is offered, for each time that a given person gets up


def exchanged(
    hall: Hall, seating: Seating, waiting: Numbers, draw: np.random.Generator, beside: Seating | None = None
) -> tuple[Seating, Numbers]:
    """The sessions after one exchange, and who waits then.

    ``waiting`` are people who have no seat; ``beside`` are other sessions, which stay as they are.
    """
    rising = _who_gets_up(seating, draw)
    some = np.flatnonzero(rising != NOBODY)
    rising = rising[some]
    people = seating.people.copy()
    standing = people[some, rising]
    people[some, rising] = NOBODY
    here = standing != NOBODY
    standing = np.concatenate([standing[here], waiting])
    company = Company(hall, seating[some].with_people(people[some]))
    offers = _offers(hall, seating.and_also(beside) if beside else seating, company, standing)
    seats = _assigned(company, standing, *offers)
    people[some, rising] = np.where(seats == NOBODY, NOBODY, np.append(standing, NOBODY)[seats])
    rest = np.ones(len(standing), bool)
    rest[seats[seats != NOBODY]] = False
    return seating.with_people(people), standing[rest]


def joined(hall: Hall, seating: Seating, willing: Numbers, may: Truths) -> Seating:
    """The sessions after the best one of those who are willing has come to each that has a free seat.

    ``may`` says by person and start who could come.
    """
    free = np.flatnonzero(seating.sizes < hall.largest)
    some = seating[free]
    company = Company(hall, some)
    session, who, worth = _offers(hall, seating, company, willing)
    better = (worth > company.worth[session]) & may[willing[who], some.starts[session]]
    seats = _assigned(company, willing, session[better], who[better], worth[better])
    people = seating.people.copy()
    people[free, (some.people == NOBODY).argmax(axis=1)] = np.append(willing, NOBODY)[seats]
    return seating.with_people(people)


def _who_gets_up(seating: Seating, draw: np.random.Generator) -> Numbers:
    """By session: the place of a person who is not held, or of a free seat; ``NOBODY`` where there is neither."""
    chances = draw.random(seating.people.shape)
    free = seating.people == NOBODY
    first_free = free & (free.cumsum(axis=1) == 1)
    chances = np.where(free, np.where(first_free, chances ** (1 / FREE_SEAT), -1), chances)
    chances[seating.held] = -1
    places = chances.argmax(axis=1)
    return np.where(chances.max(axis=1, initial=-1) < 0, NOBODY, places)


def _offers(hall: Hall, seating: Seating, company: Company, standing: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Which session could take whom, by their places among these; and what it would be worth then."""
    who, session = np.nonzero(hall.hours[standing][:, company.starts] >= 0)
    may = ~leading_then(hall, seating, standing)[who, company.starts[session]]
    who, session = who[may], session[may]
    worth = company.worth_with(session, standing[who])
    good = worth > 0
    return session[good], who[good], worth[good]


def leading_then(hall: Hall, seating: Seating, people: Numbers) -> Truths:
    """By person and start: whether they lead a session that would run at the same time."""
    busy = np.zeros((len(people), len(hall.starts)), bool)
    for row in np.flatnonzero(np.isin(people, seating.leaders)):
        for start in seating.starts[(seating.leaders == people[row]).any(axis=1)].tolist():
            busy[row] |= hall.overlapping[start]
    return busy


def _assigned(company: Company, standing: Numbers, session: Numbers, who: Numbers, worth: Numbers) -> Numbers:
    """By session: the place of who sits down there among those who stand, or ``NOBODY``; worth the most together.

    Everyone who stands may stay standing, and a session that may go on without anyone may do so: for each session there
    is a chair for that on the other side, and each person who stays takes the chair of nobody's session, or one that a
    session left for them.
    """
    sessions, people = len(company.sizes), len(standing)
    alone = company.worth
    goes_on = np.flatnonzero(alone > 0)
    stays = np.arange(people)
    mates = assigned(
        sessions + people,
        np.concatenate([session, goes_on, sessions + stays, sessions + who]),
        np.concatenate([who, people + goes_on, stays, people + session]),
        np.concatenate([-worth, -alone[goes_on], np.zeros(people + len(who), np.int64)]),
    )[:sessions]  # there always is one: everyone can sit down where they sat
    return np.where(mates < people, mates, NOBODY)
