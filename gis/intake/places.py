"""Where a file's coordinates may lie: every CRS, axis order and datum that could be meant, weighed by evidence.

Evidence is what the file declares, whether the coordinates fall into the district, and how far the lines lie from
layers that the caller trusts. Xian 1980, Beijing 1954 and CGCS2000 give nearly the same numbers, and nobody vouches for
a way from the first two to the third; GCJ-02 looks like WGS 84. So a range alone never settles which of them is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray

from gis import crs
from gis.intake import datums
from gis.intake.sources import Hypothesis

Bounds = tuple[float, float, float, float]
Points = NDArray[np.float64]

# vertices that a place is judged by
_SAMPLE = 2000
# shapes whose lines are held against a reference
_SHAPES = 3000
# how far beyond the district's bounds a place still counts as in it, degrees
_MARGIN = 0.05
# of the vertices inside: more than the first is possible, more than the second is certain, fewer than the last is wrong
_POSSIBLE, _CERTAIN, _WRONG = 0.5, 0.95, 0.05
# lines of two drawings of one thing lie no further apart than this, m
_FITS_M = 30.0
# what need not follow any line lies at least somewhere among them, m
_AROUND_M = 3000.0
# and of the vertices of a layer that follows the reference so many lie on it
_FOLLOWS = 0.1
# the best fit is at least so many times better than any other, and than the same lines moved by this, m
_BETTER, _DECOY_M = 4.0, 150.0
# places that differ by less are one, degrees
_SAME = 2e-7
# datums that differ by centimetres: degrees in one are degrees in the other
_OURS = {"CGCS2000", "WGS84"}
_SYSTEMS = ("CGCS2000", "Xian 1980", "Beijing 1954")


@dataclass(frozen=True)
class Place:
    """Hold one way to understand coordinates.

    Parameters
    ----------
    crs
        In which the numbers are.
    swapped
        Whether north comes first.
    datum
        Shift to be undone, None for none.
    claimed
        Whether it is what the file or the caller says.
    names
        Other CRSs that put the numbers at the same place.
    inside
        Share of the vertices that fall into the district; NaN where no district is known.
    metres
        Median distance to the reference; NaN where there is none.
    shared
        Share of the vertices that lie on the reference's lines.
    vouched
        Whether there is a transformation to CGCS2000 that somebody vouches for, or none is needed: the trusted layers
        are in the same grid.
    follows
        Whether the lines should be those of the reference: a project's outline says nothing by being off them.
    """

    crs: pyproj.CRS
    swapped: bool = False
    datum: str | None = None
    claimed: bool = False
    names: tuple[str, ...] = ()
    inside: float = float("nan")
    metres: float = float("nan")
    shared: float = 0.0
    vouched: bool = True
    follows: bool = True

    @property
    def score(self) -> float:
        """How well the evidence supports this place, 0 to 1."""
        there = 1.0 if np.isnan(self.inside) else self.inside
        scale = _FITS_M if self.follows else _AROUND_M
        near = 1.0 if np.isnan(self.metres) else max(self.shared, 1.0 / (1.0 + self.metres / scale))
        # data of a Chinese bureau are in CGCS2000 by law, and sometimes still in what was used before
        likely = 1.0 if self.claimed else 0.6 if crs.ground(self.crs) == "CGCS2000" else 0.5
        plain = (0.8 if self.swapped else 1.0) * (0.8 if self.datum else 1.0)
        return there * near * likely * plain

    def hypothesis(self) -> Hypothesis:
        """Return the place as one of a ranking."""
        value = " = ".join((crs.label(self.crs), *self.names))
        value += ", north first" if self.swapped else ""
        value += f", {self.datum}" if self.datum else ""
        said = ["as declared"] if self.claimed else []
        if not np.isnan(self.inside):
            said.append(f"{self.inside:.0%} of the vertices in the district")
        if not np.isnan(self.metres):
            said.append(f"{self.metres:.0f} m from the reference, {self.shared:.0%} on its lines")
        if not self.vouched:
            said.append("no transformation to CGCS2000 is vouched for")
        return Hypothesis("place", value, round(self.score, 3), "; ".join(said) or "nothing for or against it")


@dataclass(frozen=True)
class Lines:
    """Hold the lines by which a place is judged.

    Parameters
    ----------
    drawn
        Lines of some of the rows, as they came.
    reference
        Lines of all layers that are trusted, in degrees; none where no layer is.
    """

    drawn: NDArray[np.object_]
    reference: NDArray[np.object_]


def lines(frame: gpd.GeoDataFrame, fit: Mapping[str, gpd.GeoDataFrame]) -> Lines:
    """Gather the lines by which places are judged.

    Parameters
    ----------
    frame
        Rows; the frame's own CRS does not count.
    fit
        Layers in known CRSs whose lines the rows should share.

    Returns
    -------
    Lines
    """
    reference = _reference(fit)
    return Lines(_drawn(frame) if len(reference) else np.empty(0, dtype=object), reference)


def weigh(
    frame: gpd.GeoDataFrame,
    claimed: pyproj.CRS | None,
    bounds: Bounds | None,
    fit: Mapping[str, gpd.GeoDataFrame],
    judged_by: Lines,
    *,
    datum: str = "",
) -> list[Place]:
    """Weigh every place that coordinates may have.

    Parameters
    ----------
    frame
        Rows; the frame's own CRS does not count.
    claimed
        The CRS that the file declares or that the caller gives, None for none.
    bounds
        West, south, east and north of the district, degrees.
    fit
        Layers in known CRSs whose lines the rows should share.
    judged_by
        `lines` of the same.
    datum
        The shift that the file claims, "" for none.

    Returns
    -------
    list of Place
        Best first; places at the same coordinates are one. Impossible ones are left out, but never the claimed one.
    """
    points = _sample(frame)
    if not len(points):
        return [Place(claimed, datum=datum or None, claimed=True)] if claimed is not None else []
    found: list[tuple[Place, Points]] = []
    for place in _candidates(points, claimed, bounds, fit, datum):
        degrees = _degrees(points, place)
        inside = _inside(degrees, bounds)
        if not place.claimed and not np.isfinite(degrees).all():
            continue
        twin = next((n for n, (one, there) in enumerate(found) if _same(place, one, degrees, there)), None)
        if twin is None:
            found.append((replace(place, inside=inside), degrees))
        else:
            kept, before = found[twin]
            name = crs.label(place.crs)
            names = kept.names if name in {crs.label(kept.crs), *kept.names} else (*kept.names, name)
            found[twin] = (replace(kept, names=names), before)
    weighed = [_measured(place, judged_by) for place, _ in found]
    # outside the district only a reference speaks for a place
    likely = [one for one in weighed if one.claimed or not one.inside < _POSSIBLE or not np.isnan(one.metres)]
    return sorted(likely or weighed, key=_rank)


def _rank(place: Place) -> tuple[float, bool, bool, str, str]:
    """Return what places are sorted by: the score, and of equals the plainer one first."""
    other = crs.ground(place.crs) != "CGCS2000"
    return -place.score, place.swapped, other, place.datum or "", crs.label(place.crs)


def unfollowed(weighed: list[Place]) -> list[Place]:
    """Return places of rows whose lines need not be those of the reference.

    Parameters
    ----------
    weighed
        From `weigh`.

    Returns
    -------
    list of Place
        Best first; only being far from all of the reference speaks against one.
    """
    return sorted((replace(place, follows=False) for place in weighed), key=_rank)


def fitting(weighed: list[Place], judged_by: Lines) -> Place | None:
    """Return the one place that the lines of trusted layers settle on.

    Parameters
    ----------
    weighed
        From `weigh`.
    judged_by
        As there.

    Returns
    -------
    Place or None
        The place whose lines fit the reference and no other's do.
    """
    measured = sorted((place for place in weighed if not np.isnan(place.metres)), key=lambda place: place.metres)
    if not measured:
        return None
    best = measured[0]
    rivals = [place.metres for place in measured[1:]] + _elsewhere(best, judged_by, datums.apart)
    if best.vouched and best.metres <= _FITS_M and min(rivals) >= _BETTER * max(best.metres, 0.05):
        return best
    best = max(measured, key=lambda place: place.shared)
    rivals = [place.shared for place in measured if place is not best]
    rivals += _elsewhere(best, judged_by, datums.shared)
    return best if best.vouched and best.shared >= _FOLLOWS and best.shared >= _BETTER * max(rivals) else None


def standing(weighed: list[Place]) -> Place | None:
    """Return the place that stands where no lines settle it.

    Parameters
    ----------
    weighed
        From `weigh`.

    Returns
    -------
    Place or None
        What is claimed, if it lies in the district or nothing else does; else the one place in the district that
        differs from what is claimed only by the order of the axes or the number of the zone. None where a person must
        say.
    """
    claimed = next((place for place in weighed if place.claimed), None)
    if claimed is None:
        return None
    if np.isnan(claimed.inside) or claimed.inside >= _WRONG:
        return claimed
    others = [place for place in weighed if not place.claimed and place.inside >= _CERTAIN]
    kin = [place for place in others if place.datum is None and _akin(claimed.crs, place.crs)]
    if len(kin) == 1:
        return kin[0]
    return None if others else claimed


def _akin(claimed: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Tell whether a CRS is what is claimed but for the zone's number before the eastings, or for being in degrees."""
    if crs.same(claimed, other):
        return True
    if claimed.is_projected and other.is_geographic:
        return crs.ground(claimed) == crs.ground(other)
    if not (claimed.is_projected and other.is_projected) or crs.ground(claimed) != crs.ground(other):
        return False
    return _without_easting(claimed) == _without_easting(other)


