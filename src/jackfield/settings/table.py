"""The table of settings: each one's name, meaning, default and reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jackfield.sealing import UnusableKey, parse_master_key
from jackfield.settings import values


class SettingError(Exception):
    """A setting cannot be used; the sentence names it and what it takes, and no secret."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}")
        self.setting = setting


class Source(StrEnum):
    """Where a setting's value comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    OPTION = "option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row: how a setting is called, what it does, how it is read and shown.

    Without a `default` it may stay unset, which gives `unset`; `instead` says what happens then.
    """

    name: str
    does: str
    takes: str
    read: Callable[[str], object] = str
    default: str = ""
    unset: object = None
    instead: str = ""
    show: Callable[[Any], str] = str
    is_secret: bool = False

    @property
    def variable(self) -> str:
        return f"JACKFIELD_{self.name.upper()}"

    def read_from(self, environ: Mapping[str, str], *, override: object) -> object:
        """Return the value, from `override` if that is not None; raise `SettingError`."""
        if override is not None:
            return self._read(str(override), called=f"--{self.name.replace('_', '-')}")
        text = environ.get(self.variable, "").strip() or self.default
        return self._read(text, called=self.variable) if text else self.unset

    def source(self, environ: Mapping[str, str], *, override: object) -> Source:
        """Return where `read_from` takes the value from."""
        if override is not None:
            return Source.OPTION
        is_given = bool(environ.get(self.variable, "").strip())
        return Source.ENVIRONMENT if is_given else Source.DEFAULT

    def _read(self, text: str, *, called: str) -> object:
        try:
            return self.read(text)
        except UnusableKey as error:
            raise SettingError(called, str(error)) from None
        except ValueError:
            given = "its value" if self.is_secret else repr(text)
            raise SettingError(called, f"{given} cannot be used; it takes {self.takes}") from None


