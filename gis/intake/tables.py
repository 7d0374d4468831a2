"""Tables that carry places as text: WKT, a pair of coordinate columns, or one column of pairs; and CSV."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from gis import crs, drivers, findings, writing
from gis.errors import EmptyError, SourceError
from gis.intake import encodings, headers, values
from gis.intake.admission import limits, nesting
from gis.intake.sources import Content, Decision

WKT_NAMES = ("wkt", "geometry", "geom", "the_geom", "图形", "几何")
PAIRS = (
    (
        ("lon", "lng", "long", "longitude", "stop_lon", "经度", "東經", "經度", "东经"),
        ("lat", "latitude", "stop_lat", "纬度", "北緯", "緯度", "北纬"),
    ),
    (("x", "x坐标", "横坐标", "东坐标", "easting"), ("y", "y坐标", "纵坐标", "北坐标", "northing")),
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
# what may stand behind the name of a coordinate: its unit, and what a form asks for
_BESIDE_NAME = re.compile(r"[\s*]+|(\((°|度|十进制度|米|m|必填)\))?:*$")
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")
# degrees within which China lies; no longitude of it is a latitude of it
_LONGITUDES, _LATITUDES = (73.0, 136.0), (3.0, 54.0)
# 116°06′12.5″, with primes, quotation marks or letters of Chinese, in which NFKC leaves some as they are
_SEXAGESIMAL = re.compile(
    r"^\s*(?:[EN]|东经|北纬)?\s*(?P<degrees>\d{1,3})\s*[°º度]\s*(?P<minutes>\d{1,2}(?:\.\d+)?)\s*['\u2032\u2019分]"
    r"\s*(?:(?P<seconds>\d{1,2}(?:\.\d+)?)\s*(?:\"|\u2033|\u201d|''|\u2032\u2032|秒))?\s*(?P<side>[NSEWnsew])?\s*$"
)
# degrees behind words for their direction or before their sign
_DIRECTED = re.compile(
    r"^\s*(?:[EN]|东经|北纬|東經|北緯)?\s*(?P<number>[+-]?\d+(?:\.\d+)?)\s*[°º度]?\s*[EN]?\s*$", re.IGNORECASE
)
# a text that was kept from being run as a formula, and one that was kept a text by being written as one
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_WRITTEN = re.compile(r'="([^"]*)"')
# a column of WKT may name the CRS of its coordinates
_NAMED = re.compile(r"(?P<name>[^()]+)\((?P<crs>[A-Za-z]+:\d+)\)")
_DELIMITERS = ",\t;|"
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
        The bytes are in no known encoding, the text is JSON, or a line has more values than there are columns.
    EmptyError
        No rows.
    """
    codec, decision, notes = _decided(path, encoding)
    _require_table(path, codec)
    try:
        delimiter, head = _head(path, codec)
    except csv.Error as error:
        raise SourceError(f"{path.name} cannot be read as a table: {error}") from None
    twice = sorted({name for name in head.names if head.names.count(name) > 1 and name})
    if twice:
        raise SourceError(
            f"{path.name}: the column {twice[0]!r} is there twice; give each its own name", column=twice[0]
        )
    named: dict[str, Any] = {"header": None, "names": list(head.names), "skiprows": head.first}
    if head.titles or head.depth > 1 or head.units:
        headers.require(head, path.name)
        notes += headers.remarks(head, path.name)
    elif head.depth == 1:
        # a last name may be blank, and pandas gives it one
        named = {}
    frame, guarded = _bare(_in_pieces(path, codec, sep=delimiter, **named))
    if guarded:
        notes.append(findings.finding("source.guards_dropped", path.name, severity="info", count=guarded))
    content = placed(frame, path, "CSV", decisions=(decision,), headerless=not head.depth)
    return dataclasses.replace(content, notes=(*notes, *content.notes), unit=head.unit)


