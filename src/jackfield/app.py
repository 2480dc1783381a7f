"""Builds the gateway and connects its parts: the engine, without what answers HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from jackfield import clock as wall_clock
from jackfield.accounts import Accounts, Standing
from jackfield.applications import Applications
from jackfield.auth import ApiSecrets, Secrets
from jackfield.clock import Clock
from jackfield.delivery.afterwards import Afterwards
from jackfield.delivery.destinations import Limits
from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.recording import Recorder
from jackfield.delivery.release import Releaser
from jackfield.delivery.sender import Sender
from jackfield.delivery.shift import Duty, Shift
from jackfield.delivery.supply import Supply
from jackfield.egress import Egress
from jackfield.keeping.auditor import Auditor
from jackfield.keeping.retention import Retention, Spans
from jackfield.keeping.watch import Watch
from jackfield.metrics import Metrics
from jackfield.provider_apps import ProviderApps
from jackfield.sealing import Keyring, load_or_create_key_file
from jackfield.settings import Ownership, Settings
from jackfield.storage import (
    accounts,
    applications,
    books,
    deliveries,
    destinations,
    held,
    keyring,
    provider_apps,
    shelves,
    tenants,
    waiting,
    withdrawing,
)
from jackfield.storage.afterwards import connected
from jackfield.storage.opening import OpenStore, open_postgres, open_sqlite
from jackfield.storage.sole_duty import SoleDuty
from jackfield.tenants import Tenants
from jackfield.units import alone

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One gateway, its parts connected. Nothing is dispatched before `start`."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    store: OpenStore
    keys: Keyring
    secrets: Secrets
    egress: Egress
    dispatcher: Dispatcher
    releaser: Releaser
    auditor: Auditor
    watch: Watch
    duty: Duty
    shift: Shift
    api_secrets: ApiSecrets = tenants
    tenants: Tenants = tenants
    applications: Applications = applications
    accounts: Accounts = accounts
    provider_apps: ProviderApps = provider_apps

    def start(self) -> None:
        """Deliver, first what an earlier process left; stand by while another process does."""
        self.shift.start()
        log.info("gateway.started")

    def arrived(self, lanes: Collection[int]) -> None:
        """Say that something is due in these lanes, whichever process delivers it."""
        self.dispatcher.arrived(lanes)
        self.duty.call()

    def released(self) -> None:
        """Say that somebody may hear what was held, or that URLs changed or may be called again.

        Whichever process releases and delivers hears of it.
        """
        self.releaser.wake()
        self.dispatcher.wake()
        self.duty.call()

    @property
    def afterwards(self) -> Afterwards:
        """What may be done with deliveries when they went wrong, or well."""
        return connected(
            self.store, clock=self.clock, arrived=self.arrived, released=self.released
        )

    async def close(self) -> None:
        """Let what is in flight end, record how, and close the store."""
        await self.shift.stop()
        await self.watch.close()
        await self.egress.close()
        self.secrets.close()
        await self.store.close()


async def build(settings: Settings, *, clock: Clock = wall_clock.now) -> Gateway:
    """Open the store, find the key that fits it, and connect the parts.

    Raises Unavailable when the database cannot be opened, and SealingError when no key fits it
    or the key cannot be used; both say what to do.
    """
    metrics = Metrics()
    store = await _open_store(settings, metrics=metrics, clock=clock)
    try:
        check = await store.read(keyring.check())
        keys = Keyring(_master_keys(settings, is_new=check is None))
        if check is None:
            made = keyring.establish(keys.check_value(), now=clock())
            check = await store.commit(made)
        await _open_books(store)
        secrets = Secrets(keys.digest_key("api secrets", check=check))
    except BaseException:
        await store.close()
        raise
    egress = Egress(allow=settings.egress_allow, connections=settings.in_flight)
    sender = Sender(
        store,
        deliveries,
        egress=egress,
        keyring=keys,
        clock=clock,
        metrics=metrics,
    )
    limits = Limits(settings.url_concurrency, settings.url_rate)
    dispatcher = Dispatcher(
        store,
        Supply(store, deliveries, destinations, limits=limits, clock=clock),
        Recorder(deliveries, destinations, order_hold=settings.order_hold),
        attempt_by_kind={"deliver": sender.attempt},
        in_flight=settings.in_flight,
        clock=clock,
        metrics=metrics,
    )
    releaser = Releaser(
        store,
        held,
        deliveries,
        destinations,
        withdrawing,
        clock=clock,
        retention=settings.hold_retention,
        released=dispatcher.wake,
        is_alone=settings.sqlite_file is not None,
    )

    def called() -> None:
        dispatcher.wake()
        releaser.wake()

    retention = Retention(store, shelves.SHELVES, spans=_spans(settings), clock=clock)
    auditor = Auditor(store, books, clock=clock, metrics=metrics)
    duty = _duty(settings, called=called)
    return Gateway(
        settings=settings,
        clock=clock,
        metrics=metrics,
        store=store,
        keys=keys,
        secrets=secrets,
        egress=egress,
        dispatcher=dispatcher,
        releaser=releaser,
        auditor=auditor,
        watch=Watch(store, waiting, clock=clock, metrics=metrics),
        duty=duty,
        shift=Shift(duty, dispatcher, releaser, auditor, retention),
    )


async def _open_books(store: OpenStore) -> None:
    # A database that is older than its books begins them with what is there.
    if not await store.read(books.are_open()):
        await store.commit(alone(books.open_books()))


def _duty(settings: Settings, *, called: Callable[[], None]) -> Duty:
    if settings.sqlite_file is not None:
        return SoleDuty()
    from jackfield.storage.duty import PostgresDuty  # noqa: PLC0415 -- its driver; see open_postgres

    return PostgresDuty(settings.database_url, called=called)


def _spans(settings: Settings) -> Spans:
    return Spans(
        messages=settings.message_retention,
        dead=settings.dead_retention,
        attempts=settings.attempt_retention,
    )


def standing_of_new_accounts(settings: Settings) -> Standing:
    """Return what an account is worth before anybody looked at it."""
    trusts = settings.ownership is Ownership.TRUST
    return Standing.VOUCHED if trusts else Standing.CLAIMED


async def _open_store(settings: Settings, *, metrics: Metrics, clock: Clock) -> OpenStore:
    if settings.sqlite_file is not None:
        return await open_sqlite(settings.sqlite_file, metrics=metrics, clock=clock)
    return await open_postgres(
        settings.database_url, readers=settings.pool, metrics=metrics, clock=clock
    )


def key_file(settings: Settings) -> Path | None:
    """Return the file that holds the master keys; None where the environment holds them."""
    if settings.master_key or settings.sqlite_file is None:
        return None
    return settings.sqlite_file.with_suffix(".key")


def _master_keys(settings: Settings, *, is_new: bool) -> Sequence[bytes]:
    path = key_file(settings)
    if path is None:
        return settings.master_key
    return load_or_create_key_file(path, for_new_database=is_new)
