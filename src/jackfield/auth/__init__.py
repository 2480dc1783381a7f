"""Who is calling: a key and a secret, or an application's token, become a Caller."""

from __future__ import annotations

from jackfield.auth.access import Access, read_acl
from jackfield.auth.api_secrets import (
    ARGON2,
    ApiSecrets,
    Bounds,
    SecretKind,
    Secrets,
    StoredSecret,
    parse_basic,
)
from jackfield.auth.caller import Caller
from jackfield.auth.tokens import ApplicationKey, ApplicationKeys, Signatures, Token, parse_bearer

__all__ = [
    "ARGON2",
    "Access",
    "ApiSecrets",
    "ApplicationKey",
    "ApplicationKeys",
    "Bounds",
    "Caller",
    "SecretKind",
    "Secrets",
    "Signatures",
    "StoredSecret",
    "Token",
    "parse_basic",
    "parse_bearer",
    "read_acl",
]
