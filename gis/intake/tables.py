"""Tables that carry places as text: CSV and workbooks with WKT or with a pair of coordinate columns."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
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
    r"\s*(MULTI)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE)|\s*(GEOMETRYCOLLECTION|CIRCULARSTRING|COMPOUNDCURVE)",
    re.IGNORECASE,
)
_CURVE = re.compile(r"\s*(MULTI)?(CURVE|SURFACE)|\s*(CIRCULARSTRING|COMPOUNDCURVE)", re.IGNORECASE)
# one column of pairs, and in which order its name says that they stand
CELLS = (
    dict.fromkeys(("经纬度", "经度纬度", "经度,纬度", "lonlat", "lnglat", "lon,lat", "lng,lat", "lon_lat"), "lon first")
    | dict.fromkeys(
        ("纬经度", "纬度经度", "纬度,经度", "latlon", "latlng", "lat,lon", "lat,lng", "lat_lon"), "lat first"
    )
    | dict.fromkeys(("坐标", "中心点", "中心坐标", "位置坐标", "location", "coordinates", "coordinate", "coord"), "")
)
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
# full-width brackets, commas and semicolons count like the others
_PAIR = re.compile(rf"\s*[(\[\uff08]?\s*({_NUMBER})\s*[,;\s\uff0c\uff1b]\s*({_NUMBER})\s*[)\]\uff09]?\s*$")
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")
# no name of a column: a decimal number, a pair, a code of five figures or more (2019 may be a name)
_VALUE = re.compile(rf"[+-]?\d+\.\d+(e[+-]?\d+)?|\d{{5,}}|{_PAIR.pattern}", re.IGNORECASE)
# degrees within which China lies; no longitude of it is a latitude of it
_LONGITUDES, _LATITUDES = (73.0, 136.0), (3.0, 54.0)
# rows read at a time, and bytes by which the encoding of a long file is told
PIECE = 100_000
_SAMPLE = 1 << 24
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
    codec, decision, notes = _decided(path, encoding)
    try:
        with path.open(encoding=codec, newline="") as stream:
            line = stream.readline()
            delimiter = max(",\t;|", key=line.count)
            stream.seek(0)
            first = next(csv.reader(stream, delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error as error:
        raise SourceError(f"{path.name} cannot be read as a table: {error}") from None
    names = _numbered(first) if _holds_values(first) else first
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise SourceError(
            f"{path.name}: the column {twice[0]!r} is there twice; give each its own name", column=twice[0]
        )
    named = {"header": None, "names": names} if names is not first else {}
    frame = _in_pieces(path, codec, sep=delimiter, **named)
    content = placed(frame, path, "CSV", decisions=(decision,), headerless=names is not first)
    return dataclasses.replace(content, notes=(*notes, *content.notes))


def _in_pieces(path: Path, codec: str, **options: Any) -> pd.DataFrame:
    """Read a delimited text file piece by piece, so that no more than a piece is held as single texts."""
    options |= {"dtype": "str", "keep_default_na": False, "na_values": [""], "skipinitialspace": True}
    try:
        with pd.read_csv(path, encoding=codec, chunksize=PIECE, **options) as pieces:
            parts = list(pieces)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"{path.name} cannot be read as a table: {str(error).splitlines()[0]}") from None
    # pandas takes what goes beyond the names for an index
    if not all(isinstance(part.index, pd.RangeIndex) for part in parts):
        raise SourceError(f"{path.name} cannot be read as a table: rows have more values than the first line has names")
    return pd.concat(parts, ignore_index=True)


def _numbered(values: Sequence[Any]) -> list[str]:
    """Return names for columns that have none."""
    return [f"column_{number}" for number in range(1, len(values) + 1)]


def _holds_values(first: Sequence[str | None]) -> bool:
    """Tell whether a first line is a row: it holds WKT, a decimal number, a pair of them or a long code, not names."""
    return any(cell and (_VALUE.fullmatch(cell.strip()) or _WKT.match(cell)) for cell in first)


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
    titles, head, rows = _below_titles(sheets[sheet])
    names = [_cell(value) or "" for value in head]
    headerless = _holds_values(names)
    if headerless:
        names, rows = _numbered(names), [head, *rows]
    wrong = [name for name in names if not name or names.count(name) > 1]
    if wrong:
        raise SourceError(
            f"{path.name}, sheet {sheet}: the first row must name every column once; came {', '.join(names)}",
            names=names,
        )
    cells = [[_cell(value) for value in row] for row in rows]
    frame = pd.DataFrame(cells, columns=names, dtype="str").dropna(how="all").reset_index(drop=True)
    decisions = (Decision("layer", sheet, "sheet"),)
    content = placed(frame, path, "workbook", inner=sheet, decisions=decisions, headerless=headerless)
    noted = [findings.finding("source.title_skipped", path.name, severity="info", titles=titles)] if titles else []
    return dataclasses.replace(content, notes=(*noted, *content.notes))


def _below_titles(rows: list[list[Any]]) -> tuple[list[str], list[Any], list[list[Any]]]:
    """Part a sheet into titles, the row of names and the rest; a title stands alone in its row, above the names."""
    titles = []
    while len(rows) > 2 and len(rows[0]) > 1 and sum(_cell(value) is not None for value in rows[0]) <= 1:
        titles += [text for text in map(_cell, rows[0]) if text]
        rows = rows[1:]
    return titles, rows[0], rows[1:]


def placed(
    frame: pd.DataFrame,
    path: Path,
    format_: str,
    *,
    inner: str | None = None,
    decisions: tuple[Decision, ...] = (),
    claims: str = "none",
    headerless: bool = False,
) -> Content:
    """Give a table its geometry from a WKT column, a pair of coordinate columns, or one column of such pairs.

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
    headerless
        Whether the columns have no names of their own: then places are told by the values alone.

    Returns
    -------
    Content
        With a plain frame where there is no place. A value that is no WKT or no number gives a row without geometry,
        and stays in its column.

    Raises
    ------
    EmptyError
        No rows.
    SourceError
        Places that can be read in two ways.
    """
    if frame.empty:
        raise EmptyError(f"{path.name} has no rows")
    notes = []
    if headerless:
        decisions = (*decisions, Decision("header", "none", "values in the first line"))
        names = [str(name) for name in frame.columns]
        notes.append(findings.finding("source.headerless", path.name, severity="info", columns=names))
    found = _nameless(frame, path.name) if headerless else _shapes(frame, path.name)
    if found is None:
        return Content(frame, format_, inner, decisions=decisions, notes=tuple(notes))
    shapes, columns = found
    unread = shapely.is_missing(shapes) & frame[columns].notna().all(axis=1).to_numpy()
    if unread.any():
        count = int(unread.sum())
        notes.append(findings.finding("source.places_unreadable", path.name, severity="warning", count=count))
    arcs = int(_curved(frame[columns[0]]).sum()) if len(columns) == 1 else 0
    if arcs:
        notes.append(findings.finding("geometry.curves_straightened", path.name, severity="info", count=arcs))
    ground = "EPSG:4326" if claims == "standard" else None
    return Content(
        gpd.GeoDataFrame(_rest(frame, columns, unread), geometry=gpd.GeoSeries(shapes, index=frame.index, crs=ground)),
        format_,
        inner,
        claims,
        (*decisions, Decision("geometry", ", ".join(columns), "columns")),
        tuple(notes),
    )


def _rest(frame: pd.DataFrame, columns: list[str], unread: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return a table without the one column that is the geometry itself; what could not be read of it stays."""
    # a pair may also be data, so it stays
    if len(columns) > 1:
        return frame
    if not unread.any():
        return frame.drop(columns=columns)
    name = f"{columns[0]}_" if columns[0] == "geometry" else columns[0]
    return frame.drop(columns=columns).assign(**{name: frame[columns[0]].where(unread)})


def _decided(path: Path, given: str | None) -> tuple[str, Decision, list[dict[str, Any]]]:
    """Decide the encoding of a file, honouring a byte order mark; a long one by its beginning, proved on the rest."""
    with path.open("rb") as stream:
        head = stream.read(_SAMPLE)
        sample = head if len(head) < _SAMPLE else head + stream.readline()
    for mark, codec in _MARKS:
        if given is None and head.startswith(mark):
            if not _reads(path, codec):
                raise SourceError(f"{path.name}: begins as {codec} and is not; say which with --encoding")
            return codec, Decision("encoding", codec, "byte order mark"), []
    decided = None
    if len(head) == _SAMPLE and not sample.isascii():
        decided = encodings.decide([(sample, False)], given=given, cpg=None, name=path.name)
        if not _reads(path, decided.name):
            decided = None
    if decided is None:
        decided = encodings.decide([(path.read_bytes(), False)], given=given, cpg=None, name=path.name)
    return decided.name, Decision("encoding", decided.name, decided.how), encodings.remarks(decided, path.name)


def _reads(path: Path, codec: str) -> bool:
    """Tell whether a whole file is text in an encoding, holding little of it at a time."""
    try:
        with path.open(encoding=codec, newline="") as stream:
            while stream.read(_SAMPLE):
                pass
    except UnicodeDecodeError:
        return False
    return True


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


