"""Crisis help that nobody has looked at for long says so."""

from dataclasses import replace
from datetime import date, timedelta

from peerhub.domain.crisis import FRESH_FOR, LINES


def test_an_entry_goes_stale_after_180_days() -> None:
    looked = date(2026, 11, 22)
    line = replace(LINES[0], checked_on=looked)

    assert not line.is_stale(looked + timedelta(days=180))
    assert line.is_stale(looked + timedelta(days=181))


def test_an_entry_that_nobody_checked_is_stale() -> None:
    assert replace(LINES[0], checked_on=None).is_stale(date(2026, 11, 22))


def test_every_entry_has_a_source_and_a_number_that_can_be_dialled() -> None:
    assert timedelta(days=180) == FRESH_FOR
    assert [line.name for line in LINES if not (line.site and line.dial.isdigit())] == []
    assert [line.name for line in LINES if bool(line.source) != bool(line.checked_on)] == []
