"""Imports point down only, each library has one home, and every module says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "peerhub"
MODULES = sorted(path for path in HOUSE.rglob("*.py") if "piccolo_migrations" not in path.parts)

MAY_IMPORT = {
    "domain": set(),
    "matching": {"domain"},
    "mail": {"domain"},
    "store": {"mail", "matching", "domain"},
    "actions": {"store", "mail", "matching", "domain"},
    "web": {"actions", "store", "mail", "domain"},
    "jobs": {"actions", "store", "mail", "domain"},
    "settings": {"mail"},
}
HOMES = {
    "piccolo": {"store"},
    "asyncpg": {"store"},
    "cryptography": {"store"},
    "ortools": {"matching"},
    "distributed": {"machines"},
    "litestar": {"web", "app", "demo"},
    "prometheus_client": {"web"},
    "icalendar": {"mail", "demo"},
    "recurring_ical_events": {"mail"},
    "aiosmtplib": {"mail"},
    "dkim": {"mail"},
    "aiosmtpd": {"demo", "jobs"},
    "click": {"cli", "match_command"},
}


def room(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_imports_point_down_only(layer: str) -> None:
    reached = {
        (str(path.relative_to(HOUSE)), name.split(".")[1])
        for path in MODULES
        if room(path) == layer
        for name in imported(path)
        if name.startswith("peerhub.")
    }

    assert [(file, other) for file, other in sorted(reached) if other not in MAY_IMPORT[layer] | {layer}] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = {room(path) for path in MODULES for name in imported(path) if name.split(".")[0] == library}

    assert users - HOMES[library] == set()
    assert users != set()


def test_the_domain_needs_only_the_standard_library() -> None:
    import sys

    outside = {
        name
        for path in MODULES
        if room(path) == "domain"
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names | {"peerhub"}
    }

    assert outside == set()


def test_nothing_below_reads_the_clock() -> None:
    readers = {
        str(path.relative_to(HOUSE))
        for path in MODULES
        if room(path) in {"domain", "matching", "mail", "store", "actions"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"} and _is_clock(node.value)
    }

    assert readers == set()


def _is_clock(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"datetime", "date"}


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(HOUSE)) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []
