"""Tables that carry places as text: CSV and workbooks with WKT or with a pair of coordinate columns."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import python_calamine
import shapely

from gis import findings
from gis.errors import EmptyError, SourceError, UnknownNameError, UsageError
from gis.intake import encodings
from gis.intake.sources import Content, Decision

WKT_NAMES = ("wkt", "geometry", "geom", "the_geom", "图形", "几何")
PAIRS = (
    (("lon", "lng", "long", "longitude", "stop_lon", "经度", "东经"), ("lat", "latitude", "stop_lat", "纬度", "北纬")),
    (("x", "x坐标", "横坐标", "东坐标", "easting"), ("y", "y坐标", "纵坐标", "北坐标", "northing")),
)
_WKT = re.compile(
    r"\s*(MULTI)?(POINT|LINESTRING|POLYGON)|\s*GEOMETRYCOLLECTION",
    re.IGNORECASE,
)
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_csv(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read a delimited text file; every value stays text.

    Parameters
    ----------
    path
        The file; its first line names the columns.
    inner
        Not used.
    encoding
        Encoding from `--encoding`.

    Returns
    -------
    Content

    Raises
    ------
    SourceError
        The bytes are in no known encoding, or a line has more values than there are columns.
    EmptyError
        No rows.
    """
    raw = path.read_bytes()
    text, decision = _text(raw, encoding, path.name)
    head = text.partition("\n")[0]
    delimiter = max(",\t;|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise SourceError(
            f"{path.name}: the column {twice[0]!r} is there twice; give each its own name", column=twice[0]
        )
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=delimiter, dtype="str", keep_default_na=False, na_values=[""], skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"{path.name} cannot be read as a table: {str(error).splitlines()[0]}") from None
    return placed(frame, path, "CSV", decisions=(decision,))


def read_workbook(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read one sheet of a workbook; every value becomes the text that a person sees.

    Parameters
    ----------
    path
        .xlsx, .xls, .xlsm or .ods; the first row names the columns.
    inner
        Name of the sheet; needed where more than one has rows.
    encoding
        Not used: workbooks know theirs.

    Returns
    -------
    Content

    Raises
    ------
    SourceError
        The file is damaged, protected, or a column has no name.
    UnknownNameError
        No such sheet.
    UsageError
        Several sheets have rows and none was named.
    EmptyError
        No rows.
    """
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except python_calamine.PasswordError:
        raise SourceError(f"{path.name} is protected by a password; ask for it without one") from None
    except python_calamine.CalamineError as error:
        raise SourceError(f"{path.name} cannot be read as a workbook: {error}") from None
    if inner is not None and inner not in sheets:
        raise UnknownNameError(f"{path.name} has no sheet {inner!r}; it has {', '.join(sheets)}", layer=inner)
    full = [name for name, rows in sheets.items() if len(rows) > 1]
    if inner is None and len(full) > 1:
        raise UsageError(f"{path.name} has several sheets with rows: {', '.join(full)}; say which", sheets=full)
    if not full or (inner is not None and inner not in full):
        raise EmptyError(f"{path.name} has no rows")
    sheet = inner if inner is not None else full[0]
    head, *rows = sheets[sheet]
    names = [_cell(value) or "" for value in head]
    wrong = [name for name in names if not name or names.count(name) > 1]
    if wrong:
        raise SourceError(
            f"{path.name}, sheet {sheet}: the first row must name every column once; came {', '.join(names)}",
            names=names,
        )
    cells = [[_cell(value) for value in row] for row in rows]
    frame = pd.DataFrame(cells, columns=names, dtype="str").dropna(how="all").reset_index(drop=True)
    return placed(frame, path, "workbook", inner=sheet, decisions=(Decision("layer", sheet, "sheet"),))


def placed(
    frame: pd.DataFrame,
    path: Path,
    format_: str,
    *,
    inner: str | None = None,
    decisions: tuple[Decision, ...] = (),
    claims: str = "none",
) -> Content:
    """Give a table its geometry from a WKT column or from a pair of coordinate columns.

    Parameters
    ----------
    frame
        A table of texts or numbers.
    path
        The file, for messages.
    format_
        Name of the format.
    inner
        Name of the sheet.
    decisions
        Decisions made so far.
    claims
        "standard" where the format says that coordinates are WGS 84, else "none".

    Returns
    -------
    Content
        With a plain frame where there is neither WKT nor a pair. A value that is no WKT or no number gives a row
        without geometry, and stays in its column.

    Raises
    ------
    EmptyError
        No rows.
    """
    if frame.empty:
        raise EmptyError(f"{path.name} has no rows")
    found = _shapes(frame)
    if found is None:
        return Content(frame, format_, inner, decisions=decisions)
    shapes, columns = found
    bad = int((shapely.is_missing(shapes) & frame[columns].notna().all(axis=1).to_numpy()).sum())
    notes = [findings.finding("source.places_unreadable", path.name, severity="warning", count=bad)] if bad else []
    # WKT is the geometry itself; a pair may also be data, so it stays
    rest = frame.drop(columns=columns) if len(columns) == 1 else frame
    ground = "EPSG:4326" if claims == "standard" else None
    return Content(
        gpd.GeoDataFrame(rest, geometry=gpd.GeoSeries(shapes, index=frame.index, crs=ground)),
        format_,
        inner,
        claims,
        (*decisions, Decision("geometry", ", ".join(columns), "columns")),
        tuple(notes),
    )


def _text(raw: bytes, given: str | None, name: str) -> tuple[str, Decision]:
    """Decode a whole file, honouring a byte order mark."""
    for mark, codec in _MARKS:
        if given is None and raw.startswith(mark):
            try:
                return raw.decode(codec), Decision("encoding", codec, "byte order mark")
            except UnicodeDecodeError:
                raise SourceError(f"{name}: begins as {codec} and is not; say which with --encoding") from None
    decided = encodings.decide([(raw, False)], given=given, cpg=None, name=name)
    return encodings.decoded(raw, decided.name), Decision("encoding", decided.name, decided.how)


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


def _shapes(frame: pd.DataFrame) -> tuple[np.ndarray[Any, Any], list[str]] | None:
    """Return the geometries and the columns that they come from."""
    names = {str(name).strip().casefold(): str(name) for name in frame.columns}
    for candidate in WKT_NAMES:
        if candidate in names and isinstance(frame[names[candidate]].dtype, pd.StringDtype):
            texts = frame[names[candidate]]
            if texts.dropna().map(lambda text: bool(_WKT.match(text))).any():
                values = texts.where(texts.notna(), None).to_numpy(dtype=object)
                return shapely.from_wkt(values, on_invalid="ignore"), [names[candidate]]
    for east, north in PAIRS:
        x = next((names[name] for name in east if name in names), None)
        y = next((names[name] for name in north if name in names), None)
        if x is not None and y is not None:
            return _points(frame[x], frame[y]), [x, y]
    return None


def _points(x: pd.Series, y: pd.Series) -> np.ndarray[Any, Any]:
    """Return points, None where one of the two is no finite number."""
    east = pd.to_numeric(x, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    north = pd.to_numeric(y, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    there = np.isfinite(east) & np.isfinite(north)
    shapes = np.full(len(x), None, dtype=object)
    shapes[there] = shapely.points(east[there], north[there])
    return shapes
