"""What the gateway counts and times, for `/metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Waiting(StrEnum):
    """Why something still waits, in `jackfield_oldest_pending_age_seconds`."""

    READY = "ready"
    BACKOFF = "backoff"
    THROTTLED = "throttled"
    BREAKER = "breaker"
    HELD = "held"
    UNREAD = "unread"
    SPOOLED = "spooled"


_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LASTING = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 86_400.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """One registry and everything in it; every name begins with `jackfield_`.

    What has no labels is observed directly (`metrics.commit_seconds.observe(0.004)`). What has
    labels has a method, because finding a labelled child anew costs more than counting. Label
    values come from closed sets of ours, never from what somebody sent.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=True)
        self._ingest_total = Counter(
            "jackfield_ingest_total",
            "Provider webhooks, by channel and by what became of them.",
            ("channel", "result"),
            registry=registry,
        )
        self._attempts_total = Counter(
            "jackfield_attempts_total",
            "Attempts to deliver, by the class of their outcome.",
            ("class",),
            registry=registry,
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
        self.commit_batch_size = Histogram(
            "jackfield_commit_batch_size",
            "Units of work in one group commit.",
            buckets=_SIZES,
            registry=registry,
        )
        self.in_flight = Gauge(
            "jackfield_in_flight", "Deliveries being attempted right now.", registry=registry
        )
        self.duplicates_suppressed_total = Counter(
            "jackfield_duplicates_suppressed_total",
            "Events a provider sent again and nobody was told again.",
            registry=registry,
        )
        self.webhook_signature_failures_total = Counter(
            "jackfield_webhook_signature_failures_total",
            "Provider webhooks refused because their signature was missing or wrong.",
            registry=registry,
        )
        self._ingest: dict[tuple[str, str], Counter] = {}
        self._attempts: dict[str, Counter] = {}
        self._ages = {reason: self._oldest_pending_age.labels(reason) for reason in Waiting}

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

    def set_oldest_pending_ages(self, seconds: Mapping[Waiting, float]) -> None:
        """Set the age of what waits longest for each reason; what is not there waits for none."""
        for reason, gauge in self._ages.items():
            gauge.set(seconds.get(reason, 0.0))

    def render(self) -> bytes:
        """Return everything in Prometheus' text format; its type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def _timing(
    name: str, sentence: str, buckets: tuple[float, ...], registry: CollectorRegistry
) -> Histogram:
    full_name = f"jackfield_{name}_seconds"
    return Histogram(full_name, sentence, buckets=buckets, registry=registry)
