"""What this installation chose; the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jackfield.settings.table import SETTINGS, Setting, SettingError, Source
from jackfield.settings.values import SQLITE, LogFormat, LogLevel, Network, Ownership

__all__ = [
    "SETTINGS",
    "LogFormat",
    "LogLevel",
    "Network",
    "Ownership",
    "Setting",
    "SettingError",
    "Settings",
    "Source",
    "sources",
    "unknown_variables",
]

_PREFIX = "JACKFIELD_"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """One value for each row of `SETTINGS`, where each is explained."""

    data: Path
    database_url: str
    master_key: tuple[bytes, ...]
    host: str
    port: int
    public_url: str | None
    tls: bool
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[Network, ...]
    operations_token: str | None
    ownership: Ownership
    mask_access_tokens: bool
    hold_retention: timedelta
    message_retention: timedelta
    dead_retention: timedelta
    attempt_retention: timedelta
    egress_allow: tuple[Network, ...]
    in_flight: int
    url_concurrency: int
    url_rate: int
    order_hold: timedelta
    pool: int
    log_level: LogLevel
    log_format: LogFormat
    crash_at: str | None

    @staticmethod
    def from_environment(environ: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
        """Return the settings of `environ`, an empty variable being the same as none.

        An override that is not None wins and is read as the variable's text would be:
        `from_environment(port=8081, data=path)`. Raises `SettingError` for a value that cannot
        be used, TypeError for an override that is no setting.
        """
        unknown = overrides.keys() - {setting.name for setting in SETTINGS}
        if unknown:
            raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {
            setting.name: setting.read_from(environ, override=overrides.get(setting.name))
            for setting in SETTINGS
        }
        values["data"] = values["data"] or _user_data_directory()
        values["database_url"] = (
            values["database_url"] or f"{SQLITE}{values['data']}/jackfield.sqlite3"
        )
        return Settings(**values)

    @property
    def sqlite_file(self) -> Path | None:
        """Where the SQLite database is, or None if the database is PostgreSQL."""
        if not self.database_url.startswith(SQLITE):
            return None
        return Path(self.database_url.removeprefix(SQLITE)).absolute()

    def listing(self) -> Iterator[tuple[str, str]]:
        """Give each variable with its value in words: secrets masked, nothing if not set."""
        for setting in SETTINGS:
            value = getattr(self, setting.name)
            yield setting.variable, "" if value in (None, ()) else setting.show(value)

    def __repr__(self) -> str:
        return f"<Settings {' '.join(f'{name}={value}' for name, value in self.listing())}>"


def sources(environ: Mapping[str, str] = os.environ, **overrides: object) -> dict[str, Source]:
    """Return where each variable's value comes from, given what `from_environment` was given."""
    return {
        setting.variable: setting.source(environ, override=overrides.get(setting.name))
        for setting in SETTINGS
    }


def unknown_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Return each of our variables that is no setting, with the one it is near to, if any.

    An empty variable counts as not set here too. Values are nobody's business.
    """
    named = {name for name, text in environ.items() if name.startswith(_PREFIX) and text.strip()}
    unknown = sorted(named - {setting.variable for setting in SETTINGS})
    return {name: _nearest(name) for name in unknown}


def _nearest(variable: str) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - start-up counts; seldom needed

    # What all of them begin with would make any two of them alike.
    names = [setting.name.upper() for setting in SETTINGS]
    near = get_close_matches(variable.removeprefix(_PREFIX).upper(), names, n=1, cutoff=0.7)
    return f"{_PREFIX}{near[0]}" if near else None


def _user_data_directory() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - start-up counts; seldom needed

    return user_data_path("jackfield", appauthor=False)
