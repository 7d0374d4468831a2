"""Further pages of a station's sheet: the whole programme in a table, and whole what the first page had to cut.

Nothing is lost in silence: what the first page has no room for stands here, row for row and letter for letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gis.catalogue import Catalogue
from gis.publish import paper, partly, rounding, tables, wording
from gis.publish.paper import GREY, INK, PALE, Box, Sheet
from gis.publish.wording import MISSING

_AREA = Box(15.0, 16.0, 390.0, 254.0)
_SIZE, _LINE, _PAD = 6.8, 3.1, 1.6
# columns of the programme and their widths (mm); the rest is the note's
_WIDTHS = {
    "sequence": 9.0, "title": 66.0, "kind": 28.0, "state": 17.0, "year": 10.0, "lead": 38.0, "responsible": 44.0,
    "walk_minutes": 15.0, "land_m2": 19.0, "floor_area_m2": 19.0, "residents": 32.0,
}  # fmt: skip


class _Pages:
    """Hold further pages while they are filled from top to bottom."""

    def __init__(self, new: Callable[[], Sheet]) -> None:
        self._new, self.sheets, self.y = new, list[Sheet](), 0.0

    def room(self, height: float) -> Sheet:
        """Return the page that has so much room (mm), a new one if need be; a page that is new holds anything."""
        if not self.sheets or (self.y - height < _AREA.bottom and self.y < _AREA.top):
            self.sheets.append(self._new())
            self.y = _AREA.top
        return self.sheets[-1]


def draw(
    new: Callable[[], Sheet], rows: pd.DataFrame, cut: Iterable[str], catalogue: Catalogue, partial: partly.Known
) -> list[Sheet]:
    """Draw what the first page has no room for.

    Parameters
    ----------
    new
        Returns an empty page with its frame.
    rows
        Rows of station_programmes, empty where all of them stand whole on the first page.
    cut
        Texts that the first page cut or left out.
    catalogue
        Words, titles and units.
    partial
        What is known in part of the rows.

    Returns
    -------
    list of Sheet
        No page where there is nothing to say.
    """
    words, pages = catalogue.words("station_sheet"), _Pages(new)
    if len(rows):
        _programme(pages, rows, catalogue, partial)
    texts = list(cut)
    if texts:
        _heading(pages, words["whole_texts"])
        for text in texts:
            lines = paper.wrapped(text, _AREA.width - 2, _SIZE, len(text) or 1)
            _lines(pages, [lines], [_AREA.left + 1.2])
    return pages.sheets


def _heading(pages: _Pages, title: str) -> None:
    """Write the heading of a part, with room for a row below it."""
    sheet = pages.room(18.0)
    sheet.box(Box(_AREA.left, pages.y - 5.4, 1.2, 4.4), fill=INK)
    sheet.text(_AREA.left + 2.6, pages.y - 3.2, title, 9, bold=True)
    pages.y -= 8.0


def _programme(pages: _Pages, rows: pd.DataFrame, catalogue: Catalogue, partial: partly.Known) -> None:
    """Write the programme, a table for each item."""
    layer, titles = catalogue.layer("station_programmes"), wording.kinds(catalogue)
    columns = {item.source: item for item in tables.columns(layer, catalogue, displays=rounding.PROGRAMME)}
    for item in catalogue.code_list("programme_items"):
        part = rows[rows["item"] == item.code].sort_values("sequence", kind="stable")
        if part.empty:
            continue
        _heading(pages, item.zh)
        cells = {
            name: [_cell(row, columns[name], titles, partial, catalogue) for row in part.to_dict("records")]
            for name in (*_WIDTHS, "note")
        }
        # what nothing of its kind has is no column; the note takes what is left
        used = [name for name in _WIDTHS if set(cells[name]) != {MISSING}]
        widths = [*(_WIDTHS[name] for name in used), _AREA.width - sum(_WIDTHS[name] for name in used)]
        used.append("note")
        _row(pages, [_headed(columns[name]) for name in used], widths, head=True)
        for row in zip(*(cells[name] for name in used), strict=True):
            _row(pages, row, widths)
        pages.y -= 3.0


def _headed(column: tables.Column) -> str:
    """Return a heading with its unit."""
    return f"{column.title}({column.unit})" if column.unit else column.title


def _cell(
    row: Mapping[Any, Any],
    column: tables.Column,
    titles: Mapping[str, str],
    partial: partly.Known,
    catalogue: Catalogue,
) -> str:
    """Return a cell as the workbook has it."""
    value, name = row[column.source], column.source
    if column.display is None:
        return str(wording.said(value, titles if name in ("kind", "title") else column.titles))
    if pd.isna(value):
        one = partial.get((str(row["station_programme_id"]), name))
        return MISSING if one is None else partly.bound(*one, catalogue.words("workbook"))
    separators = "" if column.display is rounding.PLAIN else ","
    return f"{float(value) * column.display.factor:{separators}.{column.display.digits}f}"


def _row(pages: _Pages, cells: Sequence[str], widths: Sequence[float], *, head: bool = False) -> None:
    """Write one row, each cell in as many lines as it needs."""
    lefts = [_AREA.left + 1.0 + sum(widths[:place]) for place in range(len(widths))]
    lines = [paper.wrapped(cell, width - 2, _SIZE, len(cell) or 1) for cell, width in zip(cells, widths, strict=True)]
    _lines(pages, lines, lefts, head=head)


def _lines(pages: _Pages, cells: Sequence[Sequence[str]], lefts: Sequence[float], *, head: bool = False) -> None:
    """Write cells of lines beside each other; what is higher than a page goes on on the next."""
    count, start = max(len(cell) for cell in cells), 0
    while start < count:
        sheet = pages.room(min(count - start, 4) * _LINE + _PAD)
        most = max(1, int((pages.y - _AREA.bottom - _PAD) / _LINE))
        some = min(most, count - start)
        height = some * _LINE + _PAD
        if head:
            sheet.box(Box(_AREA.left, pages.y - height, _AREA.width, height), fill="#e8eef3")
        for cell, left in zip(cells, lefts, strict=True):
            for number, text in enumerate(cell[start : start + some]):
                sheet.text(left, pages.y - _PAD / 2 - (number + 0.5) * _LINE, text, _SIZE, bold=head)
        pages.y -= height
        sheet.line((_AREA.left, pages.y), (_AREA.right, pages.y), colour=PALE, width=0.25)
        start += some


def numbered(sheets: Sequence[Sheet], words: Mapping[str, str]) -> None:
    """Write which page of how many each is, and on the first that there are more.

    Parameters
    ----------
    sheets
        First to last; a single page gets no number.
    words
        Those of the station's sheet.
    """
    if len(sheets) < 2:
        return
    for number, sheet in enumerate(sheets, start=1):
        said = words["page"].format(page=number, pages=len(sheets))
        if number == 1:
            said = f"{words['continued']} {said}"
        sheet.text(405, 9.6, said, 5.6, ha="right", color=GREY)
