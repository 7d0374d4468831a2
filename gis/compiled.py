"""Compiled kernels: what numba makes fast, kept on disk, and what to do where it cannot be kept."""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, update_wrapper
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, TypeVar

import numpy as np
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
_making = threading.RLock()


class Kernel:
    """A function that numba compiles at its first call; until then numba is not imported, which takes its time too.

    Parameters
    ----------
    function
        Numbers and arrays in, numbers and arrays out.
    **options
        What numba is told besides the usual.

    Attributes
    ----------
    py_func
        The function as plain Python.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.py_func = function
        self._options = options
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel."""
        return self.dispatcher(*arguments)

    def __getattr__(self, name: str) -> Any:
        """Return what numba asks of a kernel that another one calls; with it, the kernel is as good as its own."""
        if name == "dispatcher":
            with _making:
                if name not in self.__dict__:
                    self.dispatcher = _dispatcher(self.py_func, self._options)
                return self.__dict__[name]
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)


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
    return Kernel(function, _nrt=True)


def lean(function: Callable[..., Any]) -> Any:
    """Compile a function that makes no arrays, so that it need not count who holds those that it is given.

    Parameters
    ----------
    function
        Numbers and arrays in, numbers out.

    Returns
    -------
    callable
        The same function, compiled.
    """
    # an option that numba keeps to itself, as others that are used below: a newer numba is tried before it is allowed
    return Kernel(function, _nrt=False)


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
    return Kernel(function, inline="always")


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
    with _making:
        _insisting += 1
    try:
        yield
    finally:
        with _making:
            _insisting -= 1


@cache
def compiler() -> Any:
    """Return numba, imported when a kernel is first called: it is large, and small inputs do without it.

    Returns
    -------
    module
    """
    collects = gc.isenabled()
    # what is imported stays: to look it through for garbage takes a third of the time
    gc.disable()
    try:
        return importlib.import_module("numba")
    finally:
        if collects:
            gc.enable()


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
        if isinstance(value, Kernel):
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
        return _any_stamp() and stamp().read_text(encoding="utf-8") == _version()
    except (OSError, UnicodeDecodeError):
        return False


def _any_stamp() -> bool:
    """Tell whether a stamp of any kernels may lie on disk: if none does, whose it is need not be asked."""
    named = os.environ.get("NUMBA_CACHE_DIR", "")
    home = Path(named) if named else Path(__file__).parent / "__pycache__"
    elsewhere = not named and not os.access(home if home.exists() else home.parent, os.W_OK)
    return elsewhere or any(home.glob(f"{_STAMP}-*/{_STAMP}"))


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
    # part of numba, which is not needed before
    from numba.misc.appdirs import AppDirs

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
    # as large as numba, and not needed before
    from llvmlite.binding import get_host_cpu_name

    digest = hashlib.sha256(f"{metadata.version('numba')} {get_host_cpu_name()}".encode())
    for source in [Path(__file__), *sorted(Path(__file__).parent.glob("[ag]*/*.py"))]:
        text = source.read_bytes()
        if b"compiled" in text:
            digest.update(text)
    return digest.hexdigest()


def _dispatcher(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Return numba's own kernel of a function; one that is part of those that call it is not kept for itself."""
    made = compiler().njit(nogil=True, error_model="numpy", **options)(function)
    if "inline" not in options and _keeps():
        made._cache = _keeping()(function)
    return made


@cache
def _keeping() -> Any:
    """Return numba's cache, which loads a kernel without all that numba needs only to compile one.

    That takes longer than all kernels together: numba registers what it can compile, imports the homes of those of its
    functions that a kernel was made of, and scipy with them, and reads a kernel's bitcode, which only a caller that is
    compiled has a use for.
    """
    # only here is it clear that numba is needed
    import llvmlite.binding as llvm
    from numba.core.caching import CompileResultCacheImpl, FunctionCache
    from numba.core.environment import Environment
    from numba.core.runtime import rtsys

    compiler().config.CACHE_DIR = str(_folder())
    empty = bytes(llvm.parse_assembly("").as_bitcode())

    def homeless(name: str) -> Any:
        # at home in this module, which is always there
        made = Environment(globals())
        made.env_name = name
        return made

    class Lean(CompileResultCacheImpl):
        def reduce(self, cres: Any) -> tuple[Any, ...]:
            *kept, environments = super().reduce(cres)
            # without constants an environment only has to be there
            return (*kept, tuple(each if each.consts else homeless(each.env_name) for each in environments))

        def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> Any:
            (name, kind, (code, bitcode)), function, *rest = payload
            engine = target_context.codegen()._engine
            engine._defined_symbols |= {function.llvm_func_name, function.llvm_cpython_wrapper_name}
            made = super().rebuild(target_context, ((name, kind, (code, empty)), function, *rest))

            @cache
            def module() -> Any:
                read = llvm.parse_bitcode(bitcode)
                engine._load_defined_symbols(read)
                return read

            made.library._get_module_for_linking = module
            return made

    class Kept(FunctionCache):
        _impl_class = Lean

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            # what is more the compiler fetches itself, if it comes to that
            rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)

    return Kept
