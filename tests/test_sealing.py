"""What is sealed opens only where it was sealed, and only with its key."""

from __future__ import annotations

import base64
import os
import re
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jackfield.sealing import (
    Keyring,
    NoFittingKey,
    Place,
    Unsealable,
    UnusableKey,
    key_id,
    load_key_file,
    load_or_create_key_file,
    parse_master_key,
    replace_key_file,
    sealed_with,
)

OLD = bytes(range(32))
NEW = bytes(range(32, 64))
TOKEN = Place("accounts", 17, "access_token")

keys = st.binary(min_size=32, max_size=32)
places = st.builds(Place, st.text(), st.integers() | st.text(), st.text())


@given(keys, st.binary(), places)
def test_what_was_sealed_opens_at_its_place(key: bytes, plaintext: bytes, place: Place) -> None:
    keyring = Keyring([key])

    envelope = keyring.seal(plaintext, place=place)

    assert keyring.unseal(envelope, place=place) == plaintext


@given(places, places)
def test_it_opens_nowhere_else(sealed_at: Place, tried_at: Place) -> None:
    parts = (sealed_at.table, str(sealed_at.row), sealed_at.field)
    assume(parts != (tried_at.table, str(tried_at.row), tried_at.field))
    keyring = Keyring([OLD])
    envelope = keyring.seal(b"invented-token", place=sealed_at)

    with pytest.raises(Unsealable):
        keyring.unseal(envelope, place=tried_at)


def test_places_that_read_alike_when_run_together_are_different_places() -> None:
    keyring = Keyring([OLD])
    envelope = keyring.seal(b"invented-token", place=Place("accounts", 1, "7token"))

    with pytest.raises(Unsealable):
        keyring.unseal(envelope, place=Place("accounts", 17, "token"))


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_byte_of_an_envelope_can_be_changed(at: int, flip: int) -> None:
    keyring = Keyring([OLD, NEW])
    envelope = bytearray(keyring.seal(b"invented-token", place=TOKEN))

    envelope[at % len(envelope)] ^= flip

    with pytest.raises(Unsealable):
        keyring.unseal(bytes(envelope), place=TOKEN)


@given(st.binary(max_size=80))
def test_what_we_never_sealed_does_not_open(stranger: bytes) -> None:
    with pytest.raises(Unsealable):
        Keyring([OLD]).unseal(stranger, place=TOKEN)


def test_the_same_token_never_looks_the_same_twice() -> None:
    keyring = Keyring([OLD])

    envelopes = {keyring.seal(b"invented-token", place=TOKEN) for _ in range(100)}

    assert len(envelopes) == 100


def test_after_rotation_the_old_key_still_opens_and_the_new_one_seals() -> None:
    before = Keyring([OLD]).seal(b"invented-token", place=TOKEN)
    rotated = Keyring([NEW, OLD])

    after = rotated.seal(b"invented-token", place=TOKEN)

    assert rotated.unseal(before, place=TOKEN) == b"invented-token"
    assert Keyring([NEW]).unseal(after, place=TOKEN) == b"invented-token"


@given(st.binary(), places)
def test_what_is_sealed_anew_is_the_same_under_the_newest_key(
    plaintext: bytes, place: Place
) -> None:
    before = Keyring([OLD]).seal(plaintext, place=place)

    after = Keyring([NEW, OLD]).reseal(before, place=place)

    assert after is not None
    assert (sealed_with(before), sealed_with(after)) == (key_id(OLD), key_id(NEW))
    assert Keyring([NEW]).unseal(after, place=place) == plaintext
    assert Keyring([NEW, OLD]).reseal(after, place=place) is None


def test_a_value_of_another_place_is_not_sealed_anew_for_this_one() -> None:
    moved = Keyring([OLD]).seal(b"invented-token", place=Place("accounts", 18, "access_token"))

    with pytest.raises(Unsealable, match="accounts 17 access_token does not open"):
        Keyring([NEW, OLD]).reseal(moved, place=TOKEN)


@given(st.binary(max_size=80))
def test_any_bytes_name_a_key_or_none(stranger: bytes) -> None:
    named = sealed_with(stranger)

    assert named == (stranger[1:5].hex() if stranger[:1] == b"\x01" and len(stranger) > 4 else "")


