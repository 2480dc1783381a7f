"""What `/metrics` shows is what was counted, under names that are ours."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from jackfield.metrics import Figure, Metrics, Waiting

PUBLISHED = {
    "jackfield_ingest",
    "jackfield_ingest_ack_seconds",
    "jackfield_commit_seconds",
    "jackfield_commit_batch_size",
    "jackfield_attempts",
    "jackfield_messages",
    "jackfield_dead",
    "jackfield_redelivered",
    "jackfield_provider_lag_seconds",
    "jackfield_deliver_seconds",
    "jackfield_in_flight",
    "jackfield_duplicates_suppressed",
    "jackfield_webhook_signature_failures",
    "jackfield_oldest_pending_age_seconds",
}


def samples(metrics: Metrics) -> dict[str, float]:
    """Return each sample as `name{label=value}` with its number."""
    return {
        sample.name
        + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_every_published_name_is_there_before_anything_happened() -> None:
    families = text_string_to_metric_families(Metrics().render().decode())

    names = {family.name.removesuffix("_created") for family in families}

    assert names == PUBLISHED


def test_webhooks_are_counted_by_channel_and_result() -> None:
    metrics = Metrics()

    metrics.ingested("messenger", "accepted")
    metrics.ingested("messenger", "accepted", 3)
    metrics.ingested("whatsapp", "refused")

    shown = samples(metrics)
    assert shown["jackfield_ingest_total{channel=messenger}{result=accepted}"] == 4
    assert shown["jackfield_ingest_total{channel=whatsapp}{result=refused}"] == 1


def test_attempts_are_counted_by_class() -> None:
    metrics = Metrics()

    metrics.attempted("timed_out")
    metrics.attempted("timed_out")
    metrics.attempted("accepted")

    shown = samples(metrics)
    assert shown["jackfield_attempts_total{class=timed_out}"] == 2
    assert shown["jackfield_attempts_total{class=accepted}"] == 1


def test_what_is_observed_is_shown() -> None:
    metrics = Metrics()

    metrics.commit_batch_size.observe(64)
    metrics.commit_seconds.observe(0.004)
    metrics.ingest_ack_seconds.observe(0.01)
    metrics.deliver_seconds.observe(2)
    metrics.in_flight.inc()
    metrics.duplicates_suppressed_total.inc()
    metrics.webhook_signature_failures_total.inc()

    shown = samples(metrics)
    assert shown["jackfield_commit_batch_size_sum"] == 64
    assert shown["jackfield_commit_batch_size_bucket{le=32.0}"] == 0
    assert shown["jackfield_commit_seconds_sum"] == 0.004
    assert shown["jackfield_ingest_ack_seconds_count"] == 1
    assert shown["jackfield_deliver_seconds_count"] == 1
    assert shown["jackfield_in_flight"] == 1
    assert shown["jackfield_duplicates_suppressed_total"] == 1
    assert shown["jackfield_webhook_signature_failures_total"] == 1


def test_every_reason_to_wait_is_shown_and_falls_to_nothing_when_none_waits() -> None:
    metrics = Metrics()
    metrics.set_oldest_pending_ages({Waiting.HELD: 86_400, Waiting.READY: 3})

    metrics.set_oldest_pending_ages({Waiting.READY: 1.5})

    shown = samples(metrics)
    ages = {
        reason: shown[f"jackfield_oldest_pending_age_seconds{{reason={reason}}}"]
        for reason in Waiting
    }
    assert ages == dict.fromkeys(Waiting, 0) | {Waiting.READY: 1.5}


def test_a_figure_is_shown_once_somebody_looked_it_up_and_until_it_is_hidden() -> None:
    metrics = Metrics()
    before = samples(metrics).keys()

    metrics.show(Figure.AUDIT_DIFFERENCE, {"": 3})
    metrics.show(Figure.ENDPOINT_STATE, {"open": 2, "closed": 5})
    metrics.show(Figure.ENDPOINT_STATE, {"open": 1})
    shown = samples(metrics)
    metrics.hide(*Figure)

    assert {name: shown[name] for name in shown.keys() - before} == {
        "jackfield_audit_difference": 3,
        "jackfield_endpoint_state{state=open}": 1,
    }
    assert samples(metrics).keys() == before


def test_what_was_stored_is_counted_by_what_became_of_it() -> None:
    metrics = Metrics()

    metrics.tallied({"accepted": 3, "died": 2, "replayed": 1, "a name that is no metric": 9})
    metrics.tallied({"accepted": -1})
    metrics.retried_total.inc()

    shown = samples(metrics)
    assert shown["jackfield_messages_total{event=accepted}"] == 3
    assert shown["jackfield_messages_total{event=discarded}"] == 0
    assert shown["jackfield_dead_total"] == 2
    assert shown["jackfield_redelivered_total{reason=replay}"] == 1
    assert shown["jackfield_redelivered_total{reason=retry}"] == 1


def test_two_gateways_in_one_process_count_apart() -> None:
    busy, idle = Metrics(), Metrics()

    busy.duplicates_suppressed_total.inc()

    assert samples(idle)["jackfield_duplicates_suppressed_total"] == 0
