"""Settings are read from one place, explained in one table, refused in clear sentences."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import FOREVER
from jackfield.settings import (
    SETTINGS,
    LogFormat,
    LogLevel,
    Ownership,
    Setting,
    SettingError,
    Settings,
    unknown_variables,
    values,
)
from jackfield.settings.manual import markdown

ROOT = Path(__file__).parent.parent
KEY = "a5" * 32


def read(**environ: str) -> Settings:
    return Settings.from_environment(
        {f"JACKFIELD_{name.upper()}": text for name, text in environ.items()}
    )


def test_an_empty_environment_gives_the_published_defaults() -> None:
    settings = read(data="/srv/jackfield")

    assert settings == Settings(
        data=Path("/srv/jackfield"),
        database_url="sqlite:////srv/jackfield/jackfield.sqlite3",
        master_key=(),
        host="127.0.0.1",
        port=8080,
        public_url=None,
        tls=False,
        tls_cert=None,
        tls_key=None,
        trusted_proxies=(ip_network("127.0.0.1/32"), ip_network("::1/128")),
        operations_token=None,
        ownership=Ownership.PROVE,
        mask_access_tokens=False,
        hold_retention=timedelta(days=7),
        message_retention=timedelta(days=30),
        dead_retention=timedelta(days=30),
        attempt_retention=timedelta(days=7),
        egress_allow=(),
        in_flight=256,
        url_concurrency=64,
        url_rate=1000,
        order_hold=timedelta(minutes=15),
        pool=4,
        log_level=LogLevel.INFO,
        log_format=LogFormat.AUTO,
        crash_at=None,
    )


def test_without_a_directory_the_users_own_is_taken() -> None:
    settings = read()

    assert settings.data == platformdirs.user_data_path("jackfield", appauthor=False)
    assert settings.sqlite_file == settings.data / "jackfield.sqlite3"


def test_every_setting_can_be_set() -> None:
    settings = read(
        data="relative",
        database_url="postgresql://gateway@db.example/jackfield",
        master_key=f"{KEY},{'00' * 32}",
        host="::1",
        port="0",
        public_url="https://chat.example:8443/gateway/",
        tls="on",
        tls_cert="/srv/chat.pem",
        tls_key="/srv/chat.key",
        trusted_proxies="10.2.0.0/16",
        operations_token="let-me-look",
        ownership="trust",
        mask_access_tokens="yes",
        hold_retention="36h",
        message_retention="90d",
        dead_retention="off",
        attempt_retention="12h",
        egress_allow="10.1.0.0/16, fd00::/8, 192.0.2.7",
        in_flight="1",
        url_concurrency="2",
        url_rate="3",
        order_hold="4m",
        pool="64",
        log_level="debug",
        log_format="json",
        crash_at="answered:3",
    )

    assert settings == Settings(
        data=Path.cwd() / "relative",
        database_url="postgresql://gateway@db.example/jackfield",
        master_key=(bytes.fromhex(KEY), bytes(32)),
        host="::1",
        port=0,
        public_url="https://chat.example:8443/gateway",
        tls=True,
        tls_cert=Path("/srv/chat.pem"),
        tls_key=Path("/srv/chat.key"),
        trusted_proxies=(ip_network("10.2.0.0/16"),),
        operations_token="let-me-look",
        ownership=Ownership.TRUST,
        mask_access_tokens=True,
        hold_retention=timedelta(hours=36),
        message_retention=timedelta(days=90),
        dead_retention=FOREVER,
        attempt_retention=timedelta(hours=12),
        egress_allow=(ip_network("10.1.0.0/16"), ip_network("fd00::/8"), ip_network("192.0.2.7")),
        in_flight=1,
        url_concurrency=2,
        url_rate=3,
        order_hold=timedelta(minutes=4),
        pool=64,
        log_level=LogLevel.DEBUG,
        log_format=LogFormat.JSON,
        crash_at="answered:3",
    )
    assert settings.sqlite_file is None


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_an_empty_variable_is_the_same_as_none(setting: Setting) -> None:
    assert Settings.from_environment({setting.variable: " "}) == Settings.from_environment({})


def test_a_commands_option_wins_over_the_variable(tmp_path: Path) -> None:
    environ = {"JACKFIELD_PORT": "9000", "JACKFIELD_HOST": "::1", "JACKFIELD_DATA": "elsewhere"}

    settings = Settings.from_environment(environ, port=9001, data=tmp_path, host=None)

    assert (settings.port, settings.host, settings.data) == (9001, "::1", tmp_path)
    assert settings.sqlite_file == tmp_path / "jackfield.sqlite3"


def test_an_option_that_is_no_setting_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no such setting: colour"):
        Settings.from_environment({}, colour="blue")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data", "~nobody-by-this-name/data"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "8o80"),
        ("port", "٨٠٨٠"),
        ("port", "9" * 5_000),
        ("host", "two words"),
        ("public_url", "chat.example"),
        ("public_url", "ftp://chat.example"),
        ("public_url", "https://user@chat.example"),
        ("public_url", "https://chat.example/?a=b"),
        ("public_url", "https://chat.example:99999"),
        ("ownership", "maybe"),
        ("mask_access_tokens", "perhaps"),
        ("hold_retention", "7"),
        ("hold_retention", "0s"),
        ("hold_retention", "999999999d"),
        ("hold_retention", "1.5h"),
        ("egress_allow", "10.0.0.1/8"),
        ("egress_allow", "inside.example"),
        ("in_flight", "0"),
        ("pool", "65"),
        ("log_level", "INFORMATION"),
        ("log_format", "xml"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_with_what_can(name: str, text: str) -> None:
    setting = next(each for each in SETTINGS if each.name == name)

    with pytest.raises(SettingError) as caught:
        read(**{name: text})

    assert str(caught.value) == (
        f"{setting.variable}: {text!r} cannot be used; it takes {setting.takes}"
    )
    assert caught.value.setting == setting.variable


@pytest.mark.parametrize(
    "name",
    [
        "hold_retention",
        "message_retention",
        "dead_retention",
        "attempt_retention",
        "order_hold",
    ],
)
def test_a_time_that_is_too_long_is_refused_with_the_longest_there_is(name: str) -> None:
    with pytest.raises(SettingError, match=r"'3651d' cannot be used; .* at most ten years"):
        read(**{name: "3651d"})


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:canary@db.example/x",
        "postgresql+asyncpg://root:canary@db.example/x",
        "postgresql://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://canary",
        "canary",
    ],
)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(database_url=url)

    assert str(caught.value).startswith("JACKFIELD_DATABASE_URL: its value cannot be used")
    assert "canary" not in str(caught.value)


def test_a_master_key_that_cannot_be_used_says_how_to_make_one() -> None:
    with pytest.raises(SettingError) as caught:
        read(master_key="canary")

    assert str(caught.value) == (
        "JACKFIELD_MASTER_KEY: key 1 of 1 is not 32 bytes in hexadecimal or base64; "
        "make one with: openssl rand -hex 32"
    )


def test_a_wrong_option_is_refused_by_the_options_name() -> None:
    with pytest.raises(SettingError, match=r"^--in-flight: 'many' cannot be used"):
        Settings.from_environment({}, in_flight="many")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_variable_that_lacks_a_letter_is_known_for_the_setting_it_is_near(
    setting: Setting,
) -> None:
    name = setting.variable.removeprefix("JACKFIELD_")
    misspelt = [f"JACKFIELD_{name[:n]}{name[n + 1 :]}" for n in range(len(name))]

    unknown = unknown_variables(dict.fromkeys(misspelt, "1"))

    assert unknown == dict.fromkeys(misspelt, setting.variable)


def test_a_variable_that_is_near_to_no_setting_is_told_without_one() -> None:
    assert unknown_variables({"JACKFIELD_FOO": "1"}) == {"JACKFIELD_FOO": None}


def test_settings_empty_variables_and_those_of_others_are_not_told() -> None:
    environ = dict.fromkeys((setting.variable for setting in SETTINGS), "x")

    unknown = unknown_variables(environ | {"JACKFIELD_FOO": " ", "HOME": "/root"})

    assert unknown == {}


def test_a_listing_masks_what_is_secret() -> None:
    settings = read(
        data="/srv/jackfield",
        master_key=KEY,
        operations_token="canary-token",
        egress_allow="10.1.0.0/16,fd00::/8",
        hold_retention="90m",
    )

    listing = dict(settings.listing())

    assert listing["JACKFIELD_MASTER_KEY"] == "***"
    assert listing["JACKFIELD_OPERATIONS_TOKEN"] == "***"
    assert listing["JACKFIELD_EGRESS_ALLOW"] == "10.1.0.0/16,fd00::/8"
    assert listing["JACKFIELD_HOLD_RETENTION"] == "90m"
    assert listing["JACKFIELD_MASK_ACCESS_TOKENS"] == "false"
    assert listing["JACKFIELD_PUBLIC_URL"] == ""
    assert listing["JACKFIELD_DATABASE_URL"] == "sqlite:////srv/jackfield/jackfield.sqlite3"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_no_password_before_the_host_of_a_database_is_ever_shown(password: str) -> None:
    shown = values.without_password(f"postgresql://gateway:canary{password}y@db.example/jackfield")

    assert shown == "postgresql://gateway:***@db.example/jackfield"


def test_no_password_behind_the_name_of_a_database_is_ever_shown() -> None:
    settings = read(database_url="postgresql://db.example/jackfield?a=b&password=canary&c=d")

    shown = dict(settings.listing())["JACKFIELD_DATABASE_URL"]

    assert shown == "postgresql://db.example/jackfield?a=b&password=***&c=d"


def test_settings_that_end_up_in_a_traceback_show_no_secret() -> None:
    settings = read(
        master_key=KEY,
        operations_token="canary-token",
        database_url="postgresql://gateway:canary@db.example/jackfield",
    )

    assert "JACKFIELD_DATABASE_URL=postgresql://gateway:***@db.example/jackfield" in repr(settings)
    assert "canary" not in repr(settings)
    assert KEY not in repr(settings)


@given(st.integers(1, 9_999), st.sampled_from("smhd"))
def test_a_time_in_words_reads_back_as_itself(count: int, unit: str) -> None:
    length = values.duration(f"{min(count, 3_650)}{unit}")

    assert values.duration(values.duration_in_words(length)) == length


def test_every_setting_has_a_row_and_every_row_is_a_setting() -> None:
    fields = [field.name for field in dataclasses.fields(Settings)]

    assert [setting.name for setting in SETTINGS] == fields


def test_the_manual_is_what_the_table_says() -> None:
    # To write it anew, print `markdown()` into that file.
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == markdown()
