"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only where the column says INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _who_may_call()
    _who_receives()
    _provider_apps()
    _accounts()
    _what_arrives()
    _what_is_owed()
    _housekeeping()


def _who_may_call() -> None:
    op.create_table(
        "tenants",
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "inbound_url",
            sa.Text(),
            nullable=True,
            comment="where messages to unlinked accounts go",
        ),
        sa.Column(
            "status_url",
            sa.Text(),
            nullable=True,
            comment="where statuses of messages sent with Basic go",
        ),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("api_key", name="pk_tenants"),
    )
    op.create_table(
        "api_secrets",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="keyed or argon2"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key"], ["tenants.api_key"], name="fk_api_secrets_api_key", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_secrets"),
    )
    op.create_index("ix_api_secrets_api_key", "api_secrets", ["api_key"])
    op.create_table(
        "signature_secrets",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key"],
            ["tenants.api_key"],
            name="fk_signature_secrets_api_key",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_signature_secrets"),
    )
    op.create_index("ix_signature_secrets_api_key", "signature_secrets", ["api_key"])


def _who_receives() -> None:
    op.create_table(
        "applications",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column(
            "webhook_version",
            sa.Text(),
            nullable=True,
            comment="v1 or v0.1; null: has no messages capability",
        ),
        sa.Column("inbound_url", sa.Text(), nullable=True),
        sa.Column("status_url", sa.Text(), nullable=True),
        sa.Column(
            "document",
            sa.LargeBinary(),
            nullable=False,
            comment="the rest, as JSON, round-tripped",
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_key"], ["tenants.api_key"], name="fk_applications_api_key"),
        sa.PrimaryKeyConstraint("number", name="pk_applications"),
        sa.UniqueConstraint("id", name="uq_applications_id"),
    )
    op.create_index("ix_applications_api_key_number", "applications", ["api_key", "number"])


def _provider_apps() -> None:
    op.create_table(
        "provider_apps",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="meta, ..."),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="the last segment of its webhook path"
        ),
        sa.Column(
            "serves_all", sa.SmallInteger(), nullable=False, comment="1: every tenant may use it"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provider_apps"),
        sa.UniqueConstraint("kind", "name", name="uq_provider_apps_kind_name"),
    )
    op.create_table(
        "provider_app_secrets",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("provider_app_id", _NUMBER, nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="app_secret, verify_token, ..."),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_app_id"],
            ["provider_apps.id"],
            name="fk_provider_app_secrets_provider_app_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_provider_app_secrets"),
    )
    op.create_index(
        "ix_provider_app_secrets_provider_app_id", "provider_app_secrets", ["provider_app_id"]
    )
    op.create_table(
        "provider_app_grants",
        sa.Column("provider_app_id", _NUMBER, nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key"],
            ["tenants.api_key"],
            name="fk_provider_app_grants_api_key",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["provider_app_id"],
            ["provider_apps.id"],
            name="fk_provider_app_grants_provider_app_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("provider_app_id", "api_key", name="pk_provider_app_grants"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "routing_key", sa.Text(), nullable=False, comment="what callbacks name the account by"
        ),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("standing", sa.Text(), nullable=False, comment="claimed, vouched or proved"),
        sa.Column("provider_app_id", _NUMBER, nullable=True),
        sa.Column("credentials", sa.LargeBinary(), nullable=True, comment="sealed JSON"),
        sa.Column("application_id", sa.Text(), nullable=True, comment="the link: at most one"),
        sa.Column("link_version", sa.Integer(), nullable=False),
        sa.Column(
            "releasing",
            sa.SmallInteger(),
            nullable=False,
            comment="1: held messages are on their way",
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_key"], ["tenants.api_key"], name="fk_accounts_api_key"),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name="fk_accounts_application_id"
        ),
        sa.ForeignKeyConstraint(
            ["provider_app_id"], ["provider_apps.id"], name="fk_accounts_provider_app_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("provider", "external_id", name="uq_accounts_provider_external_id"),
        sa.UniqueConstraint("provider", "routing_key", name="uq_accounts_provider_routing_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_accounts_api_key_id", "accounts", ["api_key", "id"])
    op.create_index("ix_accounts_api_key_provider_id", "accounts", ["api_key", "provider", "id"])
    op.create_index("ix_accounts_application_id", "accounts", ["application_id"])
    op.create_index(
        "ix_accounts_releasing",
        "accounts",
        ["id"],
        sqlite_where=sa.text("releasing = 1"),
        postgresql_where=sa.text("releasing = 1"),
    )
    op.create_table(
        "account_health",
        sa.Column("account_id", _NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_account_health_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_health"),
    )
    op.create_table(
        "contacts",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "address", sa.Text(), nullable=False, comment="any id the person is known under"
        ),
        sa.Column(
            "person", sa.Text(), nullable=False, comment="the id that stands for all of them"
        ),
        sa.PrimaryKeyConstraint("account_id", "address", name="pk_contacts"),
        sqlite_with_rowid=False,
    )


def _what_arrives() -> None:
    op.create_table(
        "inbound_bodies",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="unread, or unknown account"),
        sa.Column("provider_app_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("routing_key", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_bodies"),
        sa.UniqueConstraint("kind", "digest", name="uq_inbound_bodies_kind_digest"),
    )
    op.create_index("ix_inbound_bodies_kind_id", "inbound_bodies", ["kind", "id"])
    op.create_table(
        "messages",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="message_uuid"),
        sa.Column("direction", sa.Text(), nullable=False, comment="inbound or outbound"),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_external_id", sa.Text(), nullable=False),
        sa.Column(
            "address",
            sa.Text(),
            nullable=False,
            comment="the person's id as shown in this message",
        ),
        sa.Column(
            "content",
            sa.LargeBinary(),
            nullable=False,
            comment="our words, and the provider's own",
        ),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("client_ref", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
    )
    op.create_table(
        "provider_message_ids",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="tells a repeat from another body"
        ),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "provider", "routing_key", "event_key", name="pk_provider_message_ids"
        ),
        sqlite_with_rowid=False,
    )