def _without_easting(system: pyproj.CRS) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Return a projection's method and parameters, all but the false easting."""
    operation = system.coordinate_operation
    if operation is None:
        return "", ()
    values = [(one.name, float(one.value)) for one in operation.params if one.name != "False easting"]
    return operation.method_name, tuple(sorted(values))


def _candidates(
    points: Points,
    claimed: pyproj.CRS | None,
    bounds: Bounds | None,
    fit: Mapping[str, gpd.GeoDataFrame],
    datum: str,
) -> Iterator[Place]:
    """Return every place to be weighed: what is claimed first."""
    trusted = [frame.crs for frame in fit.values() if frame.crs is not None]
    if claimed is not None:
        shift = datum if datum and claimed.is_geographic else None
        yield Place(claimed, datum=shift, claimed=True, vouched=_usable(claimed, trusted))
    degrees = bool((np.abs(points) <= 180.0).all())
    systems = [claimed] if claimed is not None else []
    systems += trusted
    if bounds is not None or fit:
        systems += _systems(degrees, _middle(bounds, fit))
    for system, swapped in product(dict.fromkeys(systems), (False, True)):
        if system.is_geographic == degrees:
            yield Place(system, swapped, vouched=_usable(system, trusted))
    if degrees:
        for datum, swapped in product(("GCJ-02", "BD-09"), (False, True)):
            yield Place(crs.WGS84, swapped, datum)


