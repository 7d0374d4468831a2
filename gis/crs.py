"""Coordinate reference systems: what is the same, what may be transformed, and what is refused.

PROJ knows no real transformation between CGCS2000 and WGS 84 (the difference is centimetres and is accepted) nor from
Xian 1980 or Beijing 1954 (tens of metres, and PROJ moves nothing without a word: domain.md fact 12). Only the first is
let through.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pyproj.network
import shapely
from pyproj.transformer import TransformerGroup

from gis.errors import CrsError

# no answer hangs on what a server has today, and no file makes PROJ ask one
pyproj.network.set_network_enabled(active=False)

CGCS2000 = pyproj.CRS("EPSG:4490")
WGS84 = pyproj.CRS("EPSG:4326")
# geodetic datums between which an identity transform is accepted; the difference is below a decimetre
_SAME_GROUND = {"CGCS2000", "WGS84"}
# datums whose published transformations are tens of metres off here; the surveying office must supply the parameters
_REFUSED = {"Beijing 1954", "Xian 1980", "New Beijing"}
_DATUM_NAMES = {
    "China 2000": "CGCS2000",
    "China_2000": "CGCS2000",
    "D_China_2000": "CGCS2000",
    "China Geodetic Coordinate System 2000": "CGCS2000",
    "World Geodetic System 1984": "WGS84",
    "World Geodetic System 1984 ensemble": "WGS84",
    "WGS_1984": "WGS84",
    "D_WGS_1984": "WGS84",
}


# numbers in names: in digits, and in Chinese from two characters
_NUMBER = re.compile(r"\d+(?:\.\d+)?|[〇零一二三四五六七八九十百千万点]{2,}")
# of datums, which everybody knows
_YEARS = {"1954", "1980", "2000"}


@lru_cache(maxsize=64)
def parse(text: str) -> pyproj.CRS:
    """Return the CRS that an EPSG code, a WKT text or a WKT file names.

    Parameters
    ----------
    text
        "EPSG:4548", a WKT string, or the path of a file with WKT.

    Returns
    -------
    pyproj.CRS

    Raises
    ------
    CrsError
        The text names no CRS. A bureau's own WKT is never repeated in the message.
    """
    candidate = text
    if not text.lstrip().upper().startswith(("EPSG", "PROJ", "GEOG", "COMPOUND", "BOUND", "+PROJ")):
        path = Path(text)
        if path.suffix.lower() in {".wkt", ".prj", ".txt"}:
            try:
                candidate = path.read_text(encoding="utf-8-sig")
            except (OSError, ValueError) as error:
                said = f"{getattr(error, 'strerror', None) or 'it is no text in UTF-8'}; give a file with WKT"
                raise CrsError(f"cannot read the CRS file {path.name}: {said}", file=path.name) from None
    try:
        return pyproj.CRS(candidate)
    except pyproj.exceptions.CRSError:
        shown = text if len(text) < 40 else "(text not shown)"
        raise CrsError(
            f"{shown!r} names no coordinate reference system; give an EPSG code such as EPSG:4548 or a WKT file"
        ) from None


def label(crs: pyproj.CRS | None) -> str:
    """Return a short name of a CRS for messages and files, without the parameters of a bureau's own grid.

    Parameters
    ----------
    crs
        A CRS or None.

    Returns
    -------
    str
        "EPSG:4548", the CRS's name, or "none". Numbers in the name of an own grid that tell its parameters are "…".
    """
    if crs is None:
        return "none"
    code = _code(crs)
    return f"EPSG:{code}" if code else discreet(crs)


def identity(crs: pyproj.CRS) -> str:
    """Return what a store remembers a CRS by.

    Parameters
    ----------
    crs
        Any CRS.

    Returns
    -------
    str
        "EPSG:4548", or the whole name of a bureau's own grid.
    """
    code = _code(crs)
    return f"EPSG:{code}" if code else str(crs.name)


def tells(crs: pyproj.CRS) -> bool:
    """Tell whether the name of a CRS gives its parameters away, as in "某区独立坐标系 116°18′ FE500km".

    Parameters
    ----------
    crs
        A bureau's own grid.

    Returns
    -------
    bool
        True also for numbers that may be meant so: of five digits, with decimals, or written in Chinese.
    """
    name = unicodedata.normalize("NFKC", str(crs.name))
    known = {number for value in _parameters(crs) for number in _spellings(value)}
    digits = " ".join(re.sub(r"\D", "", repr(value)) for value in _parameters(crs))
    for number in _NUMBER.findall(name):
        long = len(number) > 2 and number in digits and number not in _YEARS
        if not number.isdecimal() or len(number) > 4 or int(number) in known or long:
            return True
    return False


def discreet(crs: pyproj.CRS) -> str:
    """Return the name of a CRS as it may leave: without its numbers, where they give the grid away.

    Parameters
    ----------
    crs
        A bureau's own grid.

    Returns
    -------
    str
        With "…" for each number of a name that `tells`; any other name as it is.
    """
    name = str(crs.name)
    return masked(name) if tells(crs) else name


def masked(name: str) -> str:
    """Return a name without its numbers.

    Parameters
    ----------
    name
        Of a grid whose parameters are not at hand.

    Returns
    -------
    str
    """
    return _NUMBER.sub("…", unicodedata.normalize("NFKC", name))


def public(crs: pyproj.CRS | None) -> pyproj.CRS | None:
    """Return a CRS as it may be written into a file.

    Parameters
    ----------
    crs
        A CRS or None.

    Returns
    -------
    pyproj.CRS or None
        What the EPSG registry says of it; None for a bureau's own grid, whose parameters never leave.
    """
    code = None if crs is None else _code(crs)
    return pyproj.CRS.from_epsg(code) if code else None


def same(a: pyproj.CRS | None, b: pyproj.CRS | None) -> bool:
    """Tell whether two CRSs give identical coordinates (axis order and .prj round trips aside).

    Parameters
    ----------
    a, b
        CRSs, or None.

    Returns
    -------
    bool
        False when either is None.
    """
    if a is None or b is None:
        return False
    return a.equals(b, ignore_axis_order=True) or (_code(a) is not None and _code(a) == _code(b))


def in_metres(crs: pyproj.CRS) -> bool:
    """Tell whether the coordinates of a CRS are metres.

    Parameters
    ----------
    crs
        Any CRS.

    Returns
    -------
    bool
    """
    return bool(crs.axis_info) and crs.axis_info[0].unit_name in {"metre", "meter", "m"}


def require(frame: gpd.GeoDataFrame, crs: str | pyproj.CRS | None = None, *, name: str = "frame") -> pyproj.CRS:
    """Refuse a frame that has no CRS, a geographic one, or another one than wanted.

    Parameters
    ----------
    frame
        Any GeoDataFrame.
    crs
        The CRS wanted; None means any projected CRS in metres.
    name
        What the frame is called in the message.

    Returns
    -------
    pyproj.CRS
        The frame's CRS.

    Raises
    ------
    CrsError
        With the CRS that came and the one that is allowed.
    """
    came = frame.crs
    if came is None:
        raise CrsError(f"{name} has no coordinate reference system; say which with .set_crs() or --crs", came=None)
    if crs is None:
        if not came.is_projected or not in_metres(came):
            raise CrsError(f"{name} is in {label(came)}; areas need a projected CRS in metres", came=label(came))
        return came
    wanted = parse(crs) if isinstance(crs, str) else crs
    if not same(came, wanted):
        raise CrsError(
            f"{name} is in {label(came)} but {label(wanted)} is needed; convert it with gis.crs.to()",
            came=label(came),
            allowed=label(wanted),
        )
    return came


def require_same(frames: dict[str, gpd.GeoDataFrame]) -> pyproj.CRS:
    """Refuse frames that are not all in one projected CRS.

    Parameters
    ----------
    frames
        Frames by the name used in messages; at least one.

    Returns
    -------
    pyproj.CRS
        The CRS they share.

    Raises
    ------
    CrsError
        At the first frame without a projected CRS or with another one than the first frame's.
    """
    first: pyproj.CRS | None = None
    for name, frame in frames.items():
        first = require(frame, first, name=name)
    if first is None:
        raise CrsError("no frame was given")
    return first


# looking a transformation up in PROJ's database takes a tenth of a second, and layers are many
@lru_cache(maxsize=64)
def transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Return the best transformation, refusing one that PROJ can only guess ("ballpark").

    Grounds other than CGCS2000, of which PROJ knows the way to WGS 84 only, go that way: the two are the same ground.

    Parameters
    ----------
    source, target
        Horizontal CRSs.

    Returns
    -------
    pyproj.Transformer
        With x (east), y (north) order on both sides.

    Raises
    ------
    CrsError
        Between datums other than CGCS2000 and WGS 84 for which PROJ knows no real transformation.
    """
    datums = {ground(source), ground(target)}
    if datums <= _SAME_GROUND or len(datums) == 1:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    # looking for what is refused anyway takes PROJ a third of a second
    found = None if datums & _REFUSED else _registered(source, target) or _through_wgs84(source, target)
    if found is None:
        raise CrsError(
            f"no registered transformation from {label(source)} to {label(target)}: PROJ would leave the coordinates "
            "tens of metres off without a word; ask the surveying office for data in CGCS2000 or for its parameters",
            came=label(source),
            allowed=label(target),
        )
    return found


