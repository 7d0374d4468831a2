"""How much one file may bring, and how long it may take: what is beyond is refused with the number that came.

Limits are met at every depth of reading, in files within files too; so they are those of the block that reads, as the
time is, and not one more argument of every reader.
"""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from gis import stopping
from gis.errors import SourceError
from gis.settings import Limits

_HELD: ContextVar[Limits] = ContextVar("limits")
# the file that is being read, outermost where one lies in another
_WATCHED: ContextVar[_Watch] = ContextVar("watched")
# what fits into a long of C on every system
_LONGEST = 2**31 - 1
_WHAT = {
    "rows": "has {} rows in one layer",
    "columns": "has {} columns in one layer",
    "bytes": "has {} bytes, unpacked and with all its parts",
    "seconds": "takes more than {} seconds to read",
    "nesting": "nests {} levels deep",
}


@dataclass
class _Watch:
    """Hold the file that is being read, since when, and whether its time is over."""

    file: str
    limits: Limits
    began: float
    over: bool = False
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self) -> None:
        """Interrupt the reading."""
        with self.lock:
            if not self.done:
                self.over = True
                stopping.break_off()


@contextmanager
def held(limits: Limits) -> Iterator[None]:
    """Hold every file that is read in a block to these limits.

    Parameters
    ----------
    limits
        Those of the settings.

    Yields
    ------
    None
    """
    token = _HELD.set(limits)
    try:
        yield
    finally:
        _HELD.reset(token)


@contextmanager
def watched(path: Path) -> Iterator[None]:
    """Stop the reading of a file when its time is over.

    Parameters
    ----------
    path
        The file, as it was named.

    Yields
    ------
    None

    Raises
    ------
    SourceError
        It takes longer than the limit says.

    Notes
    -----
    The main thread is interrupted as by Ctrl-C, which reaches it between two calls of a library. What runs in another
    thread is only asked at the places that call `in_time`.
    """
    allowed = current()
    watch = _Watch(path.name, allowed, time.monotonic())
    token = _WATCHED.set(watch)
    # one value of a table may be the outline of a district
    longest = csv.field_size_limit(_LONGEST)
    timer = threading.Timer(allowed.seconds, watch.end)
    timer.daemon = True
    if threading.current_thread() is threading.main_thread():
        timer.start()
    try:
        try:
            yield
        finally:
            with watch.lock:
                watch.done = True
            timer.cancel()
            csv.field_size_limit(longest)
            _WATCHED.reset(token)
            if watch.over:
                # an interruption that came with the last line is ours as well
                time.sleep(0)
    except KeyboardInterrupt:
        if not watch.over:
            raise
        raise _beyond(path.name, "seconds", allowed.seconds, allowed.seconds) from None


def current() -> Limits:
    """Return the limits that hold here."""
    return _HELD.get(Limits())


def require(name: str, came: int, file: str | None = None) -> None:
    """Refuse what is beyond a limit.

    Parameters
    ----------
    name
        "rows", "columns", "bytes" or "nesting".
    came
        How many there are; one more than allowed where counting ended there.
    file
        What the file is called; None takes the one that is being read.

    Raises
    ------
    SourceError
        There are more than allowed; the message says how to raise the limit.
    """
    watch = _WATCHED.get(None)
    allowed = getattr(current() if watch is None else watch.limits, name)
    if came > allowed:
        raise _beyond(file or (watch.file if watch is not None else "the file"), name, came, allowed)


def left() -> float:
    """Return how many seconds are left for the file that is being read."""
    watch = _WATCHED.get(None)
    return float(current().seconds) if watch is None else watch.began + watch.limits.seconds - time.monotonic()


def in_time() -> None:
    """Refuse to go on when the time of the file that is being read is over.

    Raises
    ------
    SourceError
        It takes longer than the limit says.
    """
    watch = _WATCHED.get(None)
    if watch is not None and time.monotonic() - watch.began > watch.limits.seconds:
        raise late()


def late() -> SourceError:
    """Return the refusal of a file whose time is over."""
    watch = _WATCHED.get(None)
    seconds = current().seconds if watch is None else watch.limits.seconds
    return _beyond("the file" if watch is None else watch.file, "seconds", seconds, seconds)


def _beyond(file: str, name: str, came: int, allowed: int) -> SourceError:
    """Return the refusal of what is beyond a limit."""
    raised = max(2 * allowed, came)
    advice = f"--limit {name}={raised}" if name != "nesting" else "--limit nesting=400, the most there is"
    return SourceError(
        f"{file} {_WHAT[name].format(f'{came:,}')}; allowed are {allowed:,}. If the file is as it should be, allow "
        f"more before the command: {advice}",
        limit=name,
        came=came,
        allowed=allowed,
    )