def _middle(bounds: Bounds | None, fit: Mapping[str, gpd.GeoDataFrame]) -> float:
    """Return the longitude around which the district lies."""
    if bounds is not None:
        return (bounds[0] + bounds[2]) / 2
    box = _trusted(next(iter(fit.values()))).total_bounds
    return float(box[0] + box[2]) / 2


def _trusted(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer that is trusted in degrees; without a vouched way those of its own datum, near enough."""
    return crs.to(frame, crs.WGS84 if _vouched(frame.crs) else frame.crs.geodetic_crs, name="reference")


@lru_cache(maxsize=16)
def _systems(degrees: bool, longitude: float) -> list[pyproj.CRS]:
    """Return the CRSs in which a Chinese bureau's data around a longitude come."""
    if degrees:
        return [crs.CGCS2000, crs.WGS84, *(pyproj.CRS.from_user_input(name) for name in _SYSTEMS[1:])]
    names = []
    for system in _SYSTEMS:
        for zone in {int(longitude // 3), int(longitude // 3) + 1}:
            names += [
                f"{system} / 3-degree Gauss-Kruger CM {3 * zone}E",
                f"{system} / 3-degree Gauss-Kruger zone {zone}",
            ]
        six = int(longitude // 6) + 1
        names += [f"{system} / Gauss-Kruger CM {6 * six - 3}E", f"{system} / Gauss-Kruger zone {six}"]
    names += [f"WGS 84 / UTM zone {int((longitude + 180) // 6) + 1}N", "EPSG:3857"]
    found = []
    for name in names:
        try:
            found.append(pyproj.CRS.from_user_input(name))
        except pyproj.exceptions.CRSError:
            # west or east of China there are fewer zones
            continue
    return found


def _vouched(system: pyproj.CRS) -> bool:
    """Tell whether coordinates can be brought to CGCS2000 in a way that somebody vouches for."""
    return crs.ground(system) in _OURS or crs.reaches_degrees(system)


def _usable(system: pyproj.CRS, trusted: list[pyproj.CRS]) -> bool:
    """Tell whether coordinates can be brought to the layers that are trusted."""
    return _vouched(system) or any(crs.same(system, one) for one in trusted)


def _sample(frame: gpd.GeoDataFrame) -> Points:
    """Return some of the finite vertices."""
    points = shapely.get_coordinates(frame.geometry.to_numpy())
    points = points[np.isfinite(points).all(axis=1)]
    return points[:: max(1, len(points) // _SAMPLE)]


def _drawn(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return the lines of some of the shapes."""
    shapes = frame.geometry.to_numpy()
    drawn = datums.lines(np.asarray(shapes[:: max(1, len(shapes) // _SHAPES)], dtype=object))
    return np.asarray(drawn[np.isfinite(shapely.bounds(drawn)).all(axis=1)], dtype=object)


def _reference(fit: Mapping[str, gpd.GeoDataFrame]) -> NDArray[np.object_]:
    """Return the lines of all layers that are trusted, in degrees."""
    layers = [_trusted(frame).geometry.to_numpy() for frame in fit.values() if len(frame)]
    if not layers:
        return np.empty(0, dtype=object)
    return datums.lines(np.concatenate([np.asarray(layer, dtype=object) for layer in layers]))


def _degrees(points: Points, place: Place) -> Points:
    """Return longitude and latitude of points; without a vouched way those of the CRS's own datum, near enough."""
    x, y = points[:, ::-1].T if place.swapped else points.T
    target = crs.WGS84 if place.vouched and crs.ground(place.crs) not in _OURS else place.crs.geodetic_crs
    degrees = np.column_stack(_transformer(place.crs, target).transform(x, y))
    return datums.undone(degrees, place.datum) if place.datum else degrees


@lru_cache(maxsize=128)
def _transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Return a transformation with east first on both sides."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _inside(degrees: Points, bounds: Bounds | None) -> float:
    """Return the share of points in the district or close to it."""
    if bounds is None:
        return float("nan")
    return float(within(degrees[:, 0], degrees[:, 1], bounds, _MARGIN).mean())


def within(lon: ArrayLike, lat: ArrayLike, bounds: Bounds, margin: float) -> NDArray[np.bool_]:
    """Tell which places lie in a box of degrees.

    Parameters
    ----------
    lon, lat
        Degrees.
    bounds
        West, south, east and north, degrees.
    margin
        How far beyond the box still counts, degrees.

    Returns
    -------
    numpy.ndarray
        True on the edge; False for what is no number.
    """
    west, south, east, north = bounds
    x, y = np.asarray(lon), np.asarray(lat)
    return (x >= west - margin) & (x <= east + margin) & (y >= south - margin) & (y <= north + margin)


def _same(one: Place, other: Place, here: Points, there: Points) -> bool:
    """Tell whether two places are the same ground."""
    alike = one.vouched == other.vouched and (one.vouched or crs.ground(one.crs) == crs.ground(other.crs))
    return alike and bool(np.nanmax(np.abs(here - there), initial=0.0) < _SAME)


def _measured(place: Place, judged_by: Lines) -> Place:
    """Return a place with how far its lines lie from the reference, where that can be told."""
    if not len(judged_by.drawn) or not len(judged_by.reference) or not place.vouched:
        return place
    moved = shapely.transform(judged_by.drawn, partial(_degrees, place=place))
    distance = datums.apart(moved, judged_by.reference)
    if distance is None:
        return place
    return replace(place, metres=distance, shared=datums.shared(moved, judged_by.reference))


def _elsewhere(best: Place, judged_by: Lines, measure: Callable[..., float | None]) -> list[float]:
    """Return how well the lines would fit a little way off: in a dense reference any place is near some line."""
    placed = shapely.transform(judged_by.drawn, partial(_degrees, place=best))
    found = []
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        step = np.array([dx * _DECOY_M / 85_000.0, dy * _DECOY_M / 111_000.0])
        distance = measure(shapely.transform(placed, partial(np.add, step)), judged_by.reference)
        found.append(np.inf if distance is None else distance)
    return found
