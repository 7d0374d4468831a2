"""Cells of an .xlsx that show something else than the value that is kept in them, found in the parts of the file.

The reader of values gives nothing for an error and for a formula that nobody calculated, and the bare number for a code
under a number format. Here such cells are listed; and how far a sheet reaches, before anybody makes room for it.
"""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from gis.errors import SourceError
from gis.intake import numberformats, richtexts

Cell = tuple[int, int]

_DAMAGED = (LookupError, ValueError, RuntimeError, TypeError)
_TEXTS = {"s", "str", "inlineStr"}
# beyond so many letters no column is told from another
_LETTERS = 8
# kinds of cells that need no second look where no format says more
_PLAIN = {"n", "s", "b", "str", "d"}


@dataclass
class Sheet:
    """Hold what one sheet shows, by row and column from 0.

    Parameters
    ----------
    shown
        Text in place of a number, as its format shows it.
    around
        What a format puts before and behind a text.
    errors
        Errors such as #N/A.
    unsolved
        Formulas without a result.
    texts
        Texts with raised and lowered figures, and without what is struck out of them.
    dropped
        What is struck out of a text that goes on without it.
    struck
        Cells that are struck out as a whole.
    hidden
        Rows that hold something and are not shown.
    rows, columns
        How far the filled cells reach.
    filled
        How many there are.
    """

    shown: dict[Cell, str] = field(default_factory=dict)
    around: dict[Cell, tuple[str, str]] = field(default_factory=dict)
    errors: dict[Cell, str] = field(default_factory=dict)
    unsolved: dict[Cell, str] = field(default_factory=dict)
    texts: dict[Cell, str] = field(default_factory=dict)
    dropped: dict[Cell, str] = field(default_factory=dict)
    struck: list[Cell] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    filled: int = 0


@dataclass(frozen=True)
class _Book:
    """Hold what a workbook says about all its sheets: formats and strokes of styles, texts in several scripts.

    Parameters
    ----------
    formats
        Each style's number format.
    struck
        Styles whose cells are struck out.
    rich
        Texts of which a part is raised, lowered or struck out, by number: as they are read, and what is left out.
    uncalculated
        Whether results are still to come.
    """

    formats: tuple[str, ...]
    struck: frozenset[str]
    rich: Mapping[str, tuple[str, str]]
    uncalculated: bool

    def code(self, style: str | None) -> str:
        """Return the format of a style, "" for one that adds nothing to look at."""
        number = int(style or 0)
        return self.formats[number] if number < len(self.formats) else ""


def scan(path: Path) -> Mapping[str, Sheet]:
    """Go through the cells of a workbook.

    Parameters
    ----------
    path
        .xlsx or .xlsm.

    Returns
    -------
    Mapping
        Sheet by name; only those with cells.

    Raises
    ------
    SourceError
        The file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return dict(_sheets(archive))
    except SourceError:
        raise
    # zipfile and the XML parser each have their own ways to fail on a damaged file
    except (zipfile.BadZipFile, zlib.error, ElementTree.ParseError, OSError, EOFError, *_DAMAGED) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path.name} cannot be read as a workbook: {reason}", path=str(path)) from None


def name(cell: Cell) -> str:
    """Return a cell's name as a person reads it at the edges of the sheet.

    Parameters
    ----------
    cell
        Row and column from 0.

    Returns
    -------
    str
        Such as B2.
    """
    letters, rest = "", cell[1] + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{cell[0] + 1}"


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, Sheet]]:
    """Yield the worksheets of a workbook."""
    main = next(target for kind, target in _targets(archive, "").values() if kind == "officeDocument")
    root = ElementTree.fromstring(archive.read(main))
    targets = _targets(archive, main)
    styles = next((target for kind, target in targets.values() if kind == "styles"), None)
    styled = ElementTree.fromstring(archive.read(styles)) if styles in archive.namelist() else None
    formats = () if styled is None else _formats(styled)
    texts = next((target for kind, target in targets.values() if kind == "sharedStrings"), "")
    rich = richtexts.shared(archive, texts) if texts in archive.namelist() else {}
    later = any(_tag(one) == "calcPr" and one.get("fullCalcOnLoad") in {"1", "true"} for one in root.iter())
    book = _Book(formats, frozenset() if styled is None else richtexts.struck(styled), rich, later)
    for one in root.iter():
        if _tag(one) == "sheet":
            link = next((value for key, value in one.attrib.items() if key.rpartition("}")[2] == "id"), "")
            kind, target = targets.get(link, ("", ""))
            if kind == "worksheet":
                with archive.open(target) as stream:
                    yield one.get("name", ""), _sheet(stream, book)


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Return what a part refers to: kind and path by identifier."""
    folder, file = posixpath.split(part)
    root = ElementTree.fromstring(archive.read(posixpath.join(folder, "_rels", f"{file}.rels")))
    found = {}
    for one in root:
        target = one.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        found[one.get("Id", "")] = (one.get("Type", "").rpartition("/")[2], path)
    return found


