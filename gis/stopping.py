"""Signals that end a command: it leaves as an error does, so that what was begun is taken back."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

# what shells say of a program that a signal has ended, less the signal's number
SHELL = 128
INTERRUPTED = SHELL + signal.SIGINT
# not every system has all of them
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
# an impatient second one is not to break off the taking back
_GRACE_S = 2.0
_AGAIN_S = 0.05
# the interruption that comes is the program's own
_own = threading.Event()


class Stopped(KeyboardInterrupt):
    """Work was interrupted that knows what it has stored until then.

    Parameters
    ----------
    stored
        Names of files whose rows are stored; None where that could not be found out.
    """

    def __init__(self, stored: Collection[str] | None) -> None:
        super().__init__()
        self.stored = stored


def sentence(stop: BaseException | None) -> str:
    """Return what is said of an interruption.

    Parameters
    ----------
    stop
        What was raised; what it hides is looked into.

    Returns
    -------
    str
        Chinese, then English.
    """
    while stop is not None and not isinstance(stop, Stopped):
        stop = stop.__cause__ or stop.__context__
    if stop is None:
        return "已中止 · stopped"
    if stop.stored is None:
        return "已中止;是否已入库请用 gis history 查看 · stopped; gis history tells what was stored"
    if not stop.stored:
        return "已中止,未入库 · stopped, nothing was stored"
    names = "、".join(stop.stored)
    return f"已中止;此前已入库:{names} · stopped; stored before that: {names}"


def leave_at_once() -> None:
    """End on a signal without a word of the interpreter's, as long as nothing has been begun."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _left)


def break_off() -> None:
    """Interrupt the main thread from another one, as Ctrl-C does; that is no signal that came from outside."""
    _own.set()
    _thread.interrupt_main()


@contextmanager
def heard() -> Iterator[list[int]]:
    """Make every signal that ends a program an interruption.

    Yields
    ------
    list of int
        The signals that came.
    """
    came: list[int] = []
    last = [-_GRACE_S]

    def interrupt(number: int, _: FrameType | None) -> None:
        # what breaks off says so by the signal of Ctrl-C
        if number == signal.SIGINT and _own.is_set():
            _own.clear()
            raise KeyboardInterrupt
        now, before = time.monotonic(), last[0]
        last[0] = now
        came.append(number)
        if now - before > _GRACE_S:
            raise KeyboardInterrupt

    def unraised(found: sys.UnraisableHookArgs) -> None:
        if not isinstance(found.exc_value, KeyboardInterrupt):
            hook(found)
            return
        if not came:
            # our own: whoever breaks off asks for the time in such places too
            return
        # it came where Python lets nothing through: once more, a moment later
        last[0] = -_GRACE_S
        threading.Timer(_AGAIN_S, signal.raise_signal, [came[-1]]).start()

    known, hook = {}, sys.unraisablehook
    try:
        # one that is ignored, as under nohup, stays so
        for number in (one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN):
            known[number] = signal.signal(number, interrupt)
    except ValueError:
        # not the main thread: signals go to whoever called us
        known = {}
    sys.unraisablehook = unraised
    try:
        yield came
    finally:
        sys.unraisablehook = hook
        for number, handler in known.items():
            signal.signal(number, handler)


def _left(number: int, _: FrameType | None) -> None:
    """Leave at once, with the code that shells know."""
    os.write(2, f"{sentence(None)}\n".encode())
    os._exit(SHELL + number)
