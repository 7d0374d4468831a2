"""Tables as a planning bureau prints them: title, who and when, 口径, headings, a unit row, rows and a 合计.

A column says what it shows; values are rounded so that the rows add up to the total below them; what is missing is
「—」, never 0; text of whatever content stays text.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter

from gis.catalogue import Catalogue, Field, Layer
from gis.publish import partly, rounding, wording
from gis.publish.rounding import Display
from gis.publish.wording import MISSING

INTERNAL = "内部资料 注意保管"

# what xlsxwriter may do with text: nothing
OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
# Excel refuses longer texts
_LONGEST = 32_000
# headings, then the unit row
_HEAD, _UNITS, _FIRST = 3, 4, 5
_FROZEN = 3
_A4, _A3 = 9, 8
_WIDE = 12
# more columns than one page holds are printed on several, each with the first columns
_ONE_PAGE = 24
_FONT = "宋体"
_UNKNOWN, _AT_LEAST = "暂无法判定", "≥ {least}(缺 {count} 行)"


@dataclass(frozen=True)
class Column:
    """Describe one column of a table.

    Parameters
    ----------
    title
        Heading.
    source
        Column of the frame.
    display
        How numbers are shown; None for text and dates.
    unit
        For the unit row; the display's if empty.
    total
        Whether the column has a sum.
    titles
        Chinese by code, for codes.
    partly
        Column with what is written where the number is missing, instead of 「—」. Where it is 「—」 there is nothing to
        know, and the row is none that lacks the figure.
    least
        Column with what the number is at least where it is missing.
    signed
        Whether the number may be below 0: then a sum of some is no bound of all.
    """

    title: str
    source: str
    display: Display | None = None
    unit: str = ""
    total: bool = False
    titles: Mapping[str, str] | None = None
    partly: str = ""
    least: str = ""
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """Hold one sheet: its name, its frame, its columns.

    Parameters
    ----------
    name
        Name of the sheet, at most 31 characters.
    frame
        Rows in the order in which they are printed.
    columns
        Columns in order; 序号 comes before them by itself.
    basis
        口径: what the figures count.
    entering
        Rows that enter the total, where not all do; on the frame's index.
    total
        Heading of the total's row; empty where the table has none. Where rows lack a figure its total is what it is at
        least, and how many rows lack it.
    """

    name: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    basis: str = ""
    entering: pd.Series | None = None
    total: str = "合计"


@dataclass(frozen=True)
class About:
    """Say who answers for a workbook; what is empty is left as a line to be filled in by hand.

    Parameters
    ----------
    unit, preparer, reviewer
        填报单位, 填表人, 审核人.
    date
        日期 of the workbook, which is also written into the file, so that its bytes repeat.
    data_to
        数据截止.
    waiting
        Rows that wait and are not counted, in words; said on every sheet.
    """

    unit: str = ""
    preparer: str = ""
    reviewer: str = ""
    date: datetime.date | None = None
    data_to: datetime.date | None = None
    waiting: str = ""


def column(field: Field, catalogue: Catalogue, *, display: Display | None = None, total: bool | None = None) -> Column:
    """Return the column that shows a field of the catalogue.

    Parameters
    ----------
    field
        The field.
    catalogue
        Its code list.
    display
        How to show it instead of what its unit asks for.
    total
        Whether it is summed; None asks the field's kind (extensive and count values are).

    Returns
    -------
    Column
    """
    titles = catalogue.code_list(field.codes).titles() if field.codes else None
    if field.type not in {"integer", "real"}:
        return Column(field.zh, field.name, titles=titles)
    chosen = display or rounding.by_unit(field)
    summed = field.kind in {"extensive", "count"} if total is None else total
    return Column(field.zh, field.name, chosen, chosen.unit or field.unit, summed)


def adding_up(frame: pd.DataFrame, layer: Layer, catalogue: Catalogue) -> pd.DataFrame:
    """Return rows whose figures, where a table sums them, round to what that table prints.

    Parameters
    ----------
    frame
        Rows of a base layer.
    layer
        The layer.
    catalogue
        Which of its fields are summed.

    Returns
    -------
    pandas.DataFrame
        The same rows; a figure differs from the exact one by less than one unit of the last digit shown.
    """
    order = frame[layer.key].argsort(kind="stable").to_numpy()
    result = frame.copy()
    for item in columns(layer, catalogue):
        shown = item.display
        if item.total and shown is not None and item.source in frame.columns:
            exact = rounding.exact(frame[item.source].iloc[order], shown)
            printed = np.full(len(frame), np.nan)
            printed[order] = rounding.rounded_to_total(exact, shown.digits) / shown.factor
            kind = frame[item.source].dtype
            result[item.source] = pd.Series(printed, index=frame.index).astype(kind)
    return result


def columns(
    layer: Layer,
    catalogue: Catalogue,
    *,
    without: Sequence[str] = (),
    displays: Mapping[str, Display] | None = None,
    not_summed: Sequence[str] = (),
) -> tuple[Column, ...]:
    """Return the columns that show the fields of a layer.

    Parameters
    ----------
    layer
        The layer.
    catalogue
        Code lists.
    without
        Fields that are not shown.
    displays
        How to show some fields instead of what their unit asks for.
    not_summed
        Fields whose sum would count something twice.

    Returns
    -------
    tuple of Column
    """
    chosen = displays or {}
    return tuple(
        column(
            item,
            catalogue,
            display=chosen.get(item.name) or rounding.of_field(item, layer),
            total=False if item.name in not_summed else None,
        )
        for item in layer.fields
        if item.name not in without
    )


def write_sheet(book: xlsxwriter.Workbook, table: Table, about: About, *, notices: Sequence[str] = ()) -> None:
    """Draw a table as a sheet of a workbook.

    Parameters
    ----------
    book
        Opened with `OPTIONS`.
    table
        What to draw.
    about
        Who answers for it.
    notices
        Lines that stand beside the title and in the page's head: 内部资料, 示例数据.
    """
    sheet = book.add_worksheet(table.name[:31])
    formats = _Formats(book)
    heading = " ".join((table.name, *(f"【{notice}】" for notice in notices)))
    sheet.write_string(0, 0, _safe(heading), formats.title)
    sheet.write_string(1, 0, _safe(_signature(about)), formats.small)
    waits = f"待核数据(未计入):{about.waiting}" if about.waiting else ""
    basis = ";".join(filter(None, (f"口径:{table.basis}" if table.basis else "", waits)))
    sheet.write_string(2, 0, _safe(basis), formats.small)
    _write_column(sheet, 0, "序号", "单位", [*range(1, len(table.frame) + 1)], formats, rounding.COUNT)
    frame = table.frame.reset_index(drop=True)
    entering = np.ones(len(frame), dtype=bool) if table.entering is None else table.entering.to_numpy(dtype=bool)
    sums = []
    for number, item in enumerate(table.columns, start=1):
        values, total = _figures(frame[item.source], item, entering) if item.display else (_texts(frame, item), MISSING)
        gaps = entering & frame[item.source].isna().to_numpy()
        if item.partly:
            said = zip(values, frame[item.partly], strict=True)
            values = [text if value == MISSING else value for value, text in said]
            gaps &= (frame[item.partly] != MISSING).to_numpy()
        _write_column(sheet, number, item.title, item.unit, values, formats, item.display)
        if item.total and gaps.any():
            total = _least_total(frame, item, entering, gaps)
        sums.append((total, int(gaps.sum())))
    if table.total:
        _write_totals(sheet, table, sums, formats)
    _set_page(sheet, len(table.columns) + 1, len(frame), notices)


class _Formats:
    """Hold the cell formats of one workbook, each made once."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self.title = self._made(bold=True, font_size=16)
        self.small = self._made(font_size=10)
        middle = {"align": "center", "valign": "vcenter", "text_wrap": True}
        self.head = self._made(bold=True, border=1, bg_color="#e8eef3", **middle)
        self.text = self._made(border=1, text_wrap=True, valign="top", num_format="@")
        self.missing = self._made(border=1, align="center", valign="top", text_wrap=True)
        self.date = self._made(border=1, num_format="yyyy-mm-dd", align="left", valign="top")
        self._numbers: dict[tuple[str, bool], Any] = {}

    def number(self, form: str, *, bold: bool = False) -> Any:
        """Return the format of a number."""
        if (form, bold) not in self._numbers:
            self._numbers[form, bold] = self._made(border=1, num_format=form, valign="top", bold=bold)
        return self._numbers[form, bold]

    def _made(self, **properties: Any) -> Any:
        """Make one format in the house's font."""
        return self._book.add_format({"font_name": _FONT, "font_size": 11} | properties)


