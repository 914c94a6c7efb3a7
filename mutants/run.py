"""Breaks the outbox on purpose, one patch after the other, and shows which test notices: `make mutants`.

Each patch says in its first line what it breaks, and in its second which tests should see it. It is applied to a copy
of the tree, so nothing here changes. A mutant that no test notices makes the exit status 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
_TROUBLE = "pytest ended with"
COPIED = ("peerhub", "tests", "templates", "pyproject.toml", "piccolo_conf.py", "bench")


@dataclass(frozen=True)
class Mutant:
    """One way to break the outbox, and the tests that should notice."""

    name: str
    breaks: str
    tests: tuple[str, ...]
    patch: Path


def mutants() -> list[Mutant]:
    return [_mutant(path) for path in sorted(HERE.glob("*.patch"))]


def _mutant(path: Path) -> Mutant:
    breaks, tests, *_ = path.read_text().splitlines()
    return Mutant(path.stem, breaks.removeprefix("Breaks: "), tuple(tests.removeprefix("Tests: ").split()), path)


def copy_of_the_tree(to: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to / name)


def apply(mutant: Mutant, tree: Path, *, dry: bool = False) -> bool:
    """Whether the patch fits."""
    command = ["git", "apply", *(["--check"] if dry else []), str(mutant.patch)]
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}  # the tree is not part of a repository
    return subprocess.run(command, cwd=tree, env=outside, capture_output=True, check=False).returncode == 0


def who_notices(mutant: Mutant) -> str | None:
    """The first test that fails on the broken tree; None where none does.

    Trouble around a test, such as a machine too busy to start PostgreSQL, is no failure of it, and it is tried again.
    """
    noticed = None
    for _ in range(3):
        noticed = _tried(mutant)
        if noticed is None or not noticed.startswith(_TROUBLE):
            break
    return noticed


def _tried(mutant: Mutant) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        copy_of_the_tree(tree)
        if not apply(mutant, tree):
            return "the patch no longer applies"
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests],
            cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    failed = re.search(r"^FAILED \S+::(\S+)", ran.stdout, re.MULTILINE)
    if ran.returncode == 1 and failed:
        return failed[1]
    return None if ran.returncode == 0 else f"{_TROUBLE} {ran.returncode}"


def main() -> None:
    ask = argparse.ArgumentParser(description="Break the outbox on purpose.")
    ask.add_argument("names", nargs="*", help="only these")
    ask.add_argument("--at-once", type=int, default=1)
    asked = ask.parse_args()
    chosen = [one for one in mutants() if not asked.names or one.name in asked.names]
    survivors = 0
    with ThreadPoolExecutor(asked.at_once) as hands:
        for mutant, noticed in zip(chosen, hands.map(who_notices, chosen), strict=True):
            survivors += noticed is None or noticed.startswith(("the patch", _TROUBLE))
            print(f"{mutant.name:34} {mutant.breaks:76} {noticed or 'SURVIVES'}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} were noticed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
