"""The pages of members, and those that need nobody signed in."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from peerhub.web.members import (
    busy,
    checkins,
    crisis,
    feeds,
    home,
    invitations,
    letters,
    offers,
    profile,
    signup,
    start,
)

MEMBER_PAGES: Sequence[ControllerRouterHandler] = [
    *start.PAGES,
    *crisis.PAGES,
    *signup.PAGES,
    *home.PAGES,
    *profile.PAGES,
    *feeds.PAGES,
    *busy.PAGES,
    *invitations.PAGES,
    *checkins.PAGES,
    *letters.PAGES,
    *offers.PAGES,
]
