"""Links lead to our own pages and cannot be made up."""

from dataclasses import replace
from uuid import uuid4

import pytest

from peerhub.domain.refusals import NotFound
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead


def test_an_invitation_link_leads_back_to_its_seat(letterhead: Letterhead) -> None:
    seat = uuid4()

    link = links.rsvp_link(letterhead, seat)

    address, _, signed = link.rpartition("/")
    assert address == "https://peerhub.example/invitations"
    assert links.seat_of_link(letterhead, signed) == seat


def test_a_link_that_was_made_up_or_changed_leads_nowhere(letterhead: Letterhead) -> None:
    seat, other = uuid4(), uuid4()
    signed = links.rsvp_link(letterhead, seat).rpartition("/")[2]
    of_another_house = links.rsvp_link(replace(letterhead, signing_key=b"x" * 32), seat).rpartition("/")[2]
    made_up = [
        "", ".", seat.hex, signed[:-1], signed + "x", signed.replace(seat.hex, other.hex), of_another_house,
        "é" * 50, "\x00", "a" * 100_000, signed.upper(),
    ]  # fmt: skip

    for wrong in made_up:
        with pytest.raises(NotFound):
            links.seat_of_link(letterhead, wrong)


def test_tokens_travel_in_the_path(letterhead: Letterhead) -> None:
    assert links.token_link(letterhead, "confirm", "abc") == "https://peerhub.example/confirm/abc"
    assert links.token_link(letterhead, "sign-in", "abc") == "https://peerhub.example/sign-in/abc"
