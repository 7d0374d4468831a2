"""How far the cells of a workbook reach, told from its parts: readers make room for every cell before the farthest."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from xml.parsers import expat

from gis.errors import SourceError
from gis.intake import sheets
from gis.intake.admission import biff, limits

# the last row and the last column that any program shows
ROWS, COLUMNS = 1 << 20, 1 << 14
# cells that a sheet may take if most of them are empty: a value far off makes room for all between
_ROOM, _SPARSE = 5_000_000, 50
# the parts of honest workbooks shrink ten- to fiftyfold
_LARGE, _RATIO = 64 << 20, 200
_BEGINNING = 1 << 12
_DAMAGED = (zipfile.BadZipFile, zlib.error, expat.ExpatError, OSError, EOFError, LookupError, ValueError, RuntimeError)


class Reaching(Protocol):
    """Know how far the filled cells of a sheet reach, and how many there are."""

    rows: int
    columns: int
    filled: int


@dataclass
class Reach:
    """Hold how far the filled cells of a sheet reach.

    Parameters
    ----------
    rows, columns
        The last ones, counted from 1.
    filled
        How many cells hold something.
    """

    rows: int = 0
    columns: int = 0
    filled: int = 0

    def take(self, row: int, column: int, count: int = 1) -> None:
        """Count cells.

        Parameters
        ----------
        row, column
            Place of the last one, from 0.
        count
            How many.
        """
        self.rows = max(self.rows, row + 1)
        self.columns = max(self.columns, column + 1)
        self.filled += count


def parts(path: Path) -> None:
    """Refuse a workbook whose parts unpack to more than a workbook holds.

    Parameters
    ----------
    path
        The file; one that is no zip is passed over.

    Raises
    ------
    SourceError
        With the part, or the size of all.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            typed = [one.filename for one in members if _declares(archive, one)]
    except _DAMAGED as error:
        raise SourceError(f"{path.name} cannot be read as a workbook: {error}; ask for it again") from None
    for one in members:
        if one.file_size > _LARGE and one.file_size > _RATIO * one.compress_size:
            raise SourceError(
                f"{path.name}: its part {one.filename} unpacks from {one.compress_size:,} to {one.file_size:,} bytes; "
                f"allowed is {_RATIO} times as much: save it again from the program that made it",
                part=one.filename,
                size=one.file_size,
            )
    if typed:
        raise SourceError(
            f"{path.name}: its part {typed[0]} declares a document type, which no part of a workbook may; save it "
            "again from the program that made it",
            parts=typed,
        )
    limits.require("bytes", sum(one.file_size for one in members), path.name)


