"""Jackfield: a self-hosted gateway for chat accounts."""

__version__ = "0.1.0"
