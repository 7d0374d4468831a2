"""Heads of tables: the titles above the names, names that take several rows, and tables that have none.

A sheet is made for eyes: a title over the table, one name over several columns. Its names are told by where its cells
stand and how they are merged; what does not give every column a name of its own is refused with what to do.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gis import findings
from gis.errors import SourceError
from gis.intake import units

Row = Sequence[str | None]
# first and last cell, each row and column
Range = tuple[tuple[int, int], tuple[int, int]]

# between the name of a group of columns and the name of one of them
GROUP = " › "
WKT = re.compile(
    r"\s*(MULTI)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE)|\s*(GEOMETRYCOLLECTION|CIRCULARSTRING|COMPOUNDCURVE)",
    re.IGNORECASE,
)
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
# full-width brackets, commas and semicolons count like the others
PAIR = re.compile(rf"\s*[(\[\uff08]?\s*({_NUMBER})\s*[,;\s\uff0c\uff1b]\s*({_NUMBER})\s*[)\]\uff09]?\s*$")
# no name of a column: a decimal number, a pair, a code of five figures or more (2019 may be a name)
_VALUE = re.compile(rf"[+-]?\d+\.\d+(e[+-]?\d+)?|\d{{5,}}|{PAIR.pattern}", re.IGNORECASE)
_DIGITS = re.compile(r"[+-]?\d")
# rows in which a head is looked for
SEARCHED = 12
# rows that it may take
_DEEPEST = 4
# a line above the names that says who filled the table in and when, and how few of its cells are filled
_SAID = re.compile(r"[:\uff1a]|^\d{4}[-/.年]\d{1,2}[-/.月]")
_FEW = 3
# a title that says in which unit the table is; 填报单位 is who filled it in
_UNIT_ABOVE = re.compile(r"(?:^|[^一-鿿]|计量|面积|数据)单位\s*[:\uff1a]\s*([^)\uff09]+)")
# what stands in a row of units for a column that has none
_NO_UNIT = frozenset({"-", "—", "/", "–", "——"})


@dataclass(frozen=True)
class Head:
    """Hold where a table begins and what its columns are called.

    Parameters
    ----------
    names
        One a column, blank where there is none; the group's name stands before `GROUP`.
    first
        Row at which the rows of the table begin, from 0.
    titles
        Texts above the names.
    depth
        How many rows the names take; 0 where the table has none and its columns are numbered.
    units
        Names that a row of units under them has given one.
    """

    names: tuple[str, ...]
    first: int
    titles: tuple[str, ...] = ()
    depth: int = 1
    units: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Return the unit of area that the titles name for the whole table, "" for none; of several all in one text."""
        return "、".join(areas_above(self.titles))


def find(rows: Sequence[Row], merged: Sequence[Range] = ()) -> Head:
    """Find the head of a table.

    Parameters
    ----------
    rows
        Its rows from the first that is not empty, all of one length; of a long table the first will do.
    merged
        Which cells are merged.

    Returns
    -------
    Head
    """
    top = 0
    while top < min(len(rows) - 2, SEARCHED) and _is_title(rows, top):
        top += 1
    # what are values under the titles cannot be the names
    top = top if sum(bool(text) and text.isdigit() for text in map(str, rows[top])) * 2 <= len(rows[top]) else 0
    titles = tuple(text for row in rows[:top] for text in row if text)
    if _holds_values(rows[top]):
        names = tuple(f"column_{number}" for number in range(1, len(rows[top]) + 1))
        return Head(names, top, titles, depth=0)
    depth = _depth(rows, top, merged)
    head = Head(_names(rows[top : top + depth], top, merged), top + depth, titles, depth)
    return _with_units(head, rows[head.first]) if head.first + 1 < len(rows) else head


def areas_above(titles: Sequence[str]) -> tuple[str, ...]:
    """Return the units of area that titles above a table name.

    Parameters
    ----------
    titles
        Such as 单位:万平方米.

    Returns
    -------
    tuple of str
        Signs of units, each once.
    """
    said = [text for title in titles for text in _UNIT_ABOVE.findall(title)]
    named = [units.named(part) for text in said for part in re.split(r"[、,,;;/和\s]+", text)]
    return tuple(dict.fromkeys(unit.sign for unit in named if unit is not None))


def leaf(name: str) -> str:
    """Return a column's name without the name of its group.

    Parameters
    ----------
    name
        A name.

    Returns
    -------
    str
    """
    return name.rpartition(GROUP)[2]


def require(head: Head, name: str) -> None:
    """Refuse a head that does not give every column a name of its own.

    Parameters
    ----------
    head
        From `find`.
    name
        What the table is called in messages.

    Raises
    ------
    SourceError
        Columns without a name, or with the name of another.
    """
    nameless = [str(number) for number, text in enumerate(head.names, 1) if not text]
    twice = sorted({text for text in head.names if text and head.names.count(text) > 1})
    if nameless or twice:
        faults = [f"column {', '.join(nameless)} has no name"] * bool(nameless)
        faults += [f"the column {text!r} is there twice" for text in twice]
        came = ", ".join(" ".join((text or "").split()) or "—" for text in head.names)
        raise SourceError(
            f"{name}: {'; '.join(faults)}; came {came}. Give every column one name of its own in one row above the "
            "table, without merged cells",
            names=list(head.names),
        )


