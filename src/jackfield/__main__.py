"""Makes `python -m jackfield` the same as `jackfield`."""

from __future__ import annotations

from jackfield.cli import main

if __name__ == "__main__":
    main()
