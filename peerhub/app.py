"""The web application: wiring only."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from litestar.types import ControllerRouterHandler

from peerhub.mail.letterhead import Letterhead
from peerhub.settings import Settings
from peerhub.web import asking, browser, headers, login, metrics, pages, refusals
from peerhub.web.members import MEMBER_PAGES
from peerhub.web.organizers import ORGANIZER_PAGES

MOST_BYTES = 256 * 1024  # of a request's body; a week of hours is the largest form


def create_app(
    settings: Settings,
    letterhead: Letterhead,
    *,
    clock: Callable[[], datetime] = asking.clock,
    more: Sequence[ControllerRouterHandler] = (),
) -> Litestar:
    """Everything that answers over HTTP; ``more`` are further pages, such as the demo's mailbox.

    The caller brings up the database and the keys before.
    """
    return Litestar(
        route_handlers=[
            create_static_files_router("/static", [Path(pages.STATIC)], opt=asking.EVERYONE),
            *login.PAGES,
            *MEMBER_PAGES,
            ORGANIZER_PAGES,
            metrics.metrics,
            *more,
        ],
        guards=[browser.form_is_ours, asking.door],
        dependencies=asking.DEPENDENCIES,
        exception_handlers=refusals.HANDLERS,
        before_send=[headers.add_headers, metrics.count_request],
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(pages.environment(letterhead))),
        state=State(
            {
                "clock": clock,
                "head": letterhead,
                "is_https": settings.base_url.startswith("https:"),
                "trusted_proxies": settings.trusted_proxies,
                "is_demo": settings.demo,
                "metrics_token": settings.metrics_token,
                "requests": metrics.Requests(),
                "is_stopping": False,  # pages that tell of something for long end then
            }
        ),
        request_max_body_size=MOST_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