def _figures(series: pd.Series, item: Column, entering: np.ndarray) -> tuple[list[Any], Any]:
    """Return a column's numbers as they are shown, and their sum."""
    display = item.display or rounding.COUNT
    exact = rounding.exact(series, display)
    shown = exact.round(display.digits)
    total: Any = MISSING
    if item.total:
        shown[entering] = rounding.rounded_to_total(exact[entering], display.digits)
        known = shown[entering].dropna()
        total = round(math.fsum(known), display.digits) if len(known) else MISSING
    return [MISSING if math.isnan(value) else value for value in shown], total


def _least_total(frame: pd.DataFrame, item: Column, entering: np.ndarray, gaps: np.ndarray) -> str:
    """Say what a sum is at least of which some rows lack the figure."""
    display = item.display or rounding.COUNT
    numbers = frame[[item.source, *([item.least] if item.least else [])]].apply(pd.to_numeric, errors="coerce")
    numbers = numbers.astype("Float64")
    least = numbers[item.source].where(~gaps, numbers[item.least] if item.least else pd.NA)[entering].dropna()
    if item.signed or least.empty:
        return _UNKNOWN
    # what a row lacks is not below 0
    known = partly.down(math.fsum(least.astype(float) * display.factor), display.digits)
    return _AT_LEAST.format(least=f"{known:,.{display.digits}f}", count=int(gaps.sum()))


