"""The pages of organizers: programs, rounds, proposals, sessions and letters."""

from litestar import Router

from peerhub.web.asking import ORGANIZERS
from peerhub.web.organizers.letters import PAGES as LETTERS
from peerhub.web.organizers.programs import PAGES as PROGRAMS
from peerhub.web.organizers.proposals import PAGES as PROPOSALS
from peerhub.web.organizers.repairs import PAGES as REPAIRS
from peerhub.web.organizers.rounds import PAGES as ROUNDS
from peerhub.web.organizers.sessions import PAGES as SESSIONS
from peerhub.web.organizers.wording import PAGES as WORDING

ORGANIZER_PAGES = Router(
    "/", route_handlers=[*PROGRAMS, *ROUNDS, *PROPOSALS, *REPAIRS, *SESSIONS, *WORDING, *LETTERS], opt=ORGANIZERS
)
