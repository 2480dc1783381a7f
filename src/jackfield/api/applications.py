"""The Application API: who receives, where, and the keys they call with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jackfield.api.application_bodies import application_page_response, application_response
from jackfield.api.application_fields import KEY_BITS, description
from jackfield.api.bodies import Fields, json_fields
from jackfield.api.http import Request, Response
from jackfield.api.versions import versions_asked_for
from jackfield.api.writes import Write, Writes
from jackfield.applications import (
    Application,
    Applications,
    Description,
    change,
    is_gone,
    remove,
    stands,
)
from jackfield.auth import Caller
from jackfield.clock import Clock
from jackfield.ids import application_id
from jackfield.problems import NotFound
from jackfield.units import Steps, Store, Unit, unit

LARGEST_PAGE: Final = 100
LAST_PAGE: Final = 2**53 - 1

FURTHEST: Final = 2**31 - 1
"""Where every listing has ended; both databases can count that far."""


class ApplicationPages:
    """Answers known callers, about their own applications only.

    `released` is called when something that was held may go out.
    """

    def __init__(
        self,
        store: Store,
        *,
        writes: Writes,
        applications: Applications,
        clock: Clock,
        released: Callable[[], None],
    ) -> None:
        self._store = store
        self._writes = writes
        self._applications = applications
        self._clock = clock
        self._released = released
        # A key takes a core for a tenth of a second: one at a time leaves the other ones free.
        self._making_a_key = asyncio.Lock()

    async def page(self, request: Request, caller: Caller) -> Response:
        """Return one page of the caller's applications, in the order they were made."""
        fields = Fields(request.query)
        page_number = fields.number("page", default=1, largest=LAST_PAGE)
        page_size = fields.number("page_size", default=10, largest=LARGEST_PAGE)
        fields.close()
        page = await self._store.read(
            self._applications.page(
                caller.api_key,
                offset=min((page_number - 1) * page_size, FURTHEST),
                limit=page_size,
            ),
        )
        return application_page_response(page, page_number=page_number, page_size=page_size)

    async def create(self, request: Request, caller: Caller) -> Response:
        """Store a new application; a key pair made for it is shown this once (ruling R24)."""
        return await self._writes.make_once(request, caller, self._creation)

    async def show(self, request: Request, caller: Caller) -> Response:
        """Return one application; another tenant's is not there."""
        return application_response(await self._wanted(request, caller))

    async def replace(self, request: Request, caller: Caller) -> Response:
        """Replace all that is said of one application: what is left out is taken away (R23).

        Without `keys` it has no public key any more; an empty `keys` asks for a new pair, whose
        private key is shown this once.
        """
        wanted = await self._wanted(request, caller)
        fields = await json_fields(request)
        given = description(fields)
        private_key = None
        if given.public_key is None and fields.nested("keys") is not None:
            given, private_key = await self._with_new_keys(given)
        work = change(
            wanted.id,
            given,
            api_key=caller.api_key,
            applications=self._applications,
            versions=versions_asked_for(request),
        )
        write = self._write(work, private_key=private_key)
        response = await self._writes.make(write)
        self._released()
        return response

    async def delete(self, request: Request, caller: Caller) -> Response:
        """Delete one application and its links; what waits for it is held (rulings R18, R23)."""
        wanted = request.parameters["application_id"]
        work = remove(
            wanted,
            api_key=caller.api_key,
            applications=self._applications,
            versions=versions_asked_for(request),
        )
        write = Write(
            work=work,
            shown=lambda _: Response(status=204),
            stands=lambda _: is_gone(wanted, applications=self._applications),
        )
        response = await self._writes.make(write)
        self._released()
        return response

    async def _creation(self, request: Request, caller: Caller) -> Write[Application]:
        given = description(await json_fields(request))
        private_key = None
        if given.public_key is None:
            given, private_key = await self._with_new_keys(given)
        application = Application(
            id=application_id(),
            api_key=caller.api_key,
            name=given.name,
            public_key=given.public_key,
            webhook_version=given.webhook_version,
            inbound_url=given.inbound_url,
            status_url=given.status_url,
            document=given.document,
            version=1,
            created_at=self._clock(),
        )
        return self._write(self._add(application), private_key=private_key, status=201)

    def _write(
        self, work: Unit[Application], *, private_key: str | None, status: int = 200
    ) -> Write[Application]:
        return Write(
            work=work,
            shown=partial(application_response, private_key=private_key, status=status),
            stands=partial(stands, applications=self._applications),
        )

    @unit
    def _add(self, application: Application) -> Steps[Application]:
        yield from self._applications.add(application)
        return application

    async def _wanted(self, request: Request, caller: Caller) -> Application:
        wanted = request.parameters["application_id"]
        application = await self._store.read(self._applications.find(wanted))
        if application is None or application.api_key != caller.api_key:
            raise NotFound
        return application

    async def _with_new_keys(self, given: Description) -> tuple[Description, str]:
        async with self._making_a_key:
            public_key, private_key = await asyncio.to_thread(make_keys)
        return replace(given, public_key=public_key), private_key


def make_keys() -> tuple[str, str]:
    """Return a new public and private key in PEM. The interpreter's lock is free meanwhile."""
    private = generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return public.decode(), secret.decode()
