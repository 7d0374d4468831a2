"""Run commands of `gis` as processes of their own, each forked from one that has loaded the libraries and done nothing.

A command that dies takes nothing with it; one that asks for too much memory or time is stopped. As a program:
`python -m tests.hostile.children` reads one request a line (JSON) and answers with one line.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# what one small file may take beside the libraries themselves, bytes
ROOM = 4 << 30
# a hostile file of a few kilobytes is answered in seconds
PATIENCE_S = 60


@dataclass(frozen=True)
class Outcome:
    """Hold how a command ended.

    Parameters
    ----------
    code
        Exit code; negative is the signal that it died of, as in `subprocess`.
    out, err
        What it said.
    seconds
        How long it took.
    """

    code: int
    out: str
    err: str
    seconds: float

    @property
    def one_sentence(self) -> bool:
        """Tell whether it refused as commands do: no traceback, no signal, one line that says what to do."""
        last = self.err.strip().rpartition("\n")[2]
        return self.code > 1 and "Traceback" not in self.err and " · " in last


class Children:
    """Hold the process that commands are forked from."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.hostile.children"]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(
        self,
        words: list[str],
        folder: Path,
        room: int = ROOM,
        end: tuple[int, float, list[str]] | None = None,
        file_size: int | None = None,
        raising: str | None = None,
        **environment: str,
    ) -> Outcome:
        """Run a command in a folder and return how it ended.

        Parameters
        ----------
        words
            The command without `gis`.
        folder
            Where it runs; what it says is kept there until it is read.
        room
            Memory that it may take beside the libraries, bytes.
        end
            A signal to send, after how many seconds, and folders of which one must get a temporary file of ours
            before the seconds count; none: at once.
        file_size
            Bytes beyond which none of its files may grow, as on a full disk.
        raising
            An error that `gis check` is to end with, where no file or store brings it about.
        environment
            Variables of its environment.
        """
        said = [folder / ".said.out", folder / ".said.err"]
        request = {"words": words, "folder": str(folder), "room": room, "end": end, "file_size": file_size}
        began = time.monotonic()
        request |= {"raising": raising, "environment": environment, "said": list(map(str, said))}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        out, err = (file.read_text(encoding="utf-8", errors="replace") for file in said)
        for file in said:
            file.unlink()
        return Outcome(code, out, err, time.monotonic() - began)

    def close(self) -> None:
        """Stop the process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _command(request: dict[str, Any]) -> None:
    """Be the command, in a process that was forked for it."""
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    for number, name in enumerate(request["said"], 1):
        os.dup2(os.open(name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + request["room"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
    faulthandler.enable()
    sys.argv = ["gis", *request["words"]]
    code = 0
    try:
        from gis import cli

        if request["raising"]:
            cli.intake.check = _raiser(request["raising"])
        cli.main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _raiser(name: str) -> Any:
    """Return a function that fails with an error of ours, or of Python's."""
    from gis import errors

    def fail(*_: Any, **__: Any) -> None:
        raise getattr(errors, name, RuntimeError)("this came; that is allowed; do so")

    return fail


def _temporary(folders: list[str]) -> set[str]:
    """Return the names of temporary files of ours."""
    return {name for folder in folders for name in os.listdir(folder) if "gis-" in name}


def _waited(child: int, end: list[Any] | None) -> int:
    """Return how a process ended; one that takes too long is killed, and one is sent a signal if that is asked for."""
    until = time.monotonic() + PATIENCE_S
    number, after, folders = end or (0, 0.0, [])
    before = _temporary(folders)
    at = None if folders else time.monotonic() + after
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if at is None and _temporary(folders) - before:
            at = time.monotonic() + after
        if number and at is not None and time.monotonic() >= at:
            os.kill(child, number)
            number = 0
        time.sleep(0.002 if number else 0.01)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _serve() -> None:
    """Answer requests until there are no more."""
    import gis.cli  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _command(request)
        print(_waited(child, request["end"]), flush=True)


if __name__ == "__main__":
    _serve()
