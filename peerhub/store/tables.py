"""The schema on one page.

Ids are random UUIDs: opaque, and fit for an address. A column named ``sealed_…`` is encrypted at rest (``sealing``),
one named ``…_hash`` is keyed, so that a stolen dump names nobody. Times end in ``_at``. What must never be stored is
refused here, by the database, whoever asks.
"""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigSerial,
    Boolean,
    Bytea,
    Date,
    ForeignKey,
    Integer,
    SmallInt,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete
from piccolo.columns.indexes import IndexMethod
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from peerhub.store.engine import DB


def _one_of(column: str, *words: str) -> Check:
    return Check(f"{column} IN ({', '.join(repr(word) for word in words)})")


class Member(Table, db=DB):
    """A person of the community; organizer is a role that a member can hold."""

    id = UUID(primary_key=True)
    sealed_name = Bytea()
    sealed_address = Bytea()
    address_hash = Bytea(unique=True)
    time_zone = Varchar(length=64)
    role = Varchar(length=8, default="both")
    languages = Array(base_column=Varchar(length=16), default=list)
    most_sessions = SmallInt(default=1)
    stage = Varchar(length=12, default="unconfirmed")
    is_organizer = Boolean(default=False)
    discreet = Boolean(default=True)
    reminding = Varchar(length=4, default="day")
    created_at = Timestamptz()
    confirmed_at = Timestamptz(null=True, default=None)

    has_zone = Check("time_zone <> ''")
    has_role = _one_of("role", "share", "listen", "both")
    has_stage = _one_of("stage", "unconfirmed", "active", "paused", "suspended")
    has_reminding = _one_of("reminding", "day", "hour", "both")
    is_confirmed = Check("(stage = 'unconfirmed') = (confirmed_at IS NULL)")
    sessions_are_few = Check("most_sessions BETWEEN 1 AND 7")


class Consent(Table, db=DB):
    """What a member agreed to, in which version, and until when."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    purpose = Varchar(length=24)
    version = Varchar(length=16)
    given_at = Timestamptz()
    withdrawn_at = Timestamptz(null=True, default=None)

    has_purpose = _one_of("purpose", "agreement", "adult", "matching", "check_ins")
    one_consent_each = Unique(["member", "purpose", "version", "given_at"])
    ends_after_it_began = Check("withdrawn_at IS NULL OR withdrawn_at >= given_at")


class WeeklyHour(Table, db=DB):
    """Hours a member offers each week, in minutes of their own wall; day 0 is Monday."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    day = SmallInt()
    opens = SmallInt()
    closes = SmallInt()
    liking = Varchar(length=12)

    day_of_week = Check("day BETWEEN 0 AND 6")
    opens_before_it_closes = Check("0 <= opens AND opens < closes AND closes <= 1440")
    on_the_quarter = Check("opens % 15 = 0 AND closes % 15 = 0")
    has_liking = _one_of("liking", "good", "if_needed")
    one_weekly_hour_each = Unique(["member", "day", "opens"])


class DateAway(Table, db=DB):
    """A day on which a member is away, on their own wall."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    day = Date()

    one_date_away_each = Unique(["member", "day"])


class ComfortLevel(Table, db=DB):
    """How comfortable a member is with a size, a medium or a topic: 0 is never, 4 is gladly."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    facet = Varchar(length=8)
    name = Varchar(length=40)
    level = SmallInt()

    has_facet = _one_of("facet", "size", "medium", "topic")
    has_name = Check("name <> ''")
    has_level = Check("level BETWEEN 0 AND 4")
    one_comfort_level_each = Unique(["member", "facet", "name"])


class KeepApart(Table, db=DB):
    """A member's private wish never to be matched with someone.

    ``sealed_wish`` holds the other's address hash and how the member calls them; ``wish_hash`` is keyed with the
    member, so that nobody can join the two without the keys.
    """

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    sealed_wish = Bytea()
    wish_hash = Bytea(unique=True)
    created_at = Timestamptz()


