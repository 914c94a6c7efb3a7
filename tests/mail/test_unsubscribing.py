"""Letters that one can do without say so in a way that mail programs understand (RFC 8058); the others do not."""

import email
from datetime import datetime
from email.policy import SMTP
from uuid import uuid4

import pytest

from peerhub.domain.refusals import NotFound
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.message import compose
from tests.mail.cast import ANA
from tests.mail.test_letters import ALL

OPTIONAL = {
    "round_opens": Subscription.NEWS, "reminder": Subscription.REMINDERS, "nudge": Subscription.REMINDERS,
    "check_in_request": Subscription.CHECK_INS,
}  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_one_click_ends_the_letters_that_one_can_do_without(kind: str, letterhead: Letterhead, now: datetime) -> None:
    letter = ALL[kind](letterhead, ANA, now)

    headers = email.message_from_bytes(compose(letter, letterhead, "<1@peerhub.example>", now), policy=SMTP)

    if kind not in OPTIONAL:
        assert (headers["List-Unsubscribe"], headers["List-Unsubscribe-Post"]) == (None, None)
        assert "unsubscribe" not in letter.text + letter.html
        return
    link = str(headers["List-Unsubscribe"])[1:-1]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.startswith("https://peerhub.example/unsubscribe/")
    assert links.subscription_of_link(letterhead, link.rpartition("/")[2]) == (ANA.member_id, OPTIONAL[kind])
    assert (letter.text.count(link), letter.html.count(link)) == (1, 1)


def test_a_link_is_good_for_its_own_use_only(letterhead: Letterhead) -> None:
    one = uuid4()
    signed = {
        "letters": links.letters_page(letterhead, one),
        "offer": links.offer_link(letterhead, one),
        "invitation": links.rsvp_link(letterhead, one),
        "unsubscribe": links.unsubscribe_link(letterhead, one, Subscription.NEWS),
    }
    readers = {
        "letters": links.member_of_letters_page,
        "offer": links.offer_of_link,
        "invitation": links.seat_of_link,
        "unsubscribe": links.subscription_of_link,
    }

    for use, link in signed.items():
        for other, read in readers.items():
            if use == other:
                read(letterhead, link.rpartition("/")[2])
                continue
            with pytest.raises(NotFound):
                read(letterhead, link.rpartition("/")[2])
