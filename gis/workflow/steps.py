"""A long job as a list of named, timed steps and the files it made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class Step:
    """Hold one step: its title, what came of it in words, and how long it took (s)."""

    title: str
    result: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """Collect the steps of a job and the files it made."""

    steps: list[Step] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

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

    @property
    def seconds(self) -> float:
        """Return how long all steps took, in seconds."""
        return sum(step.seconds for step in self.steps)
