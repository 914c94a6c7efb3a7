"""The mutants of the outbox are kept: each patch still applies, says what it breaks, and names tests that are there."""

from pathlib import Path

import pytest

from mutants.run import Mutant, apply, copy_of_the_tree, mutants


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    copy_of_the_tree(tree)
    return tree


def test_there_are_enough_of_them() -> None:
    assert len(mutants()) >= 12


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_mutant_still_applies_and_names_its_tests(mutant: Mutant, tree: Path) -> None:
    assert apply(mutant, tree, dry=True)
    assert mutant.breaks.endswith(".")
    assert [test for test in mutant.tests if not (tree / test.partition("::")[0]).exists()] == []
