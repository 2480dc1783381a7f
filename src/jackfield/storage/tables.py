"""The whole schema; read this first.

Plain column types only, so that nothing needs converting on the way: times are integer
milliseconds since 1970 (`Moment`), flags and versions are integers, documents are bytes.
What is hot and short-lived (`pending`) is kept apart from what is kept (`deliveries`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    },
)

# SQLite numbers rows by itself only where the column says INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")


def of_postgres() -> MetaData:
    """Return the schema with what only PostgreSQL's dialect is told: which rows an index holds.

    It is told here, and not beside each index, because the dialect would be imported by that:
    a tenth of the start of a process that is on SQLite.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            rows = index.dialect_options["sqlite"]["where"]
            index.dialect_options["postgresql"]["where"] = rows
    return metadata


def _number() -> Column[int]:
    return Column("number", Number, primary_key=True, autoincrement=True)


# Who may call ------------------------------------------------------------------------------

tenants = Table(
    "tenants",
    metadata,
    Column("api_key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("inbound_url", Text, comment="where messages to unlinked accounts go"),
    Column("status_url", Text, comment="where statuses of messages sent with Basic go"),
    Column("disabled_at", BigInteger),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

api_secrets = Table(
    "api_secrets",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("api_key", ForeignKey("tenants.api_key", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, comment="keyed or argon2"),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "api_key"),
)

signature_secrets = Table(
    "signature_secrets",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("api_key", ForeignKey("tenants.api_key", ondelete="CASCADE"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "api_key"),
)

# Who receives ------------------------------------------------------------------------------

applications = Table(
    "applications",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True),
    Column("api_key", ForeignKey("tenants.api_key"), nullable=False),
    Column("name", Text, nullable=False),
    Column("public_key", Text),
    Column("webhook_version", Text, comment="v1 or v0.1; null: has no messages capability"),
    Column("inbound_url", Text),
    Column("status_url", Text),
    Column("document", LargeBinary, nullable=False, comment="the rest, as JSON, round-tripped"),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "api_key", "number"),
)

# What the operator has with a provider -----------------------------------------------------

provider_apps = Table(
    "provider_apps",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False, comment="meta, ..."),
    Column("name", Text, nullable=False, comment="the last segment of its webhook path"),
    Column("serves_all", SmallInteger, nullable=False, comment="1: every tenant may use it"),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("kind", "name"),
)

