"""Compiled kernels: what numba makes fast, kept on disk, and what to do where it cannot be kept."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

Result = TypeVar("Result")
Task = TypeVar("Task")

# edges above which waiting for the compiler pays even where nothing is kept
WORTH_COMPILING = 400_000
_STAMP = "gis-kernels"


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call, without the interpreter's lock, and keep the result if the disk allows.

    Parameters
    ----------
    function
        Numbers and arrays in, numbers and arrays out.

    Returns
    -------
    callable
        The same function, compiled; `py_func` is the one given.
    """
    return numba.njit(cache=_keeps(), nogil=True, error_model="numpy")(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a small function into each kernel that calls it, so that its arrays are not counted at every call.

    Parameters
    ----------
    function
        Numbers and arrays in, numbers out.

    Returns
    -------
    callable
        The same function, compiled.
    """
    return numba.njit(inline="always", nogil=True, error_model="numpy")(function)


def ready(edges: int) -> bool:
    """Tell whether the kernels should be used: they lie on disk, or there is so much to do that compiling pays.

    Parameters
    ----------
    edges
        How many edges the shapes in hand have.

    Returns
    -------
    bool
        False sends the work to GEOS.
    """
    return edges >= WORTH_COMPILING or _stamped()


def as_compiled(function: Any) -> Any:
    """Return a kernel as it is: compiled when it is called.

    Parameters
    ----------
    function
        A kernel.

    Returns
    -------
    callable
        The same.
    """
    return function


def as_plain(function: Any) -> Callable[..., Any]:
    """Return a kernel as plain Python, with all the kernels of its module that it calls.

    Parameters
    ----------
    function
        A kernel.

    Returns
    -------
    callable
        The function before it was compiled.
    """
    inner = function.py_func
    plain = FunctionType(inner.__code__, _plain_module(inner.__module__), inner.__name__, inner.__defaults__)

    def run(*arguments: Any) -> Any:
        # numbers that stand for sets are meant to wrap around
        with np.errstate(over="ignore"):
            return plain(*arguments)

    return run


@cache
def _plain_module(name: str) -> dict[str, Any]:
    """Return a module's names with plain functions in the place of kernels."""
    names = dict(vars(sys.modules[name]))
    for key, value in list(names.items()):
        if isinstance(value, Dispatcher):
            home = value.py_func.__module__
            scope = names if home == name else _plain_module(home)
            names[key] = FunctionType(value.py_func.__code__, scope, key, value.py_func.__defaults__)
        elif isinstance(value, ModuleType) and value.__name__.startswith("gis.geometry."):
            names[key] = SimpleNamespace(**{k: v for k, v in _plain_module(value.__name__).items()})
    return names


def mark() -> bool:
    """Write down that all kernels of this version lie on disk.

    Returns
    -------
    bool
        False where the folder of compiled kernels cannot be written: then only large inputs are compiled for.
    """
    try:
        stamp().parent.mkdir(parents=True, exist_ok=True)
        stamp().write_text(_version(), encoding="utf-8")
    except OSError:
        return False
    _stamped.cache_clear()
    return _keeps()


def stamp() -> Path:
    """Return the file that says which kernels lie on disk."""
    return _folder() / _STAMP


def spread(job: Callable[[Task], Result], tasks: Iterable[Task], workers: int | None) -> list[Result]:
    """Run a job on every task in threads; the order of results is that of the tasks.

    Parameters
    ----------
    job
        Something that leaves the interpreter's lock: a kernel, or GEOS on arrays.
    tasks
        What to run it on.
    workers
        Number of threads; None takes all processors. It never changes a result.

    Returns
    -------
    list
        One result a task.
    """
    todo = list(tasks)
    threads = min(len(todo), workers or os.cpu_count() or 1)
    if threads <= 1:
        return [job(task) for task in todo]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(job, todo))


@cache
def _stamped() -> bool:
    """Tell whether the stamp is of these kernels, this numba and this processor."""
    try:
        return _keeps() and stamp().read_text(encoding="utf-8") == _version()
    except (OSError, UnicodeDecodeError):
        return False


@cache
def _keeps() -> bool:
    """Tell whether the folder of compiled kernels can be written or was written before."""
    folder = _folder()
    if (folder / _STAMP).exists():
        return True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_STAMP}-{os.getpid()}"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError:
        return False
    return True


def _folder() -> Path:
    """Return the folder where numba keeps the kernels."""
    named = os.environ.get("NUMBA_CACHE_DIR", "")
    return Path(named) if named else Path(__file__).parent / "__pycache__"


@cache
def _version() -> str:
    """Return a digest of the kernels' sources, numba's version and the processor."""
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.CPU_NAME}".encode())
    for source in sorted(Path(__file__).parents[1].glob("[ag]*/*.py")):
        text = source.read_bytes()
        if b"kernel" in text:
            digest.update(text)
    return digest.hexdigest()