SETTINGS = (
    Setting(
        name="data",
        does="Where the SQLite database, its key file and the command socket live.",
        takes="a directory, made if it is not there",
        read=values.path,
        instead="the user's data directory",
    ),
    Setting(
        name="database_url",
        does="The database.",
        takes="`sqlite:///FILE` (a fourth slash begins an absolute path) or `postgresql://…`",
        read=values.database_url,
        instead="`jackfield.sqlite3` in the data directory",
        show=values.without_password,
        is_secret=True,
    ),
    Setting(
        name="master_key",
        does="Seals credentials in the database. PostgreSQL needs it. See `jackfield keys`.",
        takes="32 bytes in hexadecimal or base64; several are parted by commas, newest first",
        read=parse_master_key,
        unset=(),
        instead="a key file beside the SQLite database",
        show=values.masked,
        is_secret=True,
    ),
    Setting(
        name="host",
        does="The address to listen on.",
        takes="an address or a name",
        read=values.visible,
        default="127.0.0.1",
    ),
    Setting(
        name="port",
        does="The port to listen on; 0 takes a free one.",
        takes="a whole number from 0 to 65535",
        read=values.whole_number(0, 65_535),
        default="8080",
    ),
    Setting(
        name="public_url",
        does="The base of absolute links, as the world outside reaches this gateway.",
        takes="an http or https URL without query",
        read=values.web_url,
        instead="what the request's host says",
    ),
    Setting(
        name="tls",
        does="Serves https, certified by an authority of its own, in `tls` in the data directory.",
        takes="`true` or `false`",
        read=values.yes_or_no,
        default="false",
        show=values.yes_or_no_in_words,
    ),
    Setting(
        name="tls_cert",
        does="Serves https with this certificate; goes with `JACKFIELD_TLS_KEY`.",
        takes="a file in PEM, its chain included",
        read=values.path,
        instead="none",
    ),
    Setting(
        name="tls_key",
        does="The private key of that certificate.",
        takes="a file in PEM",
        read=values.path,
        instead="none",
    ),
    Setting(
        name="trusted_proxies",
        does="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        takes="networks such as `10.1.0.0/16`, parted by commas",
        read=values.networks,
        default="127.0.0.1/32,::1/128",
        show=values.networks_in_words,
    ),
    Setting(
        name="operations_token",
        does="Opens `/metrics` and the reasons in `/readyz` to others than loopback.",
        takes="visible ASCII without spaces",
        read=values.visible,
        instead="loopback only",
        show=values.masked,
        is_secret=True,
    ),
    Setting(
        name="ownership",
        does="What makes an account its tenant's: the provider's word, or the tenant's own.",
        takes="`prove` or `trust`",
        read=values.Ownership,
        default="prove",
    ),
    Setting(
        name="mask_access_tokens",
        does="Hides access tokens in answers, even from the account's owner.",
        takes="`true` or `false`",
        read=values.yes_or_no,
        default="false",
        show=values.yes_or_no_in_words,
    ),
    Setting(
        name="hold_retention",
        does="How long a message waits for a link before it is given up.",
        takes="a time such as `30s`, `15m`, `12h`, `7d`, at most ten years",
        read=values.duration,
        default="7d",
        show=values.duration_in_words,
    ),
    Setting(
        name="message_retention",
        does="How long a delivered message is kept, from when it was accepted.",
        takes="a time such as `12h` or `30d`, at most ten years, or `off`: for ever",
        read=values.duration_or_off,
        default="30d",
        show=values.duration_or_off_in_words,
    ),
    Setting(
        name="dead_retention",
        does="How long what was given up is kept, and what was written to nobody's account.",
        takes="a time such as `12h` or `30d`, at most ten years, or `off`: for ever",
        read=values.duration_or_off,
        default="30d",
        show=values.duration_or_off_in_words,
    ),
    Setting(
        name="attempt_retention",
        does="How long the attempts of a delivered message are kept.",
        takes="a time such as `12h` or `7d`, at most ten years, or `off`: as long as the message",
        read=values.duration_or_off,
        default="7d",
        show=values.duration_or_off_in_words,
    ),
    Setting(
        name="egress_allow",
        does="Private networks that outgoing requests may reach.",
        takes="networks such as `127.0.0.0/8` (loopback) or `10.1.0.0/16`, parted by commas",
        read=values.networks,
        unset=(),
        instead="none",
        show=values.networks_in_words,
    ),
    Setting(
        name="in_flight",
        does="How many deliveries are attempted at the same time.",
        takes="a whole number from 1 to 4096",
        read=values.whole_number(1, 4_096),
        default="256",
    ),
    Setting(
        name="url_concurrency",
        does="How many of them may go to one URL of one tenant at the same time.",
        takes="a whole number from 1 to 4096",
        read=values.whole_number(1, 4_096),
        default="64",
    ),
    Setting(
        name="url_rate",
        does="How many deliveries one URL of one tenant gets in a second, at most.",
        takes="a whole number from 1 to 100000",
        read=values.whole_number(1, 100_000),
        default="1000",
    ),
    Setting(
        name="order_hold",
        does="How long a conversation waits for one message that its URL refuses, taking others.",
        takes="a time such as `30s`, `15m`, `12h`, `7d`, at most ten years",
        read=values.duration,
        default="15m",
        show=values.duration_in_words,
    ),
    Setting(
        name="pool",
        does="Connections for reading, on PostgreSQL.",
        takes="a whole number from 1 to 64",
        read=values.whole_number(1, 64),
        default="4",
    ),
    Setting(
        name="log_level",
        does="The least important events that are logged.",
        takes="`debug`, `info`, `warning` or `error`",
        read=values.LogLevel,
        default="info",
    ),
    Setting(
        name="log_format",
        does="How log lines look; `auto` is `console` on a terminal and `json` elsewhere.",
        takes="`auto`, `json` or `console`",
        read=values.LogFormat,
        default="auto",
    ),
    Setting(
        name="crash_at",
        does="Kills the process at a named point in the code. For crash tests only.",
        takes="`NAME` or `NAME:N`, with a name from `src/jackfield/crashpoints.py`",
        instead="never",
    ),
)
