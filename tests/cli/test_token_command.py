"""The `token` command as a real process: what it prints is what an application calls with."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from auth.signing import APPLICATION, private_pem, public_pem
from cli.programs import Programs
from jackfield.auth import Signatures, parse_bearer

ACL = '{"paths": {"/*/chatapp-accounts/**": {"methods": ["GET"]}}}'


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "private.key"
    path.write_text(private_pem())
    return str(path)


def test_the_token_alone_is_printed_and_opens(programs: Programs, key_file: str) -> None:
    made = programs.run("token", APPLICATION, "--key", key_file)

    token = parse_bearer(f"Bearer {made.out.strip()}")
    assert token is not None
    assert Signatures().is_signed(token, public_pem())
    assert made.err.startswith("It is good until 20")
    assert made.code == 0


def test_the_key_may_come_from_standard_input_and_the_list_from_the_line(
    programs: Programs,
) -> None:
    options = ("--key", "-", "--ttl", "1h", "--acl", ACL, "--json")
    made = programs.run("token", APPLICATION, *options, stdin=private_pem())

    claims = jwt.decode(made.json["token"], public_pem(), algorithms=["RS256"])
    assert claims["exp"] - claims["iat"] == 3_600
    assert claims["acl"]["paths"].keys() == {"/*/chatapp-accounts/**"}
    assert made.json.keys() == {"token", "expires_at"}
    assert made.err == ""


def test_the_list_may_come_from_a_file(programs: Programs, key_file: str, tmp_path: Path) -> None:
    (tmp_path / "acl.json").write_text(ACL + "\n")

    made = programs.run(
        *("token", APPLICATION, "--key", key_file, "--json"),
        *("--acl", str(tmp_path / "acl.json")),
    )

    claims = jwt.decode(made.json["token"], public_pem(), algorithms=["RS256"])
    assert claims["acl"]["paths"] == {"/*/chatapp-accounts/**": {"methods": ["GET"]}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("desk",), "UUID"),
        ((APPLICATION, "--ttl", "25h"), "24 hours at most"),
        ((APPLICATION, "--ttl", "soon"), "90s, 15m or 24h"),
        ((APPLICATION, "--acl", "{}"), "The acl must be JSON like"),
        ((APPLICATION, "--acl", "nothing.json"), "nothing.json: No such file"),
        ((APPLICATION, "--key", "nothing.key"), "nothing.key: No such file"),
        ((APPLICATION, "--key", "README.md"), "no RSA private key"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_printed(
    programs: Programs, key_file: str, arguments: tuple[str, ...], words: str
) -> None:
    refused = programs.run("token", "--key", key_file, *arguments)

    assert refused.out == ""
    assert refused.code in {1, 2}
    assert words in refused.err
    assert "Traceback" not in refused.err


def test_help_shows_an_example(programs: Programs) -> None:
    assert "--key private.key" in programs.run("token", "--help").out