def remarks(head: Head, name: str) -> list[dict[str, Any]]:
    """Return the findings about a head.

    Parameters
    ----------
    head
        From `find`.
    name
        What the file is called in messages.

    Returns
    -------
    list of dict
        source.title_skipped, source.header_joined and source.units_joined, all info; source.units_above (warning) where
        the titles name several units of area, and source.unit_above (warning) where they name one.
    """
    notes = []
    if head.units:
        columns = list(head.units)
        notes.append(findings.finding("source.units_joined", name, severity="info", columns=columns))
    above = list(areas_above(head.titles))
    if above:
        code = "source.unit_above" if len(above) == 1 else "source.units_above"
        notes.append(findings.finding(code, name, severity="warning", units=above))
    if head.titles:
        notes.append(findings.finding("source.title_skipped", name, severity="info", titles=list(head.titles)))
    if head.depth > 1:
        joined = [text for text in head.names if GROUP in text]
        notes.append(findings.finding("source.header_joined", name, severity="info", rows=head.depth, columns=joined))
    return notes


def _is_title(rows: Sequence[Row], row: int) -> bool:
    """Tell whether a row stands above the names: a title alone, or a few remarks such as who filled the table in."""
    texts = [text for text in rows[row] if text]
    if len(rows[row]) < 2 or len(texts) <= 1:
        return len(rows[row]) > 1
    fullest = max(sum(text is not None for text in other) for other in rows[row : row + SEARCHED])
    return len(texts) * _FEW <= fullest and all(_SAID.search(text) for text in texts)


def _with_units(head: Head, row: Row) -> Head:
    """Give names the units that a row under them says; any other row is one of the table."""
    said = [text if text and text not in _NO_UNIT else None for text in row]
    if len(row) < 2 or not any(said) or not all(units.is_unit(text) for text in said if text):
        return head
    joined = [
        f"{name}({text.strip('()（）[]')})" if text and name else name
        for name, text in zip(head.names, said, strict=True)
    ]
    given = tuple(name for name, text in zip(joined, said, strict=True) if text)
    return replace(head, names=tuple(joined), first=head.first + 1, units=given)


def _holds_values(row: Row) -> bool:
    """Tell whether a first row is one of the table: it holds WKT, a decimal number, a pair or a long code."""
    return any(text and (_VALUE.fullmatch(text.strip()) or WKT.match(text)) for text in row)


def _depth(rows: Sequence[Row], top: int, merged: Sequence[Range]) -> int:
    """Return how many rows the names take, by the cells that reach down from the first of them or stand under it."""
    last = top
    for (row, _), (end, _) in sorted(merged):
        if top <= row <= last:
            last = max(last, end)
    if last == top and top + 1 < len(rows):
        wide = sum(right - column + 1 for (row, column), (_, right) in merged if row == top and right > column)
        under = rows[top + 1]
        last += _is_divided(rows[top], under) or (2 * wide > len(under) and _are_names(under))
    depth = last - top + 1
    return depth if depth <= min(_DEEPEST, len(rows) - top - 1) else 1


def _are_names(row: Row) -> bool:
    """Tell whether a row names every column: each text is there once, and none is a number."""
    return (
        all(row) and len(set(row)) == len(row) and not _holds_values(row) and not any(map(_DIGITS.match, map(str, row)))
    )


def _is_divided(upper: Row, lower: Row) -> bool:
    """Tell whether a row names the parts of the groups above it: where it is filled the upper is blank or a group."""
    blank = [column for column, text in enumerate(upper) if not text]
    under = [column for column, text in enumerate(lower) if text]
    groups = {max((c for c in range(column) if upper[c]), default=-1) for column in blank}
    if not blank or _holds_values(lower) or not set(blank) <= set(under):
        return False
    return set(under) <= {*blank, *groups} and groups <= set(under) and len(under) < len(lower)


def _names(rows: Sequence[Row], top: int, merged: Sequence[Range]) -> tuple[str, ...]:
    """Return the names that some rows give to the columns, from the group's down to the column's own."""
    spread = [list(row) for row in rows]
    for (row, column), (end, right) in merged:
        if top <= row < top + len(rows):
            for below in range(row, min(end + 1, top + len(rows))):
                for beside in range(column, min(right + 1, len(rows[0]))):
                    spread[below - top][beside] = rows[row - top][column]
    for upper, lower in itertools.pairwise(spread):
        for column in range(1, len(upper)):
            # a group's name stands over the first of its columns
            if not upper[column] and lower[column] and lower[column - 1]:
                upper[column] = upper[column - 1]
    names = []
    for column in range(len(rows[0])):
        parts = [text for row in spread if (text := row[column])]
        names.append(GROUP.join(dict.fromkeys(parts)))
    return tuple(names)
