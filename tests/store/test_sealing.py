"""What is sealed opens only where it belongs."""

from uuid import uuid4

import pytest

from peerhub.store import sealing
from peerhub.store.sealing import CannotOpen, Keyring
from peerhub.store.tables import Member
from tests.conftest import KEYRING


@pytest.fixture(autouse=True)
def _keys() -> None:
    sealing.use(KEYRING)


def test_what_is_sealed_opens_again() -> None:
    row = uuid4()

    sealed = sealing.seal("Ana \u2693", Member.sealed_name, row)

    assert sealing.open_text(sealed, Member.sealed_name, row) == "Ana \u2693"
    assert b"Ana" not in sealed


def test_a_value_moved_to_another_row_or_column_stays_shut() -> None:
    row = uuid4()
    sealed = sealing.seal("Ana", Member.sealed_name, row)

    for column, other in ((Member.sealed_name, uuid4()), (Member.sealed_address, row)):
        with pytest.raises(CannotOpen):
            sealing.open_text(sealed, column, other)


def test_the_newest_key_seals_and_the_older_ones_still_open() -> None:
    row = uuid4()
    old = sealing.seal("Ana", Member.sealed_name, row)

    sealing.use(Keyring({1: KEYRING.keys[1], 2: b"t" * 32}, KEYRING.hash_key))
    new = sealing.seal("Ana", Member.sealed_name, row)

    assert (old[0], new[0]) == (1, 2)
    assert sealing.open_text(old, Member.sealed_name, row) == sealing.open_text(new, Member.sealed_name, row) == "Ana"


def test_an_unknown_key_is_named_as_such() -> None:
    row = uuid4()
    sealed = sealing.seal("Ana", Member.sealed_name, row)

    sealing.use(Keyring({7: b"t" * 32}, KEYRING.hash_key))

    with pytest.raises(CannotOpen, match="key that is not here"):
        sealing.open_text(sealed, Member.sealed_name, row)


def test_an_address_is_found_in_any_case_and_only_with_the_key() -> None:
    hashed = sealing.address_hash(" Ana@Example.org")

    assert hashed == sealing.address_hash("ana@example.ORG")
    sealing.use(Keyring(KEYRING.keys, b"other" + b"h" * 27))
    assert hashed != sealing.address_hash("ana@example.org")


def test_a_keyring_never_shows_its_keys() -> None:
    assert repr(KEYRING) == "Keyring([1])"
