"""Keeps the books, shows an operator what waits, and lets go of what was kept long enough."""