def _what_is_owed() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="webhook-id"),
        sa.Column("kind", sa.Text(), nullable=False, comment="inbound, status or test"),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="held, pending, delivered or dead"),
        sa.Column("held_because", sa.Text(), nullable=True),
        sa.Column(
            "application_id",
            sa.Text(),
            nullable=True,
            comment="null when bound: the tenant's own URL",
        ),
        sa.Column("link_version", sa.Integer(), nullable=True),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=True,
            comment="as sent on every attempt; null until bound",
        ),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
    )
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["account_id", "number"],
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "pending",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="deliver, send or timeout"),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="the delivery's or the message's id"
        ),
        sa.Column(
            "shard", sa.SmallInteger(), nullable=False, comment="hash(account, person) mod 256"
        ),
        sa.Column(
            "conversation",
            sa.BigInteger(),
            nullable=False,
            comment="hash(account, person, target)",
        ),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=True,
            comment="null: waits behind the head of its conversation",
        ),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="when its 24 hours began"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pending"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pending_conversation_number", "pending", ["conversation", "number"])
    op.create_index(
        "ix_pending_due",
        "pending",
        ["due_at", "number"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "attempts",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("tried", sa.Integer(), nullable=False, comment="1 for the first attempt"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.SmallInteger(),
            nullable=True,
            comment="HTTP status, when there was an answer",
        ),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_attempts"),
    )
    op.create_index("ix_attempts_delivery_id", "attempts", ["delivery_id"])
    op.create_table(
        "destinations",
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_because", sa.Text(), nullable=True),
        sa.Column("breaker", sa.Text(), nullable=False, comment="closed, open or half_open"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("slow_start_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("api_key", "url", name="pk_destinations"),
    )
    op.create_table(
        "workflows",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workflows"),
    )


def _housekeeping() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("api_key", "method", "path", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "shard_leases",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("process_id", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shard", name="pk_shard_leases"),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_processes"),
    )
    op.create_table(
        "keyring",
        sa.Column(
            "purpose", sa.Text(), nullable=False, comment="database: what its own key is sealed as"
        ),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="pk_keyring"),
    )
    op.create_table(
        "totals",
        sa.Column("name", sa.Text(), nullable=False, comment="accounts, applications, ..."),
        sa.Column(
            "scope", sa.Text(), nullable=False, comment="whose: an api_key, or api_key/provider"
        ),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "scope", name="pk_totals"),
    )
