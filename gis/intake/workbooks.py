"""Workbooks: each cell as the text that a person sees; what shows something and holds nothing is said, cell by cell."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from gis import findings
from gis.errors import EmptyError, SourceError, UnknownNameError, UsageError
from gis.intake import headers, sheets, tables
from gis.intake.admission import door, reach
from gis.intake.headers import Head, Range
from gis.intake.sheets import Sheet
from gis.intake.sources import Content, Decision, Spread
from gis.intake.wholeness import promises

# formats whose parts tell what a cell shows
_SEEN = {".xlsx", ".xlsm"}
# cells that a sentence names before it only counts
_LISTED = 5


@dataclass
class _Grid:
    """Hold one sheet as texts, its merged cells, and its marks; rows and columns count from the sheet's own corner."""

    texts: list[list[str | None]]
    merged: list[Range]
    marks: Sheet
    numbers: list[list[bool]]


def read(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read one sheet of a workbook; every value becomes the text that a person sees.

    Parameters
    ----------
    path
        .xlsx, .xls, .xlsm or .ods; titles may stand above the names, and the names may take several rows.
    inner
        Name of the sheet; needed where more than one has rows.
    encoding
        Not used: workbooks know theirs.

    Returns
    -------
    Content
        A cell merged over several rows is in each of them (`spreads`). Findings: source.title_skipped,
        source.header_joined, source.units_joined, source.cells_formatted (info), source.unit_above,
        source.text_struck_out, source.cells_struck_out, source.rows_hidden, source.cell_error (a warning each),
        source.formulas_unsolved and source.cells_unseen (warning).

    Raises
    ------
    SourceError
        The file is damaged, protected, reaches far beyond its table, or a column has no name.
    UnknownNameError
        No such sheet.
    UsageError
        Several sheets have rows and none was named.
    EmptyError
        No rows.
    """
    seen = path.suffix.lower() in _SEEN and zipfile.is_zipfile(path)
    reach.parts(path)
    if not seen:
        reach.eager(path)
    sheet, grid = _chosen(path, inner, sheets.scan(path) if seen else {})
    top, left = _corner(grid.texts)
    rows = [row[left:] for row in grid.texts[top:]]
    merged = [((a - top, b - left), (c - top, d - left)) for (a, b), (c, d) in grid.merged if a >= top and b >= left]
    head = headers.find(rows, merged)
    head, kept = _without_blanks(head, rows)
    headers.require(head, f"{path.name}, sheet {sheet}")
    table = _Table(path.name, head, rows, top, [left + column for column in kept], kept)
    frame, spreads = table.frame(grid, merged)
    notes = [*table.notes(grid)]
    if not seen:
        notes.append(findings.finding("source.cells_unseen", path.name, severity="warning", format=path.suffix.lower()))
    content = tables.placed(
        frame, path, "workbook", inner=sheet, decisions=(Decision("layer", sheet, "sheet"),), headerless=not head.depth
    )
    unsaid = tuple(table.unsaid(grid))
    return replace(content, notes=(*notes, *content.notes), spreads=spreads, unit=head.unit, unsaid=unsaid)


def names(path: Path) -> tuple[str, ...]:
    """Return the names of a workbook's sheets.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple of str
        Empty where the file is no workbook, or is not there.
    """
    try:
        reach.parts(path)
        if path.suffix.lower() not in _SEEN:
            # how far a damaged one reaches is not known, and its reader may die of it
            promises.before(path)
            reach.eager(path)
        return tuple(python_calamine.CalamineWorkbook.from_path(str(path)).sheet_names)
    except (python_calamine.CalamineError, OSError):
        return ()
    except BaseException as error:
        if not door.is_panic(error):
            raise
        return ()


def _chosen(path: Path, inner: str | None, marks: Mapping[str, Sheet]) -> tuple[str, _Grid]:
    """Return the name of the sheet to be read and what it holds."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        if inner is not None and inner not in book.sheet_names:
            shown = ", ".join(book.sheet_names)
            raise UnknownNameError(f"{path.name} has no sheet {inner!r}; it has {shown}", layer=inner)
        wanted = book.sheet_names if inner is None else [inner]
        for name in wanted:
            reach.refuse_far(path.name, name, marks.get(name, Sheet()))
        held = {name: book.get_sheet_by_name(name) for name in wanted}
        full = [name for name, sheet in held.items() if sheet.height > 1]
        if len(full) > 1:
            raise UsageError(f"{path.name} has several sheets with rows: {', '.join(full)}; say which", sheets=full)
        if not full:
            raise EmptyError(f"{path.name} has no rows")
        return full[0], _grid(held[full[0]], marks.get(full[0], Sheet()))
    except python_calamine.PasswordError:
        raise SourceError(f"{path.name} is protected by a password; ask for it without one") from None
    except python_calamine.CalamineError as error:
        raise SourceError(f"{path.name} cannot be read as a workbook: {error}") from None
    except BaseException as error:
        if not door.is_panic(error):
            raise
        raise SourceError(f"{path.name} is damaged and cannot be read as a workbook; ask for it again") from None


def _grid(sheet: python_calamine.CalamineSheet, marks: Sheet) -> _Grid:
    """Return a sheet's cells as texts, in place of some what they show."""
    values = sheet.to_python(skip_empty_area=False)
    width = max((len(row) for row in values), default=0)
    texts = [[*map(_cell, row), *[None] * (width - len(row))] for row in values]
    numbers = [[isinstance(value, int | float) and not isinstance(value, bool) for value in row] for row in values]
    for (row, column), text in [*marks.texts.items(), *marks.shown.items()]:
        texts[row][column] = text
    for (row, column), (before, behind) in marks.around.items():
        texts[row][column] = f"{before}{texts[row][column] or ''}{behind}"
    for row, column in [*marks.errors, *marks.unsolved]:
        if row < len(texts) and column < width:
            texts[row][column] = None
    return _Grid(texts, list(sheet.merged_cell_ranges or []), marks, numbers)


def _corner(texts: Sequence[Sequence[str | None]]) -> tuple[int, int]:
    """Return the first row and the first column that hold anything."""
    top = next((number for number, row in enumerate(texts) if any(row)), 0)
    left = min((next(column for column, text in enumerate(row) if text) for row in texts if any(row)), default=0)
    return top, left


def _without_blanks(head: Head, rows: Sequence[Sequence[str | None]]) -> tuple[Head, list[int]]:
    """Leave out columns that have neither a name nor a value; return which ones stay."""
    held = [column for column, name in enumerate(head.names) if name or any(row[column] for row in rows[head.first :])]
    return replace(head, names=tuple(head.names[column] for column in held)), held


@dataclass(frozen=True)
class _Table:
    """Make the frame of a table, and say what its cells show.

    Parameters
    ----------
    file
        What the file is called.
    head
        Names, and where the rows begin.
    rows
        The sheet's cells from its first filled one on.
    top
        Row of the sheet at which these begin.
    columns
        Column of the sheet of each name.
    kept
        Column of `rows` of each name.
    """

    file: str
    head: Head
    rows: list[list[str | None]]
    top: int
    columns: list[int]
    kept: list[int]

    def frame(self, grid: _Grid, merged: Sequence[Range]) -> tuple[pd.DataFrame, tuple[Spread, ...]]:
        """Return the rows that hold anything, cells that are merged in each of theirs, and which these are."""
        held = self._held(grid)
        number = {row: place for place, row in enumerate(held)}
        cells = [[self.rows[row][column] for column in self.kept] for row in held]
        spreads = []
        for (row, column), (end, _) in sorted(merged):
            # a cell may be merged down to the end of the sheet, far below the rows
            under = [number[below] for below in range(row, min(end, held[-1]) + 1) if below in number] if held else []
            if row in number and column in self.kept and len(under) > 1 and self.rows[row][column]:
                place = self.kept.index(column)
                for below in under[1:]:
                    cells[below][place] = self.rows[row][column]
                ends = [sheets.name((self.top + line, self.columns[place])) for line in (row, end)]
                spreads.append(Spread(self.head.names[place], tuple(under), ":".join(ends)))
        frame = pd.DataFrame(cells, columns=list(self.head.names), dtype="str")
        if not grid.marks.filled:
            frame = self._counted(frame, grid, held)
        return frame, tuple(spreads)

    def unsaid(self, grid: _Grid) -> Iterator[tuple[int, str, str]]:
        """Yield the cells that show an error or wait for a result: row of the frame, column and what stands there."""
        number = {row + self.top: place for place, row in enumerate(self._held(grid))}
        names = dict(zip(self.columns, self.head.names, strict=True))
        for (row, column), text in [*grid.marks.errors.items(), *grid.marks.unsolved.items()]:
            if row in number and column in names:
                yield number[row], names[column], text

    def _held(self, grid: _Grid) -> list[int]:
        """Return the rows that hold anything, an error or a formula included."""
        marked = {row - self.top for row, _ in [*grid.marks.errors, *grid.marks.unsolved]}
        return [
            row
            for row in range(self.head.first, len(self.rows))
            if row in marked or any(self.rows[row][column] for column in self.kept)
        ]

    def _counted(self, frame: pd.DataFrame, grid: _Grid, held: list[int]) -> pd.DataFrame:
        """Leave columns of whole numbers as numbers where nobody sees how they are shown: codes may have lost zeros."""
        for name, column in zip(self.head.names, self.columns, strict=True):
            texts = frame[name].dropna()
            are_numbers = all(
                grid.numbers[self.top + row][column]
                for row, text in zip(held, frame[name], strict=True)
                if text == text
            )
            if len(texts) and are_numbers and texts.str.fullmatch(r"-?\d{1,15}").all():
                frame[name] = frame[name].astype("Int64")
        return frame

    def notes(self, grid: _Grid) -> Iterator[dict[str, Any]]:
        """Yield the findings about the head and about cells that show something else than they hold."""
        yield from headers.remarks(self.head, self.file)
        names = dict(zip(self.columns, self.head.names, strict=True))
        for name in self.head.names:
            yield from self._formatted(name, grid.marks, names)
        for cell, text in sorted(grid.marks.errors.items()):
            yield findings.finding(
                "source.cell_error",
                self.file,
                severity="warning",
                cell=sheets.name(cell),
                value=text,
                column=names.get(cell[1]),
            )
        yield from self._struck_out(grid.marks, names)
        hidden = [row + 1 for row in grid.marks.hidden if row >= self.top + self.head.first]
        if hidden:
            yield findings.finding(
                "source.rows_hidden", self.file, severity="warning", count=len(hidden), rows=_listed(hidden)
            )

    def _struck_out(self, marks: Sheet, names: dict[int, str]) -> Iterator[dict[str, Any]]:
        """Yield the findings about what is struck out: a part of a text is left out, a whole cell is not."""
        for cell, text in sorted(marks.dropped.items()):
            yield findings.finding(
                "source.text_struck_out",
                self.file,
                severity="warning",
                cell=sheets.name(cell),
                column=names.get(cell[1]),
                value=text,
            )
        first = self.top + self.head.first
        whole = [sheets.name(cell) for cell in sorted(marks.struck) if cell[0] >= first and cell[1] in names]
        if whole:
            yield findings.finding(
                "source.cells_struck_out", self.file, severity="warning", count=len(whole), cells=_listed(whole)
            )

    def _formatted(self, name: str, marks: Sheet, names: dict[int, str]) -> Iterator[dict[str, Any]]:
        """Yield the findings about the formats and the formulas of one column."""
        seen = [*marks.shown.items(), *marks.around.items()]
        shown = sorted(cell for cell, _ in seen if names.get(cell[1]) == name)
        if shown:
            example = self.rows[shown[0][0] - self.top][self.kept[self.columns.index(shown[0][1])]]
            yield findings.finding(
                "source.cells_formatted", self.file, severity="info", column=name, count=len(shown), example=example
            )
        unsolved = sorted(cell for cell in marks.unsolved if names.get(cell[1]) == name)
        if unsolved:
            listed = _listed([f"{sheets.name(cell)} {marks.unsolved[cell]}" for cell in unsolved])
            yield findings.finding(
                "source.formulas_unsolved",
                self.file,
                severity="warning",
                column=name,
                count=len(unsolved),
                cells=listed,
            )


def _listed(items: Sequence[Any]) -> list[Any]:
    """Return the first of several, and a sign that there are more."""
    return [*items[:_LISTED], *["…"] * (len(items) > _LISTED)]


def _cell(value: Any) -> str | None:
    """Return a workbook's cell as the text that a person sees."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    text = str(value).strip() if value is not None else ""
    return text or None