def test_a_keyring_that_adopts_a_key_seals_with_it_and_opens_what_it_opened() -> None:
    keyring = Keyring([OLD])
    before = keyring.seal(b"invented-token", place=TOKEN)

    keyring.adopt([NEW, OLD])
    between = keyring.newest
    keyring.adopt([NEW])
    after = keyring.seal(b"invented-token", place=TOKEN)

    assert between == keyring.newest == sealed_with(after) == key_id(NEW)
    assert keyring.unseal(before, place=TOKEN) == b"invented-token"
    with pytest.raises(UnusableKey):
        keyring.adopt([])


def test_what_is_sealed_while_a_key_is_adopted_opens() -> None:
    keyring = Keyring([OLD])
    begun = Barrier(5)

    def seal(_: int) -> list[bytes]:
        begun.wait(timeout=30)
        return [keyring.seal(b"invented-token", place=TOKEN) for _ in range(2_000)]

    with ThreadPoolExecutor(5) as pool:
        sealing = [pool.submit(seal, turn) for turn in range(4)]
        begun.wait(timeout=30)
        for turn in range(500):
            keyring.adopt([NEW, OLD] if turn % 2 == 0 else [OLD, NEW])
        envelopes = [each for done in sealing for each in done.result()]

    both = Keyring([NEW, OLD])
    assert {both.unseal(each, place=TOKEN) for each in envelopes} == {b"invented-token"}


def test_what_does_not_open_is_named_by_its_place_and_key_and_not_quoted() -> None:
    envelope = Keyring([OLD]).seal(b"invented-token", place=TOKEN)
    key_id = envelope[1:5].hex()

    with pytest.raises(Unsealable) as caught:
        Keyring([NEW]).unseal(envelope, place=TOKEN)

    assert str(caught.value) == (
        f"accounts 17 access_token does not open (sealed with key {key_id}): "
        "that key is not at hand"
    )
    assert caught.value.place == TOKEN
    assert caught.value.key_id == key_id


def test_a_database_knows_its_keyring_again() -> None:
    check = Keyring([OLD]).check_value()

    matching = [Keyring(each).matches(check) for each in ([OLD], [NEW, OLD], [NEW])]

    assert matching == [True, True, False]


def test_hashes_outlive_the_rotation_of_the_master_key() -> None:
    check = Keyring([OLD]).check_value()

    before = Keyring([OLD]).digest_key("api secrets", check=check)
    after = Keyring([NEW, OLD]).digest_key("api secrets", check=check)

    assert before == after
    assert len(before) == 32


def test_every_purpose_and_every_database_has_a_digest_key_of_its_own() -> None:
    keyring = Keyring([OLD])
    one, other = keyring.check_value(), keyring.check_value()

    digest_keys = {
        keyring.digest_key("api secrets", check=one),
        keyring.digest_key("idempotency", check=one),
        keyring.digest_key("api secrets", check=other),
    }

    assert len(digest_keys) == 3


def test_a_database_under_another_key_is_refused_in_a_sentence() -> None:
    check = Keyring([OLD]).check_value()

    with pytest.raises(NoFittingKey) as caught:
        Keyring([NEW]).digest_key("api secrets", check=check)

    assert re.fullmatch(
        r"the database was made under master key [0-9a-f]{8}, and only [0-9a-f]{8} is at hand: "
        r"set JACKFIELD_MASTER_KEY to its key, or put its key file back",
        str(caught.value),
    )


def test_a_damaged_check_value_is_not_mistaken_for_a_missing_key() -> None:
    check = Keyring([OLD]).check_value()

    with pytest.raises(NoFittingKey, match=r"although key [0-9a-f]{8} is at hand"):
        Keyring([OLD]).digest_key("api secrets", check=check[:-1] + b"\0\0")


@pytest.mark.parametrize("key_list", [[], [b"short"], [OLD, OLD]])
def test_a_keyring_takes_only_different_keys_of_32_bytes(key_list: list[bytes]) -> None:
    with pytest.raises(UnusableKey):
        Keyring(key_list)


@given(st.lists(keys, min_size=1, max_size=4), st.data())
def test_keys_are_read_from_hexadecimal_and_every_base64(
    key_list: list[bytes], data: st.DataObject
) -> None:
    spellings = st.sampled_from(
        [
            bytes.hex,
            lambda key: base64.b64encode(key).decode(),
            lambda key: base64.urlsafe_b64encode(key).decode(),
            lambda key: base64.urlsafe_b64encode(key).decode().rstrip("="),
        ]
    )
    text = ", ".join(data.draw(spellings)(key) for key in key_list)

    assert parse_master_key(text) == tuple(key_list)