class Program(Table, db=DB):
    """What an organizer runs; the place says how to join its sessions, until one of them says otherwise.

    Where it ``fills_seats``, a seat that somebody declines is offered to members of the round who have none.
    ``wordings`` are an organizer's own words for its letters, by the kind of letter; the others read as ours do.
    """

    id = UUID(primary_key=True)
    name = Varchar(length=80, unique=True)
    kind = Varchar(length=8)
    session_minutes = SmallInt(default=60)
    smallest = SmallInt()
    ideal = SmallInt()
    largest = SmallInt()
    facilitators_per_session = SmallInt(default=0)
    sessions_at_once = SmallInt(null=True, default=None)
    mediums = Array(base_column=Varchar(length=12))
    topics = Array(base_column=Varchar(length=40), default=list)
    sealed_place = Bytea(null=True, default=None)
    match_on = JSONB()
    weights = JSONB()
    is_open = Boolean(default=True)
    fills_seats = Boolean(default=False)
    wordings = JSONB(default="{}")
    created_at = Timestamptz()

    has_name = Check("name <> ''")
    has_kind = _one_of("kind", "buddies", "sessions")
    sizes_rise = Check("2 <= smallest AND smallest <= ideal AND ideal <= largest AND largest <= 50")
    has_length = Check("session_minutes BETWEEN 15 AND 480 AND session_minutes % 15 = 0")
    facilitators_fit = Check("facilitators_per_session BETWEEN 0 AND 4")
    some_at_once = Check("sessions_at_once IS NULL OR sessions_at_once >= 1")
    has_mediums = Check("cardinality(mediums) >= 1")
    wordings_are_short = Check("jsonb_typeof(wordings) = 'object' AND octet_length(wordings::text) <= 100000")


class Enrolment(Table, db=DB):
    """A member takes part in a program; ``facilitates`` is how many of its sessions they can lead in a week."""

    id = UUID(primary_key=True)
    program = ForeignKey(Program, null=False, on_delete=OnDelete.cascade)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    facilitates = SmallInt(default=0)
    enrolled_at = Timestamptz()
    left_at = Timestamptz(null=True, default=None)

    leads_some = Check("facilitates BETWEEN 0 AND 20")
    one_enrolment_each = Unique(["program", "member"])


