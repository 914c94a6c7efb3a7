"""A mail came in: what it says is acted on, once, and what became of it is one constant phrase."""

from datetime import datetime

from peerhub.actions.bounces import take_back
from peerhub.actions.invitations import answer_by_mail
from peerhub.mail.bounces import Bounce
from peerhub.mail.incoming import Ignored, Incoming
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.replies import Reply


async def take(mail: Incoming, head: Letterhead, now: datetime) -> str:
    """Act on a mail; when this returns, what it changed is on disk. The phrase quotes nothing of the mail."""
    match mail.content:
        case Reply() as reply:
            return (await answer_by_mail(reply, mail.name, head, now)).value
        case Bounce() as bounce:
            return (await take_back(bounce, now)).value
        case Ignored(why):
            return why