def _require_table(path: Path, codec: str) -> None:
    """Refuse JSON, whose lines look like a table with many names."""
    with path.open(encoding=codec, errors="replace") as stream:
        start = stream.read(256).lstrip("\ufeff\x1e \t\r\n")
    if start.startswith("{"):
        raise SourceError(
            f"{path.name} is JSON, not a table; name it .geojson, or .geojsonl where each line is an object of its own",
            path=str(path),
        )


def _bare(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Take off what keeps a spreadsheet from running a text or making a number of it; return how many there were."""
    count = 0
    for column in frame.columns:
        written = frame[column].str.startswith("=").fillna(False).astype(bool)
        if written.any():
            written &= frame[column].str.fullmatch(_WRITTEN).fillna(False).astype(bool)
        if written.any():
            count += int(written.sum())
            frame[column] = frame[column].where(~written, frame[column].str[2:-1])
        guarded = frame[column].str.startswith("'") & frame[column].str.match(_GUARDED)
        if guarded.any():
            count += int(guarded.sum())
            frame[column] = frame[column].where(~guarded, frame[column].str[1:])
    return frame, count


def _head(path: Path, codec: str) -> tuple[str, headers.Head]:
    """Return what parts the values of a delimited text file, and its head."""
    with path.open(encoding=codec, newline="") as stream:
        # a title alone in its line says nothing about it
        lines = itertools.islice(stream, headers.SEARCHED)
        line = next((line for line in lines if any(mark in line for mark in _DELIMITERS)), "")
        delimiter = max(_DELIMITERS, key=line.count)
        stream.seek(0)
        records = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
        rows = list(itertools.islice(records, headers.SEARCHED))
    width = max(map(len, rows), default=0)
    limits.require("columns", width)
    first = headers.find([[*(text or None for text in row), *[None] * (width - len(row))] for row in rows or [[]]])
    plain = first.depth == 1 and not first.titles
    return delimiter, dataclasses.replace(first, names=tuple(rows[0])) if plain and rows else first


def _in_pieces(path: Path, codec: str, **options: Any) -> pd.DataFrame:
    """Read a delimited text file piece by piece, so that no more than a piece is held as single texts."""
    options |= {"dtype": "str", "keep_default_na": False, "na_values": [""], "skipinitialspace": True}
    try:
        with pd.read_csv(path, encoding=codec, chunksize=PIECE, **options) as pieces:
            parts = list(_counted(pieces))
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"{path.name} cannot be read as a table: {str(error).splitlines()[0]}") from None
    # pandas takes what goes beyond the names for an index
    if not all(isinstance(part.index, pd.RangeIndex) for part in parts):
        raise SourceError(f"{path.name} cannot be read as a table: rows have more values than the first line has names")
    return pd.concat(parts, ignore_index=True)


def _counted(pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield pieces as long as they are no more rows, and take no more time, than allowed."""
    rows = 0
    for piece in pieces:
        rows += len(piece)
        limits.require("rows", rows)
        limits.in_time()
        yield piece


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
    said = _NAMED.fullmatch(normalize("NFKC", columns[0])) if len(columns) == 1 else None
    ground = crs.parse(said["crs"]) if said else crs.WGS84 if claims == "standard" else None
    return Content(
        gpd.GeoDataFrame(_rest(frame, columns, unread), geometry=gpd.GeoSeries(shapes, index=frame.index, crs=ground)),
        format_,
        inner,
        "declared" if said else claims,
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


def _shapes(frame: pd.DataFrame, file: str) -> tuple[np.ndarray[Any, Any], list[str]] | None:
    """Return the geometries and the columns that they come from."""
    names = {_called(headers.leaf(str(name))): str(name) for name in frame.columns}
    if len(names) < len(frame.columns):
        # of two groups with columns of one name nobody says which is the place
        names = {_called(str(name)): str(name) for name in frame.columns}
    bare = {said["name"].strip(): name for name in names if (said := _NAMED.fullmatch(normalize("NFKC", name)))}
    names |= {name: names[whole] for name, whole in bare.items() if name in WKT_NAMES and name not in names}
    for candidate in WKT_NAMES:
        if candidate in names and isinstance(frame[names[candidate]].dtype, pd.StringDtype):
            texts = frame[names[candidate]]
            if texts.dropna().map(lambda text: bool(headers.WKT.match(text))).any():
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


def _called(name: str) -> str:
    """Return the name of a column as those of coordinates are listed: without a unit, in one width and case."""
    return _BESIDE_NAME.sub("", values.plain(name))


def _cell_points(column: pd.Series, order: str, file: str) -> np.ndarray[Any, Any] | None:
    """Return points from cells such as "116.10,39.94"; None where no cell is a pair."""
    parts = column.str.extract(headers.PAIR)
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
    if texts.map(lambda text: bool(headers.WKT.match(text))).all():
        return "wkt"
    if texts.str.fullmatch(headers.PAIR).all():
        return "cell"
    if not texts.str.fullmatch(_DECIMAL).all():
        return None
    numbers = texts.astype(float)
    ranges = (("lon", *_LONGITUDES), ("lat", *_LATITUDES))
    return next((kind for kind, low, high in ranges if numbers.between(low, high).all()), None)


def _wkt(column: pd.Series) -> np.ndarray[Any, Any]:
    """Return geometries from WKT, None where it is none; curves are straightened by GDAL."""
    texts = column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
    nesting.wkt(texts)
    curved = _curved(column)
    shapes = np.full(len(texts), None, dtype=object)
    shapes[~curved] = shapely.from_wkt(texts[~curved], on_invalid="ignore")
    if curved.any():
        with writing.scratch() as folder:
            path = folder / "curves.csv"
            pd.DataFrame({"WKT": texts[curved], "n": "1"}).to_csv(path, index=False, encoding="utf-8")
            with drivers.only("CSV"):
                read = pyogrio.read_dataframe(path, columns=[], use_arrow=False, on_invalid="ignore")
        if isinstance(read, gpd.GeoDataFrame) and len(read) == int(curved.sum()):
            shapes[curved] = read.geometry.to_numpy()
    return shapes


def _curved(column: pd.Series) -> np.ndarray[Any, Any]:
    """Tell which cells are WKT with arcs."""
    return np.array([isinstance(text, str) and bool(_CURVE.match(text)) for text in column.array], dtype=bool)


def _points(x: pd.Series, y: pd.Series) -> np.ndarray[Any, Any]:
    """Return points, None where one of the two is no finite number."""
    east, north = _coordinates(x), _coordinates(y)
    there = np.isfinite(east) & np.isfinite(north)
    shapes = np.full(len(x), None, dtype=object)
    shapes[there] = shapely.points(east[there], north[there])
    return shapes


def _coordinates(column: pd.Series) -> np.ndarray[Any, Any]:
    """Return coordinates as numbers, NaN where there is none; degrees may be in minutes and seconds."""
    numbers = pd.to_numeric(column, errors="coerce")
    left = np.asarray(numbers.isna() & column.notna(), dtype=bool)
    found = numbers.to_numpy(dtype=float, na_value=np.nan, copy=True)
    if left.any() and isinstance(column.dtype, pd.StringDtype):
        found[left] = _degrees(column[left])
    return np.asarray(found)


def _degrees(texts: pd.Series) -> np.ndarray[Any, Any]:
    """Return degrees that are written with words, signs, minutes or seconds as numbers, NaN for anything else."""
    plain = texts.mask(texts.map(values.has_marks).astype(bool)).str.normalize("NFKC")
    parts = plain.str.extract(_SEXAGESIMAL)
    whole, minutes, seconds = (pd.to_numeric(parts[name]) for name in ("degrees", "minutes", "seconds"))
    # sixty minutes are a slip of the pen, and nobody knows of which
    sound = (minutes < 60) & ~(seconds >= 60)
    degrees = (whole + minutes / 60 + seconds.fillna(0.0) / 3600).where(sound)
    back = parts["side"].str.upper().isin(["S", "W"])
    numbers = pd.to_numeric(plain.str.extract(_DIRECTED)["number"]).fillna(degrees.where(~back, -degrees))
    return np.asarray(numbers.to_numpy(dtype=float, na_value=np.nan))