def _texts(frame: pd.DataFrame, item: Column) -> list[Any]:
    """Return a column's texts and dates as they are shown."""
    return [wording.said(value, item.titles) for value in frame[item.source].astype("object")]


def _write_column(
    sheet: Any, number: int, title: str, unit: str, values: Sequence[Any], formats: _Formats, display: Display | None
) -> None:
    """Write heading, unit and values of one column, and set its width."""
    sheet.write_string(_HEAD, number, _safe(title), formats.head)
    sheet.write_string(_UNITS, number, _safe(unit), formats.head)
    for row, value in enumerate(values, start=_FIRST):
        if value == MISSING:
            sheet.write_string(row, number, MISSING, formats.missing)
        elif isinstance(value, datetime.datetime):
            sheet.write_datetime(row, number, value, formats.date)
        elif isinstance(value, str):
            sheet.write_string(row, number, _safe(value), formats.text)
        else:
            sheet.write_number(row, number, value, formats.number(display.format if display else "General"))
    sheet.set_column(number, number, _width(title, values, display))


def _write_totals(sheet: Any, table: Table, sums: Sequence[tuple[Any, int]], formats: _Formats) -> None:
    """Write the row of sums, and below it how many rows of each column had no figure."""
    row = _FIRST + len(table.frame)
    lacking = any(gaps for item, (_, gaps) in zip(table.columns, sums, strict=True) if item.total)
    sheet.write_string(row, 0, table.total, formats.head)
    if lacking:
        sheet.write_string(row + 1, 0, "缺数据行数", formats.head)
    for number, (item, (total, gaps)) in enumerate(zip(table.columns, sums, strict=True), start=1):
        if isinstance(total, str) or item.display is None:
            sheet.write_string(row, number, total if item.total else "", formats.missing)
        else:
            sheet.write_number(row, number, total, formats.number(item.display.format, bold=True))
        if lacking and item.total and gaps:
            sheet.write_number(row + 1, number, gaps, formats.number("0"))
        elif lacking:
            sheet.write_string(row + 1, number, "", formats.missing)


def _set_page(sheet: Any, count: int, rows: int, notices: Sequence[str]) -> None:
    """Freeze the headings and prepare the print: landscape, headings on every page."""
    sheet.freeze_panes(_FIRST, min(_FROZEN, count))
    sheet.set_landscape()
    sheet.set_paper(_A3 if count > _WIDE else _A4)
    sheet.repeat_rows(_HEAD, _UNITS)
    if count > _ONE_PAGE:
        sheet.repeat_columns(0, _FROZEN - 1)
        sheet.set_print_scale(70)
    else:
        sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, _FIRST + rows + 1, count - 1)
    sheet.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.6)
    sheet.set_header("&R" + " ".join(notices))
    sheet.set_footer("&C第 &P 页 共 &N 页")
    sheet.set_row(_HEAD, 48)


def _signature(about: About) -> str:
    """Return the line that says who and when."""
    line = "________"
    parts = {
        "填报单位": about.unit,
        "填表人": about.preparer,
        "日期": about.date.isoformat() if about.date else "",
        "审核人": about.reviewer,
        "数据截止": about.data_to.isoformat() if about.data_to else "",
    }
    return "    ".join(f"{title}:{value or line}" for title, value in parts.items())


def _width(title: str, values: Sequence[Any], display: Display | None) -> float:
    """Return a width in characters: Chinese ones count double; headings may take three lines."""
    if display is not None:
        return max(9.0, min(14.0, _wide(title) / 3 + 2))
    longest = max((_wide(value) for value in values if isinstance(value, str)), default=0)
    return float(max(11, _wide(title) / 2 + 2, min(longest + 2, 46)))


def _wide(text: str) -> int:
    """Count a text's width in half characters."""
    return sum(1 if letter < "\u2000" else 2 for letter in text)


def _safe(text: str) -> str:
    """Return a text that a workbook can hold: no lone surrogates, no more than Excel's limit."""
    sound = text.encode("utf-8", errors="replace").decode("utf-8")
    return sound if len(sound) <= _LONGEST else sound[: _LONGEST - 1] + "…"


def writer(out: Any, about: About, title: str, folder: Path) -> xlsxwriter.Workbook:
    """Open a workbook whose bytes depend on its content only.

    Parameters
    ----------
    out
        Path of the file.
    about
        Its date becomes the date of creation.
    title
        Title in the file's properties.
    folder
        For the pieces that a book is put together from; xlsxwriter leaves them when it cannot end.

    Returns
    -------
    xlsxwriter.Workbook
    """
    book = xlsxwriter.Workbook(out, {**OPTIONS, "tmpdir": str(folder)})
    day = about.date or datetime.date(2000, 1, 1)
    book.set_properties({"title": title, "created": datetime.datetime(day.year, day.month, day.day)})
    return book