def _shapes(frame: pd.DataFrame, file: str) -> tuple[np.ndarray[Any, Any], list[str]] | None:
    """Return the geometries and the columns that they come from."""
    names = {str(name).strip().casefold(): str(name) for name in frame.columns}
    for candidate in WKT_NAMES:
        if candidate in names and isinstance(frame[names[candidate]].dtype, pd.StringDtype):
            texts = frame[names[candidate]]
            if texts.dropna().map(lambda text: bool(_WKT.match(text))).any():
                return _wkt(texts), [names[candidate]]
    for east, north in PAIRS:
        x = next((names[name] for name in east if name in names), None)
        y = next((names[name] for name in north if name in names), None)
        if x is not None and y is not None:
            return _points(frame[x], frame[y]), [x, y]
    for candidate in CELLS:
        if candidate in names and isinstance(frame[names[candidate]].dtype, pd.StringDtype):
            found = _cell_points(frame[names[candidate]], CELLS[candidate], file)
            if found is not None:
                return found, [names[candidate]]
    return None


def _cell_points(column: pd.Series, order: str, file: str) -> np.ndarray[Any, Any] | None:
    """Return points from cells such as "116.10,39.94"; None where no cell is a pair."""
    parts = column.str.extract(_PAIR)
    if not parts.notna().all(axis=1).any():
        return None
    first, second = (pd.to_numeric(parts[number]) for number in (0, 1))
    if order == "" and max(first.abs().max(), second.abs().max()) <= 180:
        # a latitude is never beyond 90°: what is beyond is a longitude
        beyond = (bool(first.abs().max() > 90), bool(second.abs().max() > 90))
        if beyond[0] == beyond[1]:
            raise SourceError(
                f"{file}: column {column.name} may be longitude, latitude or latitude, longitude; call it 经纬度 or "
                "纬经度",
                column=str(column.name),
            )
        order = "lon first" if beyond[0] else "lat first"
    return _points(second, first) if order == "lat first" else _points(first, second)


def _nameless(frame: pd.DataFrame, file: str) -> tuple[np.ndarray[Any, Any], list[str]] | None:
    """Return the geometries of a table without names, told by the values; refuse what can be read in two ways."""
    kinds = {str(name): _kind(frame[name]) for name in frame.columns}
    order = list(kinds)
    pairs = [
        (lon, lat)
        for lon, lat in itertools.product(order, order)
        if (kinds[lon], kinds[lat]) == ("lon", "lat") and abs(order.index(lon) - order.index(lat)) == 1
    ]
    single = [name for name in order if kinds[name] in {"wkt", "cell"}]
    if len(single) + len(pairs) > 1:
        listed = ", ".join([*single, *(" + ".join(pair) for pair in pairs)])
        raise SourceError(
            f"{file} has no line of names, and {listed} may each be the place; add a first line with lon and lat, or "
            "wkt, above it",
            columns=listed,
        )
    if pairs:
        return _points(*(frame[name] for name in pairs[0])), list(pairs[0])
    if not single:
        return None
    column = frame[single[0]]
    found = _wkt(column) if kinds[single[0]] == "wkt" else _cell_points(column, "", file)
    return None if found is None else (found, single)


def _kind(column: pd.Series) -> str | None:
    """Return as what a column without a name may be a place: "wkt", "cell", "lon", "lat", else None."""
    texts = column.dropna()
    if texts.empty:
        return None
    if texts.map(lambda text: bool(_WKT.match(text))).all():
        return "wkt"
    if texts.str.fullmatch(_PAIR).all():
        return "cell"
    if not texts.str.fullmatch(_DECIMAL).all():
        return None
    numbers = texts.astype(float)
    ranges = (("lon", *_LONGITUDES), ("lat", *_LATITUDES))
    return next((kind for kind, low, high in ranges if numbers.between(low, high).all()), None)


def _wkt(column: pd.Series) -> np.ndarray[Any, Any]:
    """Return geometries from WKT, None where it is none; curves are straightened by GDAL."""
    texts = column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
    curved = _curved(column)
    shapes = np.full(len(texts), None, dtype=object)
    shapes[~curved] = shapely.from_wkt(texts[~curved], on_invalid="ignore")
    if curved.any():
        with tempfile.TemporaryDirectory(prefix="gis-") as folder:
            path = Path(folder) / "curves.csv"
            pd.DataFrame({"WKT": texts[curved], "n": "1"}).to_csv(path, index=False, encoding="utf-8")
            read = pyogrio.read_dataframe(path, columns=[], use_arrow=False, on_invalid="ignore")
        if isinstance(read, gpd.GeoDataFrame) and len(read) == int(curved.sum()):
            shapes[curved] = read.geometry.to_numpy()
    return shapes


def _curved(column: pd.Series) -> np.ndarray[Any, Any]:
    """Tell which cells are WKT with arcs."""
    return np.array([isinstance(text, str) and bool(_CURVE.match(text)) for text in column.array], dtype=bool)


def _points(x: pd.Series, y: pd.Series) -> np.ndarray[Any, Any]:
    """Return points, None where one of the two is no finite number."""
    east = pd.to_numeric(x, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    north = pd.to_numeric(y, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    there = np.isfinite(east) & np.isfinite(north)
    shapes = np.full(len(x), None, dtype=object)
    shapes[there] = shapely.points(east[there], north[there])
    return shapes
