"""Jackfield as a person runs it: real processes, with a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from at_hand import program as program_at_hand

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
    """A program that runs until it is told to stop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        self._listening = Thread(target=self._listen)
        self._listening.start()

    def line(self) -> str:
        """Return the next line it prints, "" after the last; fail when it says nothing."""
        return self._lines.get(timeout=60)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
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
        stdin: str | None = None,
        program: Sequence[str] = (JACKFIELD,),
    ) -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(  # noqa: S603 - our own program
            [*program, *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def paste(self, command: str) -> Ended:
        """Run a line as a person pastes it into a shell at the repository's root."""
        if command.startswith("curl "):
            program_at_hand("curl", package="curl")
        return self.run("-c", command, program=["sh"])

    def start(self, *arguments: str) -> Running:
        """Start a program that runs until it is told to stop."""
        with self.home.joinpath("stderr").open("a") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [JACKFIELD, *arguments],
                env=self.environment,
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )
        self.running.append(Running(process))
        return self.running[-1]

    @property
    def logged(self) -> str:
        """What the started programs wrote to standard error."""
        return self.home.joinpath("stderr").read_text()

    def end(self) -> None:
        """End what is still running."""
        for each in self.running:
            each.end()