@lru_cache(maxsize=64)
def reaches_degrees(system: pyproj.CRS) -> bool:
    """Tell whether somebody vouches for a way from a CRS to longitude and latitude in CGCS2000.

    Parameters
    ----------
    system
        Any CRS; a bureau's own grid often has none.

    Returns
    -------
    bool
    """
    try:
        transformer(system, CGCS2000)
    except CrsError:
        return False
    return True


def _registered(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer | None:
    """Return the best transformation that PROJ's database vouches for and whose grids are here."""
    with warnings.catch_warnings():
        # that the best one lacks its grid is told by the group itself
        warnings.simplefilter("ignore")
        group = TransformerGroup(source, target, always_xy=True, allow_ballpark=False)
    return group.transformers[0] if group.transformers and group.best_available else None


def _through_wgs84(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer | None:
    """Return the two registered steps over WGS 84 as one, where one end is the same ground as WGS 84."""
    if not {ground(source), ground(target)} & _SAME_GROUND:
        return None
    ends = [(source, WGS84), (WGS84, target)]
    steps = [
        pyproj.Transformer.from_crs(one, other, always_xy=True)
        if {ground(one), ground(other)} <= _SAME_GROUND
        else _registered(one, other)
        for one, other in ends
    ]
    # what PROJ chooses by place only when it is asked has no definition to be joined
    if any(step is None or "proj=" not in step.definition for step in steps):
        return None
    joined = " ".join(f"step {step.definition.removeprefix('proj=pipeline step ')}" for step in steps if step)
    return pyproj.Transformer.from_pipeline(f"proj=pipeline {joined}")


def to(frame: gpd.GeoDataFrame, crs: str | pyproj.CRS, *, name: str = "frame") -> gpd.GeoDataFrame:
    """Return the frame in another CRS, refusing transforms that nobody can vouch for.

    Parameters
    ----------
    frame
        A frame with a CRS.
    crs
        Target CRS.
    name
        What the frame is called in messages.

    Returns
    -------
    geopandas.GeoDataFrame
        Same rows and index.

    Raises
    ------
    CrsError
        No CRS, or only a ballpark transformation.
    """
    target = parse(crs) if isinstance(crs, str) else crs
    if frame.crs is None:
        raise CrsError(f"{name} has no coordinate reference system; say which with .set_crs() or --crs", came=None)
    if same(frame.crs, target):
        return frame.set_crs(target, allow_override=True)
    move = transformer(frame.crs, target).transform
    shapes = frame.geometry.to_numpy()
    moved = shapely.transform(shapes, lambda places: np.column_stack(move(places[:, 0], places[:, 1])))
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=target))