class Round(Table, db=DB):
    """One matching of one program for one week, which is named by its Monday.

    While it is matching, a worker holds it with a lease; ``progress`` is what the page shows.
    """

    id = UUID(primary_key=True)
    program = ForeignKey(Program, null=False, on_delete=OnDelete.cascade)
    week = Date()
    stage = Varchar(length=12, default="open")
    opened_at = Timestamptz()
    progress = JSONB(null=True, default=None)
    lease = UUID(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    stop_asked_at = Timestamptz(null=True, default=None)
    published_at = Timestamptz(null=True, default=None)

    begins_on_monday = Check("EXTRACT(isodow FROM week) = 1")
    has_stage = _one_of("stage", "open", "matching", "proposed", "published", "closed")
    is_published = Check("(stage IN ('published', 'closed')) = (published_at IS NOT NULL)")
    is_leased = Check("(lease IS NULL) = (lease_until IS NULL)")
    one_round_each = Unique(["program", "week"])


class Joining(Table, db=DB):
    """A member's own yes to take part in one round."""

    id = UUID(primary_key=True)
    round = ForeignKey(Round, null=False, on_delete=OnDelete.cascade)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    joined_at = Timestamptz()

    one_joining_each = Unique(["round", "member"])


class Proposal(Table, db=DB):
    """One version of a round's proposal; the round's page shows the highest number, and undo takes it away."""

    id = UUID(primary_key=True)
    round = ForeignKey(Round, null=False, on_delete=OnDelete.cascade)
    number = Integer()
    made_by = Varchar(length=12)
    made_at = Timestamptz()
    content = JSONB()

    counts_up = Check("number >= 1")
    has_maker = _one_of("made_by", "matcher", "organizer")
    one_proposal_each = Unique(["round", "number"])


class Session(Table, db=DB):
    """A meeting of peers; ``place`` says how to join, once an organizer has said so.

    ``searched_at`` is when somebody was last looked for who could have a seat that was declined.
    """

    id = UUID(primary_key=True)
    round = ForeignKey(Round, null=False, on_delete=OnDelete.cascade)
    starts_at = Timestamptz(index=True)
    ends_at = Timestamptz()
    medium = Varchar(length=12)
    sealed_place = Bytea(null=True, default=None)
    stage = Varchar(length=12, default="planned")
    searched_at = Timestamptz(null=True, default=None)

    ends_after_it_starts = Check("ends_at > starts_at")
    has_medium = _one_of("medium", "video", "voice", "text", "in_person")
    has_stage = _one_of("stage", "planned", "cancelled")


class Seat(Table, db=DB):
    """One member in one session, and their answer to the invitation.

    ``uid`` is the calendar's name of the seat for life; ``sequence`` rises when its time or status changes.
    ``said_at`` is when the member gave their newest answer: by our clock on a page, by their calendar's in a mail.
    """

    id = UUID(primary_key=True)
    session = ForeignKey(Session, null=False, on_delete=OnDelete.cascade)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    part = Varchar(length=12, default="peer")
    rsvp = Varchar(length=8, default="waiting")
    answered_at = Timestamptz(null=True, default=None)
    said_at = Timestamptz(null=True, default=None)
    uid = Varchar(length=80, unique=True)
    sequence = Integer(default=0)
    removed_at = Timestamptz(null=True, default=None)

    has_part = _one_of("part", "peer", "facilitator")
    has_rsvp = _one_of("rsvp", "waiting", "yes", "no", "maybe")
    is_answered = Check("(rsvp = 'waiting') = (answered_at IS NULL)")
    sequence_counts_up = Check("sequence >= 0")
    one_seat_each = Unique(["session", "member"])


class Offer(Table, db=DB):
    """A seat that was declined, offered to a member of the round who has none.

    Whoever says yes first has the seat (``taken``); who says yes later waits, and is asked first next time.
    """

    id = UUID(primary_key=True)
    session = ForeignKey(Session, null=False, on_delete=OnDelete.cascade)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    state = Varchar(length=10, default="open")
    offered_at = Timestamptz()
    expires_at = Timestamptz()
    answered_at = Timestamptz(null=True, default=None)

    has_state = _one_of("state", "open", "taken", "waiting", "declined")
    is_answered = Check("(state = 'open') = (answered_at IS NULL)")
    ends_after_it_began = Check("expires_at > offered_at")
    one_offer_each = Unique(["session", "member"])


class Repair(Table, db=DB):
    """The smallest change of a published round that an organizer asked for: a worker looks for it, a person uses it.

    A round has one at a time; asking again makes another one of it, under an id of its own, so pages carry the id.
    ``content`` is the change, for as long as it may be used.
    """

    id = UUID(primary_key=True)
    round = ForeignKey(Round, null=False, unique=True, on_delete=OnDelete.cascade)
    stage = Varchar(length=8, default="asked")
    asked_at = Timestamptz()
    attempts = SmallInt(default=0)
    lease = UUID(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    content = JSONB(null=True, default=None)

    has_stage = _one_of("stage", "asked", "found", "failed", "used")
    is_leased = Check("(lease IS NULL) = (lease_until IS NULL) AND (lease IS NULL OR stage = 'asked')")
    has_content = Check("(stage = 'found') = (content IS NOT NULL)")
    counts_up = Check("attempts >= 0")


class Remark(Table, db=DB):
    """Something that a member's calendar asked for by mail and that only a person can decide."""

    id = UUID(primary_key=True)
    seat = ForeignKey(Seat, null=False, on_delete=OnDelete.cascade)
    asks_for = Varchar(length=12)
    proposed_at = Timestamptz(null=True, default=None)
    made_at = Timestamptz()
    done_at = Timestamptz(null=True, default=None)

    has_wish = _one_of("asks_for", "other_time", "news", "stand_in")


class CheckIn(Table, db=DB):
    """The few words after a session; nobody but the member reads the note."""

    id = UUID(primary_key=True)
    seat = ForeignKey(Seat, null=False, unique=True, on_delete=OnDelete.cascade)
    went = Varchar(length=8)
    again = Boolean(null=True, default=None)
    sealed_note = Bytea(null=True, default=None)
    checked_in_at = Timestamptz()

    has_answer = _one_of("went", "well", "okay", "badly", "not_met")


class Trust(Table, db=DB):
    """How far two people have come; ``first`` and ``second`` in the order of their ids. Each step needs both."""

    id = UUID(primary_key=True)
    first = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    second = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    step = Varchar(length=8, default="hello")
    first_wants = Varchar(length=8, default="hello")
    second_wants = Varchar(length=8, default="hello")
    moved_at = Timestamptz()

    in_order = Check('"first" < "second"')
    has_step = _one_of("step", "hello", "text", "call", "group")
    has_first_wish = _one_of("first_wants", "hello", "text", "call", "group")
    has_second_wish = _one_of("second_wants", "hello", "text", "call", "group")
    one_trust_each = Unique(["first", "second"])


class Letter(Table, db=DB):
    """The outbox: what a mail will say, until the mail server has accepted it.

    ``sealed_body`` holds the facts that it tells, encrypted. ``cause`` names the fact that caused it, so no fact can
    put in two letters. ``about`` is the calendar UID it speaks of, if any; letters about one UID leave in order.
    ``claimed_at`` says since when a worker has had it, ``tried_at`` when its present attempt began. ``fenced_at`` is
    set just before the body is sent: a lease that runs out behind it is ambiguous. ``lost`` counts the attempts that
    ended without an answer.
    """

    id = UUID(primary_key=True)
    number = BigSerial(unique=True)
    member = ForeignKey(Member, null=True, on_delete=OnDelete.cascade)
    kind = Varchar(length=24)
    cause = Varchar(length=200, unique=True)
    about = Varchar(length=80, null=True, default=None, index=True)
    lane = SmallInt(default=1)
    sealed_body = Bytea(null=True, default=None)
    message_id = Varchar(length=120, unique=True)
    state = Varchar(length=10, default="pending")
    due_at = Timestamptz()
    expires_at = Timestamptz()
    created_at = Timestamptz()
    lease = UUID(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)
    claimed_at = Timestamptz(null=True, default=None)
    tried_at = Timestamptz(null=True, default=None)
    fenced_at = Timestamptz(null=True, default=None)
    attempts = SmallInt(default=0)
    lost = SmallInt(default=0)
    ambiguous = SmallInt(default=0)
    ended_at = Timestamptz(null=True, default=None)
    trouble = Varchar(length=200, default="")

    has_state = _one_of("state", "pending", "sending", "sent", "failed", "expired", "cancelled", "held")
    has_lane = Check("lane IN (0, 1)")
    is_leased = Check("(state = 'sending') = (lease IS NOT NULL) AND (lease IS NULL) = (lease_until IS NULL)")
    is_ended = Check("(state IN ('sent', 'failed', 'expired', 'cancelled')) = (ended_at IS NOT NULL)")
    is_fenced_while_sending = Check("fenced_at IS NULL OR state IN ('sending', 'sent')")
    keeps_its_body = Check("sealed_body IS NOT NULL OR ended_at IS NOT NULL")
    counts_up = Check("attempts >= 0 AND ambiguous >= 0")
    losses_count_up = Check("lost >= 0")
    is_claimed_by_one_who_reads_facts = Check(  # so a worker of 0.1, which cannot, ends what it has and gets no more
        "state <> 'sending' OR claimed_at IS NOT NULL OR fenced_at IS NOT NULL"
    )


class Reminder(Table, db=DB):
    """A letter that the clock asked for: once for each seat, kind and time of its session.

    ``cause`` is that of its letter; it is null where nobody made one in time.
    """

    id = UUID(primary_key=True)
    seat = ForeignKey(Seat, null=False, on_delete=OnDelete.cascade)
    kind = Varchar(length=12)
    occurrence = Timestamptz(index=True)
    cause = Varchar(length=200, null=True, default=None, unique=True)
    made_at = Timestamptz()

    has_kind = _one_of("kind", "day_before", "hour_before", "nudge", "check_in")
    one_reminder_each = Unique(["seat", "kind", "occurrence"])


class Installation(Table, db=DB):
    """Where this database lives, in one row, so that a copy of it notices that it is one and holds its letters."""

    id = SmallInt(primary_key=True, default=1)
    home = Varchar(length=64)
    settled_at = Timestamptz()
    copied_at = Timestamptz(null=True, default=None)

    there_is_one = Check("id = 1")
    has_home = Check("home <> ''")


class ReadMail(Table, db=DB):
    """A mail to us that was acted on, so that its second copy changes nothing; only a hash of its name is kept."""

    id = UUID(primary_key=True)
    name_hash = Bytea(unique=True)
    read_at = Timestamptz()


class Unreached(Table, db=DB):
    """A member whose address gave letters back: how many lately, and since when it counts as out of reach."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, unique=True, on_delete=OnDelete.cascade)
    letters = SmallInt(default=0)
    first_at = Timestamptz()
    out_of_reach_at = Timestamptz(null=True, default=None)

    counts_up = Check("letters >= 0")


class Unwanted(Table, db=DB):
    """A kind of letter that a member does not want."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    kind = Varchar(length=12)
    since = Timestamptz()

    has_kind = _one_of("kind", "news", "reminders")
    one_unwanted_each = Unique(["member", "kind"])


class SignInLink(Table, db=DB):
    """A mailed link to sign in with: once, for ten minutes, in the browser that asked or with the code it showed."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    token_hash = Bytea(unique=True)
    browser_hash = Bytea(null=True, default=None)
    code_hash = Bytea(null=True, default=None)
    code_tries = SmallInt(default=0)
    created_at = Timestamptz()
    expires_at = Timestamptz()
    used_at = Timestamptz(null=True, default=None)

    ends_after_it_began = Check("expires_at > created_at")
    tries_are_few = Check("code_tries BETWEEN 0 AND 5")


class Login(Table, db=DB):
    """A browser that is signed in; only the hash of its cookie is kept."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    token_hash = Bytea(unique=True)
    created_at = Timestamptz()
    seen_at = Timestamptz()
    expires_at = Timestamptz()

    ends_after_it_began = Check("expires_at > created_at")


class BusyTime(Table, db=DB):
    """A stretch of a round's week in which an uploaded calendar says that a member is taken: from and to, no more."""

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    week = Date()
    starts_at = Timestamptz()
    ends_at = Timestamptz()

    begins_on_monday = Check("EXTRACT(isodow FROM week) = 1")
    ends_after_it_starts = Check("ends_at > starts_at")
    one_busy_time_each = Unique(["member", "week", "starts_at"])


class Feed(Table, db=DB):
    """A calendar that a member subscribes to at a secret address; an organizer's other one holds counts only.

    It is found by the hash of its token, which is sealed as well, so that its own member can be shown the address.
    """

    id = UUID(primary_key=True)
    member = ForeignKey(Member, null=False, on_delete=OnDelete.cascade)
    kind = Varchar(length=8)
    sealed_token = Bytea()
    token_hash = Bytea(unique=True)
    made_at = Timestamptz()

    has_kind = _one_of("kind", "own", "counts")
    one_feed_each = Unique(["member", "kind"])


class Quota(Table, db=DB):
    """How often something was asked for in a stretch of time, counted for all processes together."""

    id = UUID(primary_key=True)
    what = Varchar(length=24)
    key_hash = Bytea()
    window_at = Timestamptz()
    used = Integer(default=0)

    one_quota_each = Unique(["what", "key_hash", "window_at"])


class Audit(Table, db=DB):
    """Who did what, and when; rows are only ever added, a trigger refuses the rest."""

    id = UUID(primary_key=True)
    number = BigSerial(unique=True)
    at = Timestamptz(index=True, index_method=IndexMethod.btree)
    actor = UUID(null=True, default=None)
    action = Varchar(length=40)
    about = UUID(null=True, default=None)
    detail = JSONB()

    has_action = Check("action <> ''")


TABLES = [
    Member, Consent, WeeklyHour, DateAway, ComfortLevel, KeepApart,
    Program, Enrolment, Round, Joining, Proposal, Session, Seat, Offer, Repair, Remark, CheckIn, Trust,
    Letter, Reminder, Installation, ReadMail, Unreached, Unwanted, SignInLink, Login, BusyTime, Feed, Quota, Audit,
]  # fmt: skip