def _declares(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Tell whether a part begins with a document type: there texts are declared that stand for others."""
    if not member.filename.endswith((".xml", ".rels")):
        return False
    with archive.open(member) as stream:
        return b"<!DOCTYPE" in stream.read(_BEGINNING)


def eager(path: Path) -> None:
    """Refuse an .xls or .ods with a value far off: its reader makes room for all sheets as it opens the file.

    Parameters
    ----------
    path
        .xls or .ods; what is damaged is passed over, for the reader to word it.

    Raises
    ------
    SourceError
        With the corner of what is filled; or a sheet of an .ods goes on beyond what any program shows, or its text
        declares entities.
    """
    if not zipfile.is_zipfile(path):
        reaches = {name: Reach(*numbers) for name, numbers in biff.reaches(path).items()}
    else:
        found = _OpenSheets(path.name)
        with suppress(*_DAMAGED):
            _parse(found, path)
        if found.refusal is not None:
            raise found.refusal
        reaches = found.reaches
    for name, sheet in reaches.items():
        refuse_far(path.name, name, sheet)


def _parse(found: _OpenSheets, path: Path) -> None:
    """Go through the sheets of an .ods; its reader takes what is no XML any more for the end."""
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as stream:
        try:
            found.parse(stream)
        except expat.ExpatError as error:
            if found.refusal is None:
                said = expat.ErrorString(error.code)
                found.refusal = SourceError(
                    f"{path.name} is cut off or damaged (content.xml, line {error.lineno}: {said}); ask for it again",
                    path=str(path),
                )


def refuse_far(file: str, name: str, sheet: Reaching) -> None:
    """Refuse a sheet with a value so far off that all the empty cells before it would have to be held.

    Parameters
    ----------
    file, name
        What file and sheet are called.
    sheet
        How far it reaches.

    Raises
    ------
    SourceError
        With the corner of what is filled.
    """
    room = sheet.rows * sheet.columns
    far = sheet.rows > ROWS or sheet.columns > COLUMNS
    if far or room > max(_ROOM, _SPARSE * sheet.filled):
        corner = sheets.name((sheet.rows - 1, sheet.columns - 1))
        raise SourceError(
            f"{file}, sheet {name}: {sheet.filled:,} cells are filled, and they reach to {corner}; delete what stands "
            "far from the table, save and try again",
            filled=sheet.filled,
            corner=corner,
        )


class _OpenSheets:
    """Count the cells of an OpenDocument workbook, where one element may stand for a thousand million."""

    def __init__(self, file: str) -> None:
        self.reaches: dict[str, Reach] = {}
        self.refusal: SourceError | None = None
        self._file = file
        self._name = ""
        self._row = self._column = 0
        # how often the row and the cell are there, and whether the cell holds something
        self._rows = self._cells = 1
        self._full = False
        self._row_filled = self._row_last = 0

    def parse(self, stream: IO[bytes]) -> None:
        """Go through the cells, to the end or to the first that there cannot be."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        try:
            parser.ParseFile(stream)
        # a refusal is an error of the system to Python, and those of a damaged zip are passed over
        except SourceError as refusal:
            self.refusal = refusal

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter a table, a row or a cell."""
        kind = tag.rpartition(":")[2]
        if kind == "table":
            self._name, self._row = attributes.get("table:name", ""), 0
            self.reaches.setdefault(self._name, Reach())
        elif kind == "table-row":
            self._rows = _count(attributes.get("table:number-rows-repeated"))
            self._column = self._row_filled = self._row_last = 0
        elif kind in {"table-cell", "covered-table-cell"}:
            self._cells = _count(attributes.get("table:number-columns-repeated"))
            self._full = "office:value-type" in attributes or "table:formula" in attributes

    def _text(self, text: str) -> None:
        """Take text for the content of a cell."""
        self._full = self._full or bool(text.strip())

    def _end(self, tag: str) -> None:
        """Leave a row or a cell."""
        kind = tag.rpartition(":")[2]
        if kind in {"table-cell", "covered-table-cell"}:
            self._column += self._cells
            if self._full:
                self._row_filled += self._cells
                self._row_last = self._column
            self._require(self._row, self._column)
            self._full = False
        elif kind == "table-row":
            self._row += self._rows
            self._require(self._row, 0)
            if self._row_filled:
                held = self.reaches.setdefault(self._name, Reach())
                held.take(self._row - 1, self._row_last - 1, self._row_filled * self._rows)

    def _require(self, rows: int, columns: int) -> None:
        """Refuse a sheet that goes on beyond what any program shows, empty or not."""
        if rows > ROWS or columns > COLUMNS:
            end, last = sheets.name((max(rows, 1) - 1, max(columns, 1) - 1)), sheets.name((ROWS - 1, COLUMNS - 1))
            raise SourceError(
                f"{self._file}, sheet {self._name}: it goes on to {end}; the last cell that there is in a "
                f"workbook is {last}: delete what stands far from "
                "the table, save and try again",
                rows=rows,
                columns=columns,
            )

    def _entity(self, name: str, *_: Any) -> None:
        """Refuse a text that stands for another."""
        raise SourceError(
            f"{self._file} declares the entity {name!r}, a text that stands for another; no workbook does: save it "
            "again from the program that made it",
            entity=name,
        )


def _count(text: str | None) -> int:
    """Return how often an element is there; a number without end is one beyond all sheets."""
    if text is None or not text.strip().isdigit():
        return 1
    return int(text) if len(text.strip()) < 12 else ROWS * COLUMNS
