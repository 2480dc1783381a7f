"""Jackfield as a person runs it: real processes, with a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

from at_hand import program as program_at_hand
from starting import Started, start

JACKFIELD = str(Path(sys.executable).with_name("jackfield"))
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it printed
        return json.loads(self.out)


class Running:
    """A program that runs until it is told to stop; `said` is its standard output."""

    def __init__(self, process: Started | subprocess.Popen[bytes], said: IO[str]) -> None:
        self.process = process
        self._said = said
        self._lines: Queue[str] = Queue()
        self._listening = Thread(target=self._listen)
        self._listening.start()

    def line(self) -> str:
        """Return the next line it prints, "" after the last; fail when it says nothing."""
        return self._lines.get(timeout=60)

    def _listen(self) -> None:
        with self._said as said:
            for line in said:
                self._lines.put(line)
        self._lines.put("")

    def end(self) -> None:
        """End it, if it still runs."""
        self.process.kill()
        self.process.wait(60)
        self._listening.join(60)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@dataclass
class Programs:
    """Starts Jackfield in an environment where nothing is set but its home."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that every program gets."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], **self.environ}

    def run(
        self,
        *arguments: str,
        stdin: str | IO[bytes] = "",
        program: Sequence[str] | None = None,
    ) -> Ended:
        """Run a command to its end: `jackfield`, unless another program is named."""
        with TemporaryFile() as out, TemporaryFile() as err, _given(stdin) as given:
            process = self._start(arguments, program, files=(given, out, err))
            try:
                code = process.wait(120)
            finally:
                process.kill()
            return Ended(code, _all(out), _all(err))

    def paste(self, command: str) -> Ended:
        """Run a line as a person pastes it into a shell at the repository's root."""
        if command.startswith("curl "):
            program_at_hand("curl", package="curl")
        return self.run("-c", command, program=["sh"])

    def start(self, *arguments: str, program: Sequence[str] | None = None) -> Running:
        """Start a program that runs until it is told to stop."""
        reading, writing = os.pipe()
        with (
            os.fdopen(writing, "wb") as out,
            self.home.joinpath("stderr").open("ab") as errors,
            _given("") as given,
        ):
            process = self._start(arguments, program, files=(given, out, errors))
        self.running.append(Running(process, os.fdopen(reading, buffering=1)))
        return self.running[-1]

    def _start(
        self,
        arguments: Sequence[str],
        program: Sequence[str] | None,
        *,
        files: tuple[IO[bytes], IO[bytes], IO[bytes]],
    ) -> Started | subprocess.Popen[bytes]:
        given, out, err = files
        if program is None:
            return start(
                arguments,
                environ=self.environment,
                directory=REPOSITORY,
                files=(given.fileno(), out.fileno(), err.fileno()),
            )
        return subprocess.Popen(  # noqa: S603 - programs of ours and of the system
            [*program, *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            stdin=given,
            stdout=out,
            stderr=err,
        )

    @property
    def logged(self) -> str:
        """What the started programs wrote to standard error."""
        return self.home.joinpath("stderr").read_text()

    def end(self) -> None:
        """End what is still running."""
        for each in self.running:
            each.end()


@contextmanager
def _given(stdin: str | IO[bytes]) -> Iterator[IO[bytes]]:
    """Give what is read as standard input: a text, or an open file such as a terminal."""
    if not isinstance(stdin, str):
        yield stdin
        return
    with TemporaryFile() as file:
        file.write(stdin.encode())
        file.seek(0)
        yield file


def _all(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