def _formats(root: ElementTree.Element) -> tuple[str, ...]:
    """Return the number format of each style; "" for those that every workbook knows."""
    known = {one.get("numFmtId"): one.get("formatCode", "") for one in root.iter() if _tag(one) == "numFmt"}
    styles = next((one for one in root if _tag(one) == "cellXfs"), None)
    return () if styles is None else tuple(known.get(one.get("numFmtId"), "") for one in styles)


def _sheet(stream: IO[bytes], book: _Book) -> Sheet:
    """Go through the cells of one sheet, holding one row at a time."""
    sheet = Sheet()
    row = -1
    known: dict[str, int] = {}
    for _, element in ElementTree.iterparse(stream):
        if not element.tag.endswith("row") or _tag(element) != "row":
            continue
        before, row = row, int(element.get("r", row + 2)) - 1
        # of two the reader of values keeps the last
        if row <= before:
            raise ValueError(f"row {row + 1} stands twice, or behind row {before + 1}")
        column = -1
        for one in element:
            place = one.get("r", "")
            letters = place.rstrip("0123456789")
            if letters not in known:
                known[letters] = _column(letters)
            column = known[letters] if letters else column + 1
            # readers put a cell where it says that it is, whatever its row says
            own = int(place[len(letters) :]) - 1 if len(place) > len(letters) else row
            if len(one) and (_take(sheet, (own, column), one, book) or one.get("t") == "str"):
                sheet.filled += 1
                sheet.columns = max(sheet.columns, column + 1)
                sheet.rows = max(sheet.rows, own + 1)
        if element.get("hidden") in {"1", "true"} and sheet.rows == row + 1:
            sheet.hidden.append(row)
        element.clear()
    return sheet


def _take(sheet: Sheet, cell: Cell, element: ElementTree.Element, book: _Book) -> bool:
    """Enter what one cell of a sheet shows, and tell whether it holds anything."""
    kind, code = element.get("t", "n"), book.code(element.get("s"))
    first = element[0]
    is_struck = element.get("s") in book.struck
    rich = book.rich.get(first.text or "") if kind == "s" else None
    # most cells hold a value and nothing besides
    if not code and kind in _PLAIN and first.tag.endswith("v") and first.text and not is_struck and not rich:
        return True
    parts = {_tag(one): one for one in element}
    value = (parts["v"].text if "v" in parts else None) or ""
    formula = parts.get("f")
    if not value and formula is None and "is" not in parts:
        return False
    # some programs write 0 as the result of what they leave to be calculated
    if is_struck:
        sheet.struck.append(cell)
    rich = richtexts.marked(parts["is"]) if "is" in parts else rich
    if rich is not None:
        sheet.texts[cell], dropped = rich
        sheet.dropped |= {cell: dropped} if dropped else {}
    empty = (not value and kind != "str") or (value == "0" and kind == "n" and book.uncalculated)
    if kind == "e":
        sheet.errors[cell] = value
    elif formula is not None and empty:
        sheet.unsolved[cell] = f"={formula.text or ''}"
    elif code and kind == "n" and (text := numberformats.shown(value, code)) is not None:
        sheet.shown[cell] = text
    elif code and kind in _TEXTS and (words := numberformats.around(code)) is not None:
        sheet.around[cell] = words
    return True


def _column(letters: str) -> int:
    """Return the number of a column from 0."""
    number = 0
    # three letters name the last column that there is
    for letter in letters[:_LETTERS].upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _tag(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
