"""Change sets: every write is one, with author, time, reason and counts; all or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from gis import findings as issues
from gis.catalogue import Layer
from gis.errors import UsageError
from gis.store.home import CHANGES, Home, history
from gis.store.records import storable

COUNTS = ("inserted", "updated", "retired", "unchanged")
_DONE = {"insert": "inserted", "update": "updated", "retire": "retired"}


@dataclass(frozen=True)
class Change:
    """Describe one change set: who, why, when (UTC), and how many rows were inserted, updated, retired, unchanged.

    `findings` tell what could not stay as another program had left it, when that was adopted.
    """

    number: int
    author: str
    reason: str
    at: datetime
    operation: str
    layer: str | None
    counts: Mapping[str, int]
    findings: pd.DataFrame = field(default_factory=issues.table, compare=False, repr=False)


@dataclass
class Draft:
    """Collect counts and findings of a change set while it is open; `change` is there once it is closed."""

    number: int
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    change: Change = field(init=False)


@contextmanager
def opened(home: Home, author: str, reason: str, operation: str, layer: str | None) -> Iterator[Draft]:
    """Hold a change set open inside a transaction.

    Parameters
    ----------
    home
        The store's home, in a transaction.
    author, reason
        Who and why; neither may be blank.
    operation
        What kind of write it is.
    layer
        The layer written, None for several.

    Yields
    ------
    Draft
    """
    draft = Draft(home.open_change(author, reason, operation, layer))
    yield draft
    counts = dict(draft.counts)
    home.close_change(draft.number, json.dumps(counts, sort_keys=True))
    at = home.run(f"SELECT at FROM {home.table(CHANGES)} WHERE number = %s", [draft.number])[0][0]
    when = pd.Timestamp(at).to_pydatetime()
    said = issues.table(draft.findings)
    draft.change = Change(draft.number, author, reason, when, operation, layer, counts, said)


def require(author: str, reason: str) -> None:
    """Refuse a change set that nobody answers for.

    Parameters
    ----------
    author, reason
        Who and why.

    Raises
    ------
    UsageError
        One of them is blank or cannot be stored.
    """
    for name, value in (("author", author), ("reason", reason)):
        if not isinstance(value, str) or not value.strip() or not storable(value):
            raise UsageError(f"{name}={value!r}: say who changes the store and why", **{name: value})
    if author.strip().lower() == "outside":
        raise UsageError("author 'outside' stands for edits made in other programs; give a name", author=author)


def last(home: Home) -> int:
    """Return the number of the last change set, 0 where there is none.

    Parameters
    ----------
    home
        The store's home.

    Returns
    -------
    int
    """
    return int(home.run(f"SELECT coalesce(max(number), 0) FROM {home.table(CHANGES)}")[0][0])


def reasons_since(home: Home, number: int, author: str) -> list[str]:
    """Return why an author has changed the store since, oldest first.

    Parameters
    ----------
    home
        The store's home.
    number
        A change set; those after it are meant.
    author
        Who.

    Returns
    -------
    list of str
    """
    asked = f"SELECT reason FROM {home.table(CHANGES)} WHERE number > %s AND author = %s ORDER BY number"
    return [str(row[0]) for row in home.run(asked, [number, author])]


def listed(home: Home, layers: Sequence[Layer]) -> pd.DataFrame:
    """List the change sets, oldest first.

    Parameters
    ----------
    home
        The store's home.
    layers
        Base layers as the store was made.

    Returns
    -------
    pandas.DataFrame
        number, author, reason, at (UTC), operation, layer, inserted, updated, retired, unchanged.
    """
    found = home.run(
        f"SELECT number, author, reason, at, operation, layer, counts FROM {home.table(CHANGES)} ORDER BY number"
    )
    frame = pd.DataFrame([row[:6] for row in found], columns=["number", "author", "reason", "at", "operation", "layer"])
    outside = {row[0] for row in found if row[4] == "outside"}
    seen = _recorded(home, layers) if outside else {}
    counts = [seen.get(row[0], {}) if row[0] in outside else json.loads(row[6]) for row in found]
    for name in COUNTS:
        frame[name] = pd.array([int(count.get(name, 0)) for count in counts], dtype="int64")
    frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
    return frame.astype(dict.fromkeys(("author", "reason", "operation", "layer"), "str") | {"number": "int64"})


def _recorded(home: Home, layers: Sequence[Layer]) -> dict[int, Counter[str]]:
    """Count what history holds of each change set; nobody else counted the edits of other programs."""
    counts: dict[int, Counter[str]] = {}
    for layer in layers:
        if not layer.derived:
            statement = f"SELECT change, op, count(*) FROM {home.table(history(layer.name))} GROUP BY change, op"
            for change, operation, number in home.run(statement):
                counts.setdefault(change, Counter())[_DONE[operation]] += number
    return counts
