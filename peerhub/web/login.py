"""Sign in by a mailed link: opening it changes nothing, a button uses it up."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

PAGES: Sequence[ControllerRouterHandler] = []