provider_app_secrets = Table(
    "provider_app_secrets",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("provider_app_id", ForeignKey("provider_apps.id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False, comment="app_secret, verify_token, ..."),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "provider_app_id"),
)

provider_app_grants = Table(
    "provider_app_grants",
    metadata,
    Column(
        "provider_app_id", ForeignKey("provider_apps.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("api_key", ForeignKey("tenants.api_key", ondelete="CASCADE"), primary_key=True),
)

# Accounts ----------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("provider", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("routing_key", Text, nullable=False, comment="what callbacks name the account by"),
    Column("api_key", ForeignKey("tenants.api_key"), nullable=False),
    Column("name", Text),
    Column("standing", Text, nullable=False, comment="claimed, vouched or proved"),
    Column("provider_app_id", ForeignKey("provider_apps.id")),
    Column("credentials", LargeBinary, comment="sealed JSON"),
    Column("application_id", ForeignKey("applications.id"), comment="the link: at most one"),
    Column("link_version", Integer, nullable=False),
    Column("releasing", SmallInteger, nullable=False, comment="1: held messages are on their way"),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("provider", "external_id"),
    UniqueConstraint("provider", "routing_key"),
    Index(None, "api_key", "provider", "id"),
    Index(None, "api_key", "id"),
    Index(None, "application_id"),
    Index(
        "ix_accounts_releasing",
        "id",
        sqlite_where=text("releasing = 1"),
    ),
    # Messages outlive their account; a number used again would give them to a stranger.
    sqlite_autoincrement=True,
)

account_health = Table(
    "account_health",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("since", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

contacts = Table(
    "contacts",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True, comment="any id the person is known under"),
    Column("person", Text, nullable=False, comment="the id that stands for all of them"),
    sqlite_with_rowid=False,
)

# What arrives and what is owed -------------------------------------------------------------

inbound_bodies = Table(
    "inbound_bodies",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False, comment="unread, or unknown account"),
    Column("provider_app_id", BigInteger),
    Column("provider", Text),
    Column("routing_key", Text),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("kind", "digest"),
    Index(None, "kind", "id"),
    # An operator names a piece by its number; used again, it would be one that nobody has seen.
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True, comment="message_uuid"),
    Column("direction", Text, nullable=False, comment="inbound or outbound"),
    Column("api_key", Text, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("account_external_id", Text, nullable=False),
    Column("address", Text, nullable=False, comment="the person's id as shown in this message"),
    Column("content", LargeBinary, nullable=False, comment="our words, and the provider's own"),
    Column("status", Text),
    Column("client_ref", Text),
    Column("sent_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

provider_message_ids = Table(
    "provider_message_ids",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("routing_key", Text, primary_key=True),
    Column("event_key", Text, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="tells a repeat from another body"),
    Column("repeats", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True, comment="webhook-id"),
    Column("kind", Text, nullable=False, comment="inbound, status or test"),
    Column("message_id", Text, nullable=False),
    Column("api_key", Text, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    Column("state", Text, nullable=False, comment="held, pending, delivered or dead"),
    Column("held_because", Text),
    Column("application_id", Text, comment="null when bound: the tenant's own URL"),
    Column("link_version", Integer),
    Column("body", LargeBinary, comment="as sent on every attempt; null until bound"),
    Column("accepted_at", BigInteger, nullable=False),
    Column("bound_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("url", Text, comment="where it goes whatever its application says: a test"),
    Column("aside_at", BigInteger, comment="since when it goes out of order"),
    Index(None, "api_key", "number"),
    Index(
        "ix_deliveries_dead",
        "api_key",
        "number",
        sqlite_where=text("state = 'dead'"),
    ),
    Index(
        "ix_deliveries_held",
        "account_id",
        "number",
        sqlite_where=text("state = 'held'"),
    ),
    Index("ix_deliveries_held_since", "accepted_at", sqlite_where=text("state = 'held'")),
)

pending = Table(
    "pending",
    metadata,
    _number(),
    Column("kind", Text, nullable=False, comment="deliver, send or timeout"),
    Column("subject", Text, nullable=False, comment="the delivery's or the message's id"),
    Column("shard", SmallInteger, nullable=False, comment="hash(account, person) mod 256"),
    Column("conversation", BigInteger, nullable=False, comment="hash(account, person, target)"),
    Column("due_at", BigInteger, comment="null: waits behind the head of its conversation"),
    Column("since", BigInteger, nullable=False, comment="when its 24 hours began"),
    Column("tries", Integer, nullable=False),
    Column("lane", BigInteger, nullable=False, server_default="0", comment="hash(tenant, target)"),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("failing_since", BigInteger, comment="since when this one is refused, others not"),
    # Each has the number in words of its own, which keep it out of the others' way: see `places`.
    Index("ix_pending_account", "account_id", text("(number - 0)")),
    Index("ix_pending_conversation", "conversation", text("(number + 0)")),
    # What was never tried and what was are two queues of a lane: retries hold up nothing new.
    Index(
        "ix_pending_first",
        "lane",
        "due_at",
        "number",
        sqlite_where=text("due_at IS NOT NULL AND tries = 0"),
    ),
    Index(
        "ix_pending_again",
        "lane",
        "due_at",
        "number",
        sqlite_where=text("due_at IS NOT NULL AND tries > 0"),
    ),
    # A number used again would put a new message before older ones of its conversation.
    sqlite_autoincrement=True,
)

# One row for each change that was too large for one transaction, until all of it is done.
withdrawals = Table(
    "withdrawals",
    metadata,
    _number(),
    Column("api_key", Text, nullable=False),
    Column("lane", BigInteger, comment="what is owed here is held again"),
    Column("application_id", Text, comment="whose lane; null: the tenant's own URL's"),
    Column("account_id", BigInteger, comment="it was deleted, and what waits for it is dead"),
    Column("up_to", BigInteger, nullable=False, comment="the number of the newest that is taken"),
    UniqueConstraint("lane"),
    UniqueConstraint("account_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _number(),
    Column("delivery_id", Text, nullable=False),
    Column("tried", Integer, nullable=False, comment="1 for the first attempt"),
    Column("started_at", BigInteger, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", SmallInteger, comment="HTTP status, when there was an answer"),
    Column("detail", Text),
    Index(None, "delivery_id"),
)

destinations = Table(
    "destinations",
    metadata,
    Column("api_key", Text, primary_key=True),
    Column("url", Text, primary_key=True),
    Column("paused_at", BigInteger),
    Column("paused_because", Text),
    Column("breaker", Text, nullable=False, comment="closed, open or half_open"),
    Column("failures", Integer, nullable=False),
    Column("not_before", BigInteger),
    Column("slow_start_at", BigInteger),
    Column("resumed_at", BigInteger, comment="the 24 hours of what waited begin here"),
)

# What comes with later rooms, kept from the first day so that the walls do not move ----------

workflows = Table(
    "workflows",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_key", Text, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("api_key", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", SmallInteger),
    Column("answer", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "created_at"),
)

shard_leases = Table(
    "shard_leases",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("process_id", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

keyring = Table(
    "keyring",
    metadata,
    Column("purpose", Text, primary_key=True, comment="database: what its own key is sealed as"),
    Column("check_value", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

totals = Table(
    "totals",
    metadata,
    Column("name", Text, primary_key=True, comment="accounts, applications, ..."),
    Column("scope", Text, primary_key=True, comment="whose: an api_key, or api_key/provider"),
    Column("count", BigInteger, nullable=False),
)
