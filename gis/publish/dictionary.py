"""The field dictionary beside a delivery: what every ten-byte name means, as CSV for programs and XLSX for people."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Mapping

import xlsxwriter

from gis.errors import SourceError
from gis.publish.preparation import Prepared
from gis.publish.shapefiles import Column

CSV_NAME = "dictionary.csv"
XLSX_NAME = "dictionary.xlsx"
HEADINGS = (
    "图层",
    "图层名称",
    "字段名",
    "中文名称",
    "英文名称",
    "类型",
    "长度",
    "小数位",
    "单位",
    "代码表",
    "说明",
)
_TYPES = {"C": "文本", "N": "数值", "D": "日期"}
_WIDTHS = (10, 18, 12, 26, 36, 8, 8, 8, 8, 60, 44)
# a code list stands in one cell as 01=老旧小区;02=危旧楼房
_PAIR, _BETWEEN = "=", ";"


def rows(layers: Iterable[Prepared]) -> list[tuple[str, ...]]:
    """Return the dictionary as rows of text under `HEADINGS`.

    Parameters
    ----------
    layers
        Prepared layers, in order.

    Returns
    -------
    list of tuple
        One a column of a delivered table.
    """
    return [(item.layer.delivery, item.layer.zh, *_cells(column)) for item in layers for column in item.columns]


def csv_bytes(content: Iterable[tuple[str, ...]]) -> bytes:
    """Return the dictionary as CSV in UTF-8 with a mark that Excel and WPS need to read Chinese.

    Parameters
    ----------
    content
        Rows made by `rows`.

    Returns
    -------
    bytes
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows(content)
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(content: Iterable[tuple[str, ...]], date: datetime.date) -> bytes:
    """Return the dictionary as a workbook with one sheet.

    Parameters
    ----------
    content
        Rows made by `rows`.
    date
        Written as the date of creation, so that the bytes repeat.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"title": "字段说明", "created": datetime.datetime(date.year, date.month, date.day)})
    sheet = book.add_worksheet("字段说明")
    heading = book.add_format({"bold": True, "border": 1, "bg_color": "#e8eef3", "text_wrap": True})
    cell = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
    for column, (title, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, heading)
    for row, texts in enumerate(content, start=1):
        for column, value in enumerate(texts):
            sheet.write_string(row, column, value, cell)
    sheet.freeze_panes(1, 3)
    book.close()
    return buffer.getvalue()


def read(content: bytes) -> Mapping[str, tuple[Column, ...]]:
    """Read a dictionary back.

    Parameters
    ----------
    content
        The bytes of a dictionary.csv.

    Returns
    -------
    Mapping
        Columns by the layer's file name, in order.

    Raises
    ------
    SourceError
        Not UTF-8, other headings, or a width that is no number.
    """
    try:
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except UnicodeDecodeError:
        raise SourceError(f"{CSV_NAME} is not UTF-8") from None
    if not table or tuple(table[0]) != HEADINGS:
        raise SourceError(f"{CSV_NAME} has other headings than {', '.join(HEADINGS)}")
    known: dict[str, list[Column]] = {}
    letters = {title: letter for letter, title in _TYPES.items()}
    for number, line in enumerate(table[1:], start=2):
        if len(line) != len(HEADINGS) or line[5] not in letters or not (line[6].isdecimal() and line[7].isdecimal()):
            raise SourceError(f"{CSV_NAME}, line {number}: type, width or decimals cannot be read", line=number)
        codes = dict(pair.split(_PAIR, 1) for pair in line[9].split(_BETWEEN) if _PAIR in pair) or None
        width, decimals, unit, note = int(line[6]), int(line[7]), line[8], line[10]
        column = Column(line[2], line[3], line[4], letters[line[5]], width, decimals, unit, codes, note)
        known.setdefault(line[0], []).append(column)
    return {name: tuple(columns) for name, columns in known.items()}


def _cells(column: Column) -> tuple[str, ...]:
    """Return one column as texts."""
    codes = _BETWEEN.join(f"{code}{_PAIR}{title}" for code, title in (column.codes or {}).items())
    numbers = (str(column.width), str(column.decimals))
    return (column.name, column.zh, column.en, _TYPES[column.type], *numbers, column.unit, codes, column.note)
