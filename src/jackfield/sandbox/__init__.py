"""Offline stand-ins for the world outside: a phone to write with, and a receiver."""
