"""Metrics in the format of Prometheus, for who has the token: counts and ages, nothing about a person.

Requests are counted by the template of their route, never by their path, since paths carry tokens.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, TypeVar

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.types import Message, Scope
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from peerhub.domain.refusals import NotFound
from peerhub.store.figures import Figures, figures
from peerhub.web.asking import EVERYONE, AnyRequest

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})  # a stranger may invent any number of others
L = TypeVar("L", bound=tuple[str, ...])
Requests = Counter[tuple[str, str, str]]  # by method, route and status


async def count_request(message: Message, scope: Scope) -> None:
    """Count an answer as it leaves (a ``before_send`` hook)."""
    if message["type"] != "http.response.start":
        return
    asked = str(scope.get("method"))
    method = asked if asked in _METHODS else "other"
    route = scope.get("path_template") or "none"
    scope["litestar_app"].state.requests[method, route, str(message["status"])] += 1


@get("/metrics", opt=EVERYONE)
async def metrics(request: AnyRequest, now: NamedDependency[datetime]) -> Response[bytes]:
    """Not there without the token, nor where none is set."""
    token: str = request.app.state.metrics_token
    given = request.headers.get("authorization", "")
    if not token or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise NotFound("This page is not there.")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(_families(await figures(now), request.app.state.requests)))
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class _Told(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(told: Figures, requests: Requests) -> Iterator[Metric]:
    yield _gauge("letters", "Letters in the outbox.", ("state", "lane"), told.letters)
    yield _gauge("letters_oldest_due_seconds", "Age of the oldest due letter.", ("lane",), _alone(told.oldest_due))
    yield _gauge("letter_attempts", "Attempts at the letters that are kept.", ("lane",), _alone(told.attempts))
    yield _gauge("letter_ambiguous", "Letters that may have arrived twice.", ("lane",), _alone(told.ambiguous))
    yield _gauge("rounds", "Rounds by stage.", ("stage",), _alone(told.rounds))
    yield _gauge("reminders_missed", "Reminders nobody wrote in time.", ("kind",), _alone(told.missed_reminders))
    counted = CounterMetricFamily(
        "peerhub_requests", "Answers of this process, by route.", labels=("method", "route", "status")
    )
    for labels, answers in sorted(requests.items()):
        counted.add_metric(labels, answers)
    yield counted


def _gauge(name: str, words: str, labels: tuple[str, ...], values: Mapping[L, float]) -> Metric:
    family = GaugeMetricFamily(f"peerhub_{name}", words, labels=labels)
    for one, value in sorted(values.items()):
        family.add_metric(one, value)
    return family


def _alone(values: Mapping[str, float]) -> dict[tuple[str], float]:
    return {(label,): value for label, value in values.items()}
