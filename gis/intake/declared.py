"""Cells of a GeoPackage beside what their columns declare: SQLite lets any program write anything into any cell.

GDAL reads every cell as what its column declares: a text in a column of integers becomes 0, a half loses its fraction.
Here such cells come back as they are, for `gis.intake.conform` to read or to ask about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from gis import findings
from gis.errors import SourceError
from gis.intake.admission import packages

_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 32, "INT": 64, "INTEGER": 64}
_FLOATS = {"DOUBLE", "REAL", "FLOAT"}
# beyond this a float no longer holds every whole number
_EXACT = 2**53
_DATE = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_MOMENT = f"{_DATE}[T ][0-2][0-9]:[0-5][0-9]*"


def restored(frame: pd.DataFrame, file: Path, table: str, name: str) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Give back to a table's rows the cells that are not of the type that their column declares.

    Parameters
    ----------
    frame
        The rows as GDAL gave them, in the order of their numbers.
    file
        The GeoPackage.
    table
        The table that they are from.
    name
        What the file is called in messages.

    Returns
    -------
    tuple
        The rows, in which such a cell is the text or number that the file holds; and a finding (info) for each column
        that has some: source.cells_untyped.

    Raises
    ------
    SourceError
        The file holds another number of rows than GDAL gave, or is damaged.
    """
    try:
        with closing(packages.opened(file)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return _restored(frame, connection, table, name)
    # a view may call a function that only the program which made it has
    except sqlite3.OperationalError:
        return frame, []
    except sqlite3.DatabaseError as error:
        raise SourceError(f"{name}: damaged ({error}); ask for it again", path=name) from None


def _restored(
    frame: pd.DataFrame, connection: sqlite3.Connection, table: str, name: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Compare the cells of every column with its declaration."""
    described = connection.execute(f"PRAGMA table_info({packages.quoted(table)})").fetchall()
    declared = {str(column): str(type_).upper() for _, column, type_, *_ in described if column in frame.columns}
    asked = {column: rule for column in declared if (rule := _misfits(packages.quoted(column), declared[column]))}
    sums = "".join(f", total({rule})" for rule in asked.values())
    _, *wrong = connection.execute(f"SELECT count(*){sums} FROM {packages.quoted(table)}").fetchone()
    number = next((str(column) for _, column, _, _, _, key in described if key), None)
    order = f" ORDER BY {packages.quoted(number)}" if number is not None else ""
    notes = []
    for column, found in zip(asked, wrong, strict=True):
        if found:
            rule = asked[column]
            cells = connection.execute(f"SELECT {rule}, {packages.quoted(column)} FROM {packages.quoted(table)}{order}")
            frame = frame.assign(**{column: pd.Series(list(_merged(frame[column], cells)), frame.index, dtype=object)})
            notes.append(
                findings.finding(
                    "source.cells_untyped",
                    name,
                    severity="info",
                    column=column,
                    declared=declared[column],
                    count=int(found),
                )
            )
    return frame, notes


def _merged(column: pd.Series, cells: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    """Yield the cells of a column, in place of those that do not fit what the file holds."""
    for came, (wrong, held) in zip(column.array, cells, strict=True):
        yield held if wrong else came


def _misfits(column: str, declared: str) -> str | None:
    """Return a condition of SQL that is 1 where a cell is not what its column declares, None where anything is."""
    kind, there = declared.partition("(")[0].strip(), f"typeof({column})"
    fits = None
    if kind == "BOOLEAN":
        fits = f"{there} = 'integer' AND {column} IN (0, 1)"
    elif kind in _BITS:
        most = 2 ** (_BITS[kind] - 1) - 1
        fits = f"{there} = 'integer' AND {column} BETWEEN {-most - 1} AND {most}"
    elif kind in _FLOATS:
        # GDAL rounds a FLOAT to 32 bits
        fits = f"{there} = 'real'" if kind != "FLOAT" else "0"
        fits = f"({fits} OR ({there} = 'integer' AND abs({column}) <= {_EXACT}))"
    elif kind == "TEXT":
        fits = f"{there} = 'text' AND instr({column}, char(0)) = 0"
    elif kind in {"DATE", "DATETIME"}:
        fits = f"{there} = 'text' AND {column} GLOB '{_DATE if kind == 'DATE' else _MOMENT}'"
        # GDAL counts days before the year 1 in another way than it writes them
        fits += f" AND substr({column}, 1, 4) <> '0000'"
    return None if fits is None else f"CASE WHEN {column} IS NULL OR ({fits}) THEN 0 ELSE 1 END"