@pytest.mark.parametrize("word", ["secretive", "00" * 31, "zz" * 32, "00" * 33, "ключ"])
def test_a_key_that_cannot_be_read_is_counted_and_not_quoted(word: str) -> None:
    with pytest.raises(UnusableKey) as caught:
        parse_master_key(f"{OLD.hex()},{word}")

    assert str(caught.value) == (
        "key 2 of 2 is not 32 bytes in hexadecimal or base64; make one with: openssl rand -hex 32"
    )


def test_no_key_at_all_says_how_to_make_one() -> None:
    with pytest.raises(UnusableKey, match="make one with: openssl rand -hex 32"):
        parse_master_key(" , ")


def test_a_new_database_gets_a_key_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"

    made = load_or_create_key_file(path, for_new_database=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_key_file(path, for_new_database=False) == made
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"
    path.touch(0o600)
    path.write_text(f"{NEW.hex()}\n{OLD.hex()}\n")

    found = load_or_create_key_file(path, for_new_database=True)

    assert found == (NEW, OLD)


def test_many_who_make_the_key_file_at_once_all_get_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"
    together = Barrier(8)

    def make(_: int) -> tuple[bytes, ...]:
        together.wait(timeout=30)
        return load_or_create_key_file(path, for_new_database=True)

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(make, range(8)))

    assert len(made) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_no_key_is_made_for_a_database_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"

    with pytest.raises(NoFittingKey, match="put the file back, or set JACKFIELD_MASTER_KEY"):
        load_or_create_key_file(path, for_new_database=False)

    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "jackfield.key"
    path.write_text(OLD.hex())
    path.chmod(mode)

    with pytest.raises(UnusableKey, match=re.escape(f"chmod 600 {path}")):
        load_or_create_key_file(path, for_new_database=False)


def test_a_key_file_without_a_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"
    path.touch(0o600)

    with pytest.raises(UnusableKey, match=re.escape(f"{path} cannot be used: no master key")):
        load_or_create_key_file(path, for_new_database=True)


def test_the_key_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "jackfield.key"
    usual = os.umask(0)

    try:
        load_or_create_key_file(path, for_new_database=True)
    finally:
        os.umask(usual)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key file that holds the old key."""
    path = tmp_path / "jackfield.key"
    path.touch(0o600)
    path.write_text(f"{OLD.hex()}\n")
    return path


def test_a_key_file_is_replaced_whole_and_stays_private(key_file: Path) -> None:
    usual = os.umask(0)

    try:
        replace_key_file(key_file, [NEW, OLD])
    finally:
        os.umask(usual)

    assert load_key_file(key_file) == (NEW, OLD)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]


def test_what_an_interrupted_replacement_left_is_no_matter(key_file: Path) -> None:
    key_file.with_name(".jackfield.key.next").write_text("half a k")

    replace_key_file(key_file, [NEW])

    assert load_key_file(key_file) == (NEW,)
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_key_file_that_is_a_link_is_replaced_where_it_leads(
    key_file: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "jackfield.key"
    link.symlink_to(key_file)

    replace_key_file(link, [NEW, OLD])

    assert link.is_symlink()
    assert load_key_file(key_file) == (NEW, OLD)


REPLACING = """
import sys
from pathlib import Path
from jackfield import crashpoints
from jackfield.sealing import load_key_file, replace_key_file
crashpoints.arm(sys.argv[2])
replace_key_file(Path(sys.argv[1]), [bytes(range(32, 64)), *load_key_file(Path(sys.argv[1]))])
"""


@pytest.mark.parametrize(("hit", "keys"), [(1, (OLD,)), (2, (NEW, OLD))], ids=["before", "after"])
def test_a_kill_leaves_the_old_file_or_the_new_one(
    key_file: Path, hit: int, keys: tuple[bytes, ...]
) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", REPLACING, str(key_file), f"key-file-changing:{hit}"], check=False
    )

    assert done.returncode == -signal.SIGKILL
    assert load_key_file(key_file) == keys
    replace_key_file(key_file, [NEW])
    assert list(key_file.parent.iterdir()) == [key_file]
