"""The manual of the settings, docs/settings.md, made from their table."""

from __future__ import annotations

from jackfield.settings.table import SETTINGS, Setting

_PREFACE = """\
# Settings

Every setting is an environment variable; an empty one counts as not set. A command's option of
the same name (`--data`, `--host`, `--port`) wins over it. A value that cannot be used stops the
start with a sentence that says what is accepted.

A variable that begins with `JACKFIELD_` and is none of these changes nothing. `jackfield
settings` tells of each, with the name that was probably meant; `serve` and `demo` log it
(`setting.unknown`).

This page is made from the table in `src/jackfield/settings/table.py`; a test compares the two.

| variable | default | what it does | what it takes |
| --- | --- | --- | --- |
"""


def markdown() -> str:
    """Return docs/settings.md, which is made from `SETTINGS`."""
    return _PREFACE + "".join(_line(setting) for setting in SETTINGS)


def _line(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else setting.instead
    return f"| `{setting.variable}` | {default} | {setting.does} | {setting.takes} |\n"
