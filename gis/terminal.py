"""What a person or a script sees of a command: two streams, and texts that obey nobody but us."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gis import addresses
from gis import catalogue as gis_catalogue
from gis.errors import CatalogueError, GisError, StorePermissionError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
# characters that a terminal obeys or that turn the order of others, and breaks of a line that no list has made
_TURNING = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_OBEYED = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_TURNING}]|\n(?!  \d+\. )")


class Reader(io.FileIO):
    """Write to whoever reads our output, and go on without: what a command does and ends with hangs on no reader."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write bytes; keep in mind what could not be written, but not that `head` has seen enough.

        Parameters
        ----------
        data
            The bytes.

        Returns
        -------
        int
            How many there were.
        """
        try:
            return super().write(data)
        except BrokenPipeError:
            pass
        except OSError as error:
            self.lost = error
        return memoryview(data).nbytes

    def left(self) -> GisError | None:
        """Return the error that something of what was said is lost, None where nothing is."""
        sys.stdout.flush()
        if self.lost is None:
            return None
        return StorePermissionError(f"the command has run, what it said is lost: {self.lost.strerror}; make room there")


def taken(name: str) -> Reader | None:
    """Make a standard stream write UTF-8, and one that is no terminal outlive its reader.

    Parameters
    ----------
    name
        "stdout" or "stderr".

    Returns
    -------
    Reader or None
        None for a terminal, a closed stream, and one that is not the system's.
    """
    stream = getattr(sys, name)
    if not hasattr(stream, "reconfigure"):
        return None
    stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        number = stream.fileno()
    except OSError:
        return None
    if stream.isatty():
        return None
    reader = Reader(number, "w", closefd=False)
    patient = io.TextIOWrapper(io.BufferedWriter(reader), "utf-8", "replace", line_buffering=name == "stderr")
    setattr(sys, name, patient)
    return reader


@contextmanager
def hushed() -> Iterator[None]:
    """Keep to itself what Python says of files that a library could not close: the refusal is told in our words.

    Yields
    ------
    None
    """
    known = sys.unraisablehook

    def hook(unraised: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraised.exc_value, OSError):
            known(unraised)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = known


def line(text: str) -> Text:
    """Return a text without what a terminal would obey, such as names of files may hold, and without passwords.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    rich.text.Text
        Control characters as they are written in programs, but for tabs and the line breaks of indented lists.
    """
    return Text(_OBEYED.sub(lambda found: repr(found[0])[1:-1], addresses.masked(text)))


def say(text: str) -> None:
    """Print one line of what came of a command, unbroken: a script reads it too.

    Parameters
    ----------
    text
        The line.
    """
    out.print(line(text), soft_wrap=True)


def complain(text: str) -> None:
    """Print one line of what went wrong, unbroken.

    Parameters
    ----------
    text
        The line.
    """
    err.print(line(text), soft_wrap=True)


def noted_store(given: str) -> str:
    """Return a store's name as it was given; that a password stands in it is told, and not repeated.

    Parameters
    ----------
    given
        From the command line.

    Returns
    -------
    str
    """
    if addresses.has_password(given):
        complain(
            "提示 · hint: 口令写在命令行上,本机其他人可在进程列表和历史记录里看到;请改用 ~/.pgpass、PGPASSWORD 或服务名"
            "(?service=…) · others on this machine can read a password on the command line; use one of these instead"
        )
    return given


def kind(error: GisError) -> str:
    """Return what kind of error it is, in Chinese.

    Parameters
    ----------
    error
        Any of ours.

    Returns
    -------
    str
    """
    try:
        words = gis_catalogue.read().words("errors", "zh")
    except CatalogueError:
        words = {}
    return words.get(type(error).__name__, "出错")


def print_frame(frame: pd.DataFrame, titles: Mapping[str, str] | None = None) -> None:
    """Print a frame as a table, its columns under their titles where they have one.

    Parameters
    ----------
    frame
        Any table.
    titles
        Title by column.
    """
    table = Table()
    for column in frame.columns:
        table.add_column(line((titles or {}).get(str(column), str(column))))
    for row in frame.itertuples(index=False):
        table.add_row(*[line("—" if pd.isna(value) else _cell(value)) for value in row])
    out.print(table)


def _cell(value: Any) -> str:
    """Return a value as text, areas without noise."""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
