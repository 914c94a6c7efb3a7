"""The pages of organizers: programs, rounds, proposals and sessions."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from peerhub.web.organizers.programs import PAGES as PROGRAMS
from peerhub.web.organizers.proposals import PAGES as PROPOSALS
from peerhub.web.organizers.rounds import PAGES as ROUNDS
from peerhub.web.organizers.sessions import PAGES as SESSIONS

ORGANIZER_PAGES: Sequence[ControllerRouterHandler] = [*PROGRAMS, *ROUNDS, *PROPOSALS, *SESSIONS]
