"""Whatever happens in whatever order: nothing is lost, and all is heard where it is bound."""

from __future__ import annotations

from pathlib import Path

from model.grounds import on_postgres, on_sqlite
from model.playing import play, profile


def test_the_gateway_does_as_the_model_says_on_sqlite(sqlite_template: Path) -> None:
    with on_sqlite(sqlite_template) as grounds:
        play(grounds, profile(examples=25))

    assert grounds.steps > 1_000


def test_the_gateway_does_as_the_model_says_on_postgres(postgres_url: str) -> None:
    with on_postgres(postgres_url) as grounds:
        play(grounds, profile(examples=12))

    assert grounds.steps > 500
