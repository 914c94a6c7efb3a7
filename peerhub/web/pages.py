"""How a template becomes a page: where templates live, and what each of them may use besides its own context."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from peerhub.domain.members import Member
from peerhub.domain.wall import day_in_words
from peerhub.mail.letterhead import Letterhead
from peerhub.web import browser

TEMPLATES: Final = Path(__file__).parents[2] / "templates"
STATIC: Final = Path(__file__).parent / "static"


def environment(head: Letterhead) -> Environment:
    """Jinja as every page uses it: escaped, and strict about names that nobody gave."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        community=head.community,
        form_token=_form_token,
        asker=_asker,
        has_login=_has_login,
        static=_static,
        is_demo=_is_demo,
    )
    env.filters.update(iso=_iso, day=day_in_words)
    return env


@pass_context
def _form_token(context: Context) -> Markup:
    """The hidden field that every form carries."""
    token = browser.form_token(context["request"])
    return Markup('<input type="hidden" name="{}" value="{}">').format(browser.TOKEN_FIELD, token)


@pass_context
def _asker(context: Context) -> Member | None:
    """Who is signed in, as far as this request has looked: it never asks the database."""
    signed_in = context["request"].scope["state"].get("signed_in")
    return signed_in.member if signed_in else None


@pass_context
def _has_login(context: Context) -> bool:
    """Whether this browser says that it is signed in; a page that is open to everyone need not know more."""
    return browser.login_of(context["request"]) is not None


@pass_context
def _is_demo(context: Context) -> bool:
    return bool(context["request"].app.state.is_demo)


def _static(name: str) -> str:
    """The address of one of our files, with a mark of its content, so that a change is seen at once."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def _iso(moment: datetime) -> str:
    return moment.isoformat()