def ellipsoidal_area(frame: gpd.GeoDataFrame) -> pd.Series:
    """Measure 椭球面积: the geodesic area on the ellipsoid, as national deliveries ask (domain.md fact 24).

    Parameters
    ----------
    frame
        Polygons in any CRS.

    Returns
    -------
    pandas.Series
        m², on the frame's index.

    Raises
    ------
    CrsError
        No CRS, or one without an ellipsoid.

    Notes
    -----
    CGCS2000 and WGS 84 are measured on the ellipsoid of CGCS2000. Another datum is measured on its own ellipsoid: that
    needs no way from one datum to the other, which a bureau's own grid may not have.
    """
    if frame.crs is None:
        raise CrsError("frame has no coordinate reference system; say which with .set_crs() or --crs", came=None)
    own = CGCS2000 if ground(frame.crs) in _SAME_GROUND else frame.crs.geodetic_crs
    geod = own.get_geod() if own is not None else None
    if own is None or geod is None:
        raise CrsError(f"{label(frame.crs)} has no ellipsoid to measure on", came=label(frame.crs))
    geographic = to(frame, own, name="frame")
    # pyproj adds a hole that turns the same way as its outer ring
    # a corner that a damaged file has thrown off the map has no place on the ellipsoid: its shape's area is missing
    with np.errstate(invalid="ignore"):
        turned = shapely.orient_polygons(geographic.geometry.to_numpy(), exterior_cw=False)
    values = [abs(geod.geometry_area_perimeter(shape)[0]) if shape else float("nan") for shape in turned]
    return pd.Series(values, index=frame.index, name="ellipsoidal_area_m2", dtype=float)


def _parameters(crs: pyproj.CRS) -> list[float]:
    """Return the numbers that define a grid, without 0 and 1, which define nothing."""
    values: list[float] = []
    # a grid with a way to WGS 84 holds its projection one step further in
    for each in (crs, crs.source_crs):
        if each is not None and each.coordinate_operation is not None:
            operation = each.coordinate_operation
            values += [float(param.value) for param in operation.params] + list(operation.towgs84)
    ellipsoid = crs.ellipsoid
    values += [] if ellipsoid is None else [ellipsoid.semi_major_metre, ellipsoid.inverse_flattening]
    return [abs(value) for value in values if value not in {0, 1}]


def _spellings(value: float) -> set[int]:
    """Return the whole numbers that a parameter may be written with: metres, kilometres, degrees, minutes, seconds."""
    seconds = round(value * 3600)
    parts = {int(value), round(value), round(value / 1000)}
    return (parts | {seconds // 60 % 60, seconds % 60} if value < 360 else parts) - {0, 1}


@lru_cache(maxsize=256)
def _code(crs: pyproj.CRS) -> int | None:
    """Return the EPSG code, which a CRS without authority makes PROJ search for at length."""
    return crs.to_epsg()


def ground(crs: pyproj.CRS) -> str:
    """Name the family of a CRS's datum.

    Parameters
    ----------
    crs
        Any CRS.

    Returns
    -------
    str
        "CGCS2000", "WGS84" or the datum's own name.
    """
    geodetic = crs.geodetic_crs
    datum = geodetic.datum if geodetic is not None else None
    name = datum.name if datum is not None else "unknown"
    return _DATUM_NAMES.get(name, name)
