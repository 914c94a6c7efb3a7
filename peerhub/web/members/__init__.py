"""The pages of members, and those that need nobody signed in."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from peerhub.web.members import start

MEMBER_PAGES: Sequence[ControllerRouterHandler] = [*start.PAGES]
