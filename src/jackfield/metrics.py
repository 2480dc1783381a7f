"""What the gateway counts and times, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Waiting(StrEnum):
    """Why something still waits, in `jackfield_oldest_pending_age_seconds`."""

    READY = "ready"
    BACKOFF = "backoff"
    THROTTLED = "throttled"
    BREAKER = "breaker"
    PAUSED = "paused"
    HELD = "held"
    UNREAD = "unread"
    UNKNOWN = "unknown"
    SPOOLED = "spooled"


class Figure(StrEnum):
    """What somebody looked up; it is not in `/metrics` before anybody did."""

    AUDIT_DIFFERENCE = "audit_difference"
    AUDIT_MESSAGES = "audit_messages"
    AUDIT_TIME = "audit_timestamp_seconds"
    ENDPOINT_STATE = "endpoint_state"
    WAL_BYTES = "wal_bytes"
    PG_DEAD_TUPLES = "pg_dead_tuples"
    PG_OLDEST_XMIN_AGE = "pg_oldest_xmin_age"


_FIGURES: Final[Mapping[Figure, tuple[str, str]]] = {
    Figure.AUDIT_DIFFERENCE: (
        "Messages that were accepted and are neither there nor ended; must be 0.",
        "",
    ),
    Figure.AUDIT_MESSAGES: ("Each term of the last audit.", "term"),
    Figure.AUDIT_TIME: ("When the last audit was, in seconds since 1970.", ""),
    Figure.ENDPOINT_STATE: ("URLs that something was sent to, by their state.", "state"),
    Figure.WAL_BYTES: ("Size of SQLite's write-ahead log.", ""),
    Figure.PG_DEAD_TUPLES: ("Rows that PostgreSQL has yet to vacuum.", "table"),
    Figure.PG_OLDEST_XMIN_AGE: ("Transactions since the oldest that holds up vacuum.", ""),
}
"""Of each figure its sentence and its label, "" where it has none."""

_EVENTS: Final = ("accepted", "delivered", "discarded", "reread")

_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LASTING = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 86_400.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

_LONGEST_LAG = 7 * 86_400.0
"""Seconds. Providers send again for a week; what is older by their clock says that it is wrong."""


class Metrics:
    """One registry and everything in it; every name begins with `jackfield_`.

    What has no labels is observed directly (`metrics.commit_seconds.observe(0.004)`). What has
    labels has a method, because finding a labelled child anew costs more than counting. Label
    values come from closed sets of ours, never from what somebody sent.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=True)
        self._ingest_total = _counter(
            "ingest",
            "Provider webhooks, by channel and by what became of them.",
            registry,
            "channel",
            "result",
        )
        self._attempts_total = _counter(
            "attempts", "Attempts to deliver, by the class of their outcome.", registry, "class"
        )
        self._messages_total = _counter(
            "messages", "Messages and kept pieces, by what became of them.", registry, "event"
        )
        self._redelivered_total = _counter(
            "redelivered", "Deliveries sent once more, by why.", registry, "reason"
        )
        self._oldest_pending_age = Gauge(
            "jackfield_oldest_pending_age_seconds",
            "Age of the oldest thing still to be done, by why it waits.",
            ("reason",),
            registry=registry,
        )
        self.ingest_ack_seconds = _timing(
            "ingest_ack", "From a provider's first byte to our answer.", _QUICK, registry
        )
        self.commit_seconds = _timing("commit", "One group commit.", _QUICK, registry)
        self.deliver_seconds = _timing(
            "deliver", "From our commit to the application's 2xx.", _LASTING, registry
        )
        self.provider_lag_seconds = _Lag(
            "jackfield_provider_lag_seconds",
            "From the oldest message of a webhook, by its provider's clock, to our reading it.",
            buckets=_LASTING,
            registry=registry,
        )
        self.commit_batch_size = Histogram(
            "jackfield_commit_batch_size",
            "Units of work in one group commit.",
            buckets=_SIZES,
            registry=registry,
        )
        self.in_flight = Gauge(
            "jackfield_in_flight", "Deliveries being attempted right now.", registry=registry
        )
        self.dead_total = _counter("dead", "Deliveries that were given up.", registry)
        self.duplicates_suppressed_total = _counter(
            "duplicates_suppressed",
            "Events a provider sent again and nobody was told again.",
            registry,
        )
        self.webhook_signature_failures_total = _counter(
            "webhook_signature_failures",
            "Provider webhooks refused because their signature was missing or wrong.",
            registry,
        )
        self._figures = _Figures()
        registry.register(self._figures)
        self._ingest: dict[tuple[str, str], Counter] = {}
        self._attempts: dict[str, Counter] = {}
        self._ages = {reason: self._oldest_pending_age.labels(reason) for reason in Waiting}
        self.retried_total = self._redelivered_total.labels("retry")
        self._by_tally = {event: self._messages_total.labels(event) for event in _EVENTS} | {
            "died": self.dead_total,
            "replayed": self._redelivered_total.labels("replay"),
        }

    def ingested(self, channel: str, result: str, amount: int = 1) -> None:
        """Count webhooks of `channel` (a provider) that met with `result`."""
        child = self._ingest.get((channel, result))
        if child is None:
            child = self._ingest[channel, result] = self._ingest_total.labels(channel, result)
        child.inc(amount)

    def attempted(self, outcome: str) -> None:
        """Count one attempt whose outcome is of this class."""
        child = self._attempts.get(outcome)
        if child is None:
            child = self._attempts[outcome] = self._attempts_total.labels(outcome)
        child.inc()

    def tallied(self, tallies: Mapping[str, int]) -> None:
        """Count what this process stored, by the names of `balance.Tally`.

        Some are no metric, and a counter of Prometheus' never falls.
        """
        for name, by in tallies.items():
            child = self._by_tally.get(name)
            if child is not None and by > 0:
                child.inc(by)

    def set_oldest_pending_ages(self, seconds: Mapping[Waiting, float]) -> None:
        """Set the age of what waits longest for each reason; what is not there waits for none."""
        for reason, gauge in self._ages.items():
            gauge.set(seconds.get(reason, 0.0))

    def show(self, figure: Figure, values: Mapping[str, float]) -> None:
        """Show a figure, by the values of its label, or under "" where it has none."""
        self._figures.shown[figure] = dict(values)

    def hide(self, *figures: Figure) -> None:
        """Show figures no longer: somebody else looks after them now."""
        for figure in figures:
            self._figures.shown.pop(figure, None)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format; its type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)


class _Lag(Histogram):
    """Observes what somebody else's clock says, as the bound where that cannot be so.

    One message of 1970 would make the mean of all useless for as long as the process runs.
    """

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        super().observe(min(max(amount, 0.0), _LONGEST_LAG), exemplar)


class _Figures(Collector):
    """Gauges that are only there once they have been set."""

    def __init__(self) -> None:
        self.shown: dict[Figure, Mapping[str, float]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for figure, values in self.shown.items():
            sentence, label = _FIGURES[figure]
            labels = [label] if label else []
            family = GaugeMetricFamily(f"jackfield_{figure}", sentence, labels=labels)
            for of, value in values.items():
                family.add_metric([of] if label else [], value)
            yield family


def _counter(name: str, sentence: str, registry: CollectorRegistry, *labels: str) -> Counter:
    return Counter(f"jackfield_{name}_total", sentence, labels, registry=registry)


def _timing(
    name: str, sentence: str, buckets: tuple[float, ...], registry: CollectorRegistry
) -> Histogram:
    full_name = f"jackfield_{name}_seconds"
    return Histogram(full_name, sentence, buckets=buckets, registry=registry)
