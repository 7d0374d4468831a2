"""A long job as a list of named, timed steps and the files it made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gis.errors import GisError, MissingDependencyError, SourceError, StorePermissionError
from gis.store.geopackage_files import reasons

Track = Callable[[Iterable[Any], str], Iterable[Any]]


def silent(items: Iterable[Any], title: str) -> Iterable[Any]:
    """Go through items without showing progress; the command line hands in a progress bar instead.

    Parameters
    ----------
    items
        What is worked on.
    title
        What a progress bar would be called.

    Returns
    -------
    Iterable
        The items.
    """
    return items


def made(folder: Path) -> Path:
    """Make a folder for output, where there is none yet.

    Parameters
    ----------
    folder
        The folder.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    StorePermissionError
        The system refuses, or a file is in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None
    return folder


def fresh(folder: Path, name: str, reason: str) -> Path:
    """Make a folder for output, and remove the store that an earlier run has left there.

    Parameters
    ----------
    folder
        The folder.
    name
        The store's file.
    reason
        How the reasons begin with which the job brings rows into its store.

    Returns
    -------
    pathlib.Path
        Where the new store goes.

    Raises
    ------
    StorePermissionError
        The system refuses, or something else is in the way: a store of the same name is no earlier run's.
    """
    made(folder)
    there = folder / name
    told = reasons(there) if there.is_file() and there.stat().st_size else frozenset()
    if told is None or (told and not any(text.startswith(reason) for text in told)):
        raise StorePermissionError(
            f"{there} was not left by an earlier run and stays as it is; give another folder", path=str(there)
        )
    try:
        for suffix in ("", "-wal", "-shm", "-journal"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder / name


def _unwritable(folder: Path, error: OSError | ValueError) -> StorePermissionError:
    """Return the error about a folder that cannot be written to."""
    said = getattr(error, "strerror", None) or error
    return StorePermissionError(f"cannot write to {folder}: {said}; give another folder", path=str(folder))


@dataclass
class Step:
    """Hold one step: its title, what came of it in words, and how long it took (s)."""

    title: str
    result: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Missing:
    """Hold an output that could not be made: its step's title, and why."""

    title: str
    error: GisError


@dataclass
class Report:
    """Collect the steps of a job, the files it made, and what it could not make."""

    steps: list[Step] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time one step.

        Parameters
        ----------
        title
            Chinese and English title.

        Yields
        ------
        Step
            To be given its result in words.
        """
        step = Step(title)
        began = time.perf_counter()
        yield step
        step.seconds = time.perf_counter() - began
        self.steps.append(step)

    @contextmanager
    def output(self, title: str) -> Iterator[Step]:
        """Time a step that makes an output; one that cannot be made is noted and does not stop the others.

        Parameters
        ----------
        title
            Chinese and English title.

        Yields
        ------
        Step
            To be given its result in words.
        """
        with self.step(title) as step:
            try:
                yield step
            except (GisError, ImportError, OSError) as error:
                step.result = "未做成 · not made"
                self.missing.append(Missing(title, _own(error)))

    @property
    def exit_code(self) -> int:
        """Return 0, or the code of the first output that could not be made."""
        return self.missing[0].error.exit_code if self.missing else 0

    @property
    def seconds(self) -> float:
        """Return how long all steps took, in seconds."""
        return sum(step.seconds for step in self.steps)


def _own(error: Exception) -> GisError:
    """Return an error of the system or of a missing library as one of ours."""
    if isinstance(error, GisError):
        return error
    cause = MissingDependencyError if isinstance(error, ImportError) else SourceError
    return cause(f"{type(error).__name__}: {error}")
