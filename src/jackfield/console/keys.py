"""The operator's commands about master keys: what is sealed under which, and sealing it anew.

A rotation is several commands, each whole by itself: `begin`, `reseal` again and again, `finish`.
Whoever is cut short begins again, and goes on where values are still under an old key.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from jackfield.app import Gateway, key_file
from jackfield.console.checks import invalid
from jackfield.console.key_orders import (
    BeginRotation,
    FinishRotation,
    KeyLine,
    KeySource,
    KeysShown,
    Reseal,
    Resealed,
    RotationBegun,
    RotationFinished,
    ShowKeys,
)
from jackfield.crashpoints import Crashpoint, reach
from jackfield.problems import Conflict
from jackfield.sealing import (
    KEY_BYTES,
    SealingError,
    Unsealable,
    key_id,
    load_key_file,
    replace_key_file,
    sealed_with,
)
from jackfield.storage import sealed
from jackfield.units import Steps, unit

log = structlog.get_logger()

SLICE: Final = 100
"""Values per transaction: few enough that the hot path never waits long behind one."""

LASTING: Final = 2.0
"""Seconds that one `reseal` may work before it says how far it is."""

_COUNTED: Final = 2_000
"""Values that are counted at once: on SQLite nobody else has a turn meanwhile."""


async def show_keys(gateway: Gateway, order: ShowKeys) -> KeysShown:  # noqa: ARG001 - takes nothing
    """Return the ids of the keys and how many values are under each."""
    path = key_file(gateway.settings)
    at_hand = [key_id(key) for key in _keys(gateway, path)]
    values = await _counted(gateway)
    damaged = values.pop("", 0)
    ids = [*at_hand, *sorted(values.keys() - set(at_hand))]
    return KeysShown(
        source=_source(path),
        file=None if path is None else str(path),
        keys=[
            KeyLine(
                id=each,
                at_hand=each in at_hand,
                seals=each == gateway.keys.newest,
                values=values[each],
            )
            for each in ids
        ],
        damaged=damaged,
    )


async def begin_rotation(gateway: Gateway, order: BeginRotation) -> RotationBegun:  # noqa: ARG001 - takes nothing
    """Seal with a new key from now on, and know the old ones still.

    A key file gets a new key, unless it has several: then a rotation was cut short, which goes
    on. Where the environment has the keys, the new one must be there already. Raises Conflict.
    """
    path = key_file(gateway.settings)
    keys = gateway.settings.master_key if path is None else _with_new_key(gateway, path)
    if len(keys) == 1:
        raise _only_one_key(key_id(keys[0]))
    # What was sealed a moment ago may still wait for its commit; behind this one it is there.
    await gateway.store.commit(_nothing())
    newest, *old = [key_id(key) for key in keys]
    log.info("keys.rotating", newest=newest, old=old)
    return RotationBegun(
        source=_source(path),
        newest=newest,
        old=old,
        values=await gateway.store.read(sealed.count()),
    )


async def reseal(
    gateway: Gateway,
    order: Reseal,
    *,
    size: int = SLICE,
    lasting: float = LASTING,
) -> Resealed:
    """Seal anew what is under an old key, slice after slice for about `lasting` seconds.

    What somebody changes meanwhile is not overwritten: he has sealed it with the newest key.
    What does not open is left as it is, and said. Raises Invalid for a table that is none.
    """
    here: Reseal | None = order
    ends = time.monotonic() + lasting
    looked_at = resealed = 0
    shut: list[str] = []
    while here is not None:
        done = await _reseal_slice(gateway, here, size=size)
        looked_at += done.looked_at
        resealed += done.resealed
        shut += done.shut
        here = done.next
        if time.monotonic() >= ends:
            break
        # On SQLite a slice that needs no write never waits, and others want to be served.
        await asyncio.sleep(0)
    return Resealed(looked_at=looked_at, resealed=resealed, shut=shut, next=here)


async def finish_rotation(gateway: Gateway, order: FinishRotation) -> RotationFinished:  # noqa: ARG001 - takes nothing
    """Look whether everything is under the newest key; if so, take the others out of the file.

    Raises Conflict where the key file or the newest key is another than it was before looking.
    """
    newest = gateway.keys.newest
    left = await _counted(gateway)
    left.pop(newest, None)
    path = key_file(gateway.settings)
    old = [key_id(key) for key in _keys(gateway, path) if key_id(key) != newest]
    if path is not None and not left:
        _take_old_keys_out(gateway, path, newest=newest)
        log.info("keys.rotated", newest=newest, removed=old)
    return RotationFinished(
        newest=newest,
        left=left,
        old=old,
        file=None if path is None else str(path),
    )


async def _reseal_slice(gateway: Gateway, here: Reseal, *, size: int) -> Resealed:
    table = sealed.TABLES[0] if here.table is None else here.table
    if table not in sealed.TABLES:
        raise invalid("table", f"table is one of: {', '.join(sealed.TABLES)}")
    values = await gateway.store.read(sealed.values(table, after=here.after, limit=size))
    anew: list[tuple[sealed.SealedValue, bytes]] = []
    shut: list[str] = []
    for value in values:
        try:
            envelope = gateway.keys.reseal(value.envelope, place=value.place)
        except Unsealable as error:
            shut.append(str(error))
            continue
        if envelope is not None:
            anew.append((value, envelope))
    resealed = await gateway.store.commit(sealed.put(table, anew)) if anew else 0
    reach(Crashpoint.RESEALING)
    if len(values) == size:
        following: Reseal | None = Reseal(table=table, after=values[-1].position)
    else:
        rest = sealed.TABLES[sealed.TABLES.index(table) + 1 :]
        following = Reseal(table=rest[0]) if rest else None
    return Resealed(looked_at=len(values), resealed=resealed, shut=shut, next=following)


async def _counted(gateway: Gateway) -> Counter[str]:
    """Return how many values are sealed under each key; "" for those that name none."""
    values: Counter[str] = Counter()
    for table in sealed.TABLES:
        after: sealed.Position | None = ()
        while after is not None:
            heads = await gateway.store.read(sealed.heads(table, after=after, limit=_COUNTED))
            values.update(sealed_with(head) for _, head in heads)
            after = heads[-1][0] if len(heads) == _COUNTED else None
            await asyncio.sleep(0)
    return values


# Between reading the file, changing it and taking its keys over, nobody else gets a turn: two
# rotations at once would each undo what the other wrote. So these two wait for the disk here.


def _with_new_key(gateway: Gateway, path: Path) -> Sequence[bytes]:
    """Return the file's keys, with a new one before them if there was only one."""
    keys = _keys(gateway, path)
    if len(keys) == 1:
        keys = (secrets.token_bytes(KEY_BYTES), *keys)
        _change(path, keys)
    gateway.keys.adopt(keys)
    return keys


