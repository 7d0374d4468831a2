"""Temporary files that tell whose they are, so that those of killed programs are swept and those of others are not."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

# whoever has not written for so long is gone, whatever the system says of a process with its number
_AGE_S = 86_400.0
# machine, process, what `tempfile` puts there, the name's end; journals of databases lie beside their file
_NAME = re.compile(r"\.?gis-([0-9a-f]{8})-(\d{1,10})-[a-z0-9_]{8}(?:\.\w+)?(?:-journal|-wal|-shm)?")


def owned(prefix: str) -> str:
    """Return the beginning of a temporary file's name, with the machine and the process that makes it.

    Parameters
    ----------
    prefix
        "gis-" or ".gis-".

    Returns
    -------
    str
    """
    return f"{prefix}{_machine()}-{os.getpid()}-"


def sweep(folder: Path) -> None:
    """Take away what programs that are no more have left in a folder; what cannot be taken away stays.

    Parameters
    ----------
    folder
        Where temporary files are made.

    Notes
    -----
    A file goes when its process, on this machine, runs no more; or when nobody has written to it for a day, since
    numbers of processes are given out anew and those of other machines on a shared drive are not known here. Files of
    any other name stay: a store's own journal too, which SQLite needs.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if _NAME.fullmatch(entry.name)]:
            with suppress(OSError):
                if _forsaken(entry):
                    _remove(entry)


def _forsaken(entry: os.DirEntry[str]) -> bool:
    """Tell whether nobody works on a temporary file any more."""
    named = _NAME.fullmatch(entry.name)
    if named is None:
        return False
    if named[1] == _machine() and _gone(int(named[2])):
        return True
    return time.time() - _touched(entry) > _AGE_S


def _touched(entry: os.DirEntry[str]) -> float:
    """Return when a file, or any file of a folder, was last written to, seconds."""
    times = [entry.stat(follow_symlinks=False).st_mtime]
    if entry.is_dir(follow_symlinks=False):
        times += [path.lstat().st_mtime for path in Path(entry.path).rglob("*")]
    return max(times)


def _remove(entry: os.DirEntry[str]) -> None:
    """Take a file or a folder away; of a link the link alone."""
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)


def _gone(process: int) -> bool:
    """Tell whether a process of this machine runs no more; False where the system can't be asked without harm."""
    ask = getattr(os, "kill", None)
    if os.name != "posix" or ask is None:
        return False
    try:
        ask(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _machine() -> str:
    """Return eight digits for this machine, or this container: numbers of processes mean something within it alone."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]
