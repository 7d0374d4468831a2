"""Compiled kernels: what numba makes fast, kept on disk, and what to do where it cannot be kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.misc.appdirs import AppDirs
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Places = NDArray[np.int32]
Marks = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Result = TypeVar("Result")
Task = TypeVar("Task")

# edges above which waiting for the compiler pays even where nothing is kept
WORTH_COMPILING = 400_000
_STAMP = "gis-kernels"
# enough runs to keep all threads busy to the end, and few enough to be worth one
_BATCHES = 16
# how many blocks insist on the kernels just now
_insisting = 0


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
    return edges >= WORTH_COMPILING or _insisting > 0 or _stamped()


@contextmanager
def insisted() -> Iterator[None]:
    """Use the kernels whatever the size of the work, as long as the block lasts; this is how they come onto the disk.

    Yields
    ------
    None
    """
    global _insisting
    _insisting += 1
    try:
        yield
    finally:
        _insisting -= 1


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
            names[key] = SimpleNamespace(**_plain_module(value.__name__))
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
    if _folder().parent.name == "__pycache__":
        for old in _folder().parent.glob(f"{_STAMP}-*"):
            if old != _folder():
                shutil.rmtree(old, ignore_errors=True)
    _stamped.cache_clear()
    return _keeps()


def stamp() -> Path:
    """Return the file that says which kernels lie on disk."""
    return _folder() / _STAMP


def batches(count: int) -> list[tuple[int, int]]:
    """Cut a row of things into runs for `spread`: the same ones whatever the number of threads.

    Parameters
    ----------
    count
        How many things there are.

    Returns
    -------
    list of tuple
        First and last (not included) of each run; none is empty.
    """
    cuts = np.unique(np.linspace(0, count, _BATCHES + 1).astype(int)).tolist()
    return list(pairwise(cuts))


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
        return stamp().read_text(encoding="utf-8") == _version()
    except (OSError, UnicodeDecodeError):
        return False


@cache
def _keeps() -> bool:
    """Tell whether compiled kernels can be kept."""
    return (_folder() / _STAMP).exists() or _writable(_folder())


@cache
def _folder() -> Path:
    """Return the folder of these kernels: in the one that is named, beside the sources, or the user's.

    numba sees only whether a kernel's own file has changed; a folder of its own for every state of all kernels keeps an
    old kernel from calling a new one's predecessor.
    """
    named = os.environ.get("NUMBA_CACHE_DIR", "")
    beside = Path(__file__).parent / "__pycache__"
    name = f"{_STAMP}-{_version()[:16]}"
    if named:
        return Path(named) / name
    if (beside / name / _STAMP).exists() or _writable(beside / name):
        return beside / name
    return Path(AppDirs(appname="numba", appauthor=False).user_cache_dir) / name


def _writable(folder: Path) -> bool:
    """Tell whether a file can be made in a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_STAMP}-{os.getpid()}"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError:
        return False
    return True


@cache
def _version() -> str:
    """Return a digest of the kernels' sources, numba's version and the processor."""
    digest = hashlib.sha256(f"{numba.__version__} {llvm.get_host_cpu_name()}".encode())
    for source in [Path(__file__), *sorted(Path(__file__).parent.glob("[ag]*/*.py"))]:
        text = source.read_bytes()
        if b"kernel" in text:
            digest.update(text)
    return digest.hexdigest()


if _keeps():
    _settings: Any = numba.config
    _settings.CACHE_DIR = str(_folder())