def _take_old_keys_out(gateway: Gateway, path: Path, *, newest: str) -> None:
    keys = _keys(gateway, path)
    if key_id(keys[0]) != newest or gateway.keys.newest != newest:
        raise Conflict("Another rotation began meanwhile; let that one end, or run this again.")
    if len(keys) > 1:
        _change(path, keys[:1])


def _change(path: Path, keys: Sequence[bytes]) -> None:
    try:
        replace_key_file(path, keys)
    except OSError as error:
        raise Conflict(
            f"The key file {path} cannot be changed ({error.strerror}): make its directory "
            "writable for the user that the gateway runs as. Nothing is lost; run this again.",
        ) from error


def _keys(gateway: Gateway, path: Path | None) -> Sequence[bytes]:
    """Return the keys there are, newest first.

    Raises Conflict where the file cannot be used, or lacks the key that this process seals with.
    """
    if path is None:
        return gateway.settings.master_key
    try:
        keys = load_key_file(path)
    except FileNotFoundError:
        keys = ()
    except SealingError as error:
        raise Conflict(str(error)) from None
    if gateway.keys.newest not in {key_id(key) for key in keys}:
        raise Conflict(
            f"The key file {path} no longer holds the key {gateway.keys.newest}, which the "
            "gateway seals with: put the file back as it was.",
        )
    return keys


def _source(path: Path | None) -> KeySource:
    return KeySource.ENVIRONMENT if path is None else KeySource.FILE


def _only_one_key(known: str) -> Conflict:
    return Conflict(
        f"JACKFIELD_MASTER_KEY holds one key only, {known}, and the new one must come from there: "
        "make one (openssl rand -hex 32), put it before the old one, parted by a comma, wherever "
        "a gateway or a command runs, restart these, and run this again",
    )


@unit
def _nothing() -> Steps[None]:
    yield from ()
