"""Spoilings of where the rows lie: no CRS, a wrong one, another zone, swapped axes, shifted datums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs, gcj02
from gis.sample.mess import draft as drafts
from gis.sample.mess.draft import Draft, Spoiling

WORKING = "EPSG:4548"
# m by which Xian 1980 and Beijing 1954 lie off CGCS2000; the parameters are not public, the amounts are like theirs
_OLD = {"EPSG:2384": (-117.4, -48.2), "EPSG:2436": (-66.9, -51.7)}
_MARKS = {"adcode": 990109, "childrenNum": 0, "acroutes": "100000,990000"}

Points = NDArray[np.float64]
Shapes = NDArray[np.object_]


def moved(shapes: Shapes, target: str) -> Shapes:
    """Move geometries from the working CRS to another.

    Parameters
    ----------
    shapes
        Geometries in EPSG:4548.
    target
        A CRS.

    Returns
    -------
    numpy.ndarray
        Geometries in x (east), y (north) order.
    """
    move = crs.transformer(crs.parse(WORKING), crs.parse(target)).transform
    return np.asarray(shapely.transform(shapes, lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1]))), dtype=object)


def _placed(draft: Draft, *, inside: str, declared: str | None) -> Draft:
    """Write coordinates of one CRS and declare another, or none."""
    return replace(draft, shapes=moved(draft.shapes, inside), declared=declared)


def _old(draft: Draft, *, system: str, declared: bool) -> Draft:
    """Write coordinates of an old datum."""
    return replace(_each(draft, lambda xy: xy + _OLD[system]), declared=system if declared else None)


def _swapped(draft: Draft, *, inside: str, declared: str | None) -> Draft:
    """Write north before east."""
    return _each(_placed(draft, inside=inside, declared=declared), lambda xy: xy[:, ::-1])


def _shifted(draft: Draft, *, datum: str, declared: str | None, marks: bool = False) -> Draft:
    """Write degrees of a shifted datum, with or without the marks of the source."""

    def shift(xy: Points) -> Points:
        lon, lat = gcj02.to_gcj02(xy[:, 0], xy[:, 1])
        if datum == "BD-09":
            lon, lat = gcj02.gcj02_to_bd09(lon, lat)
        return np.column_stack([lon, lat])

    draft = _each(_placed(draft, inside="EPSG:4326", declared=declared), shift)
    more = {name: [value] * len(draft.cells) for name, value in _MARKS.items()} if marks else {}
    return drafts.with_options(draft, more=more)


def _each(draft: Draft, change: Callable[[Points], Points]) -> Draft:
    """Change the coordinates of every geometry."""
    return replace(draft, shapes=np.asarray(shapely.transform(draft.shapes, change), dtype=object))


def _spoiling(trap: str, needs: str, why: str, apply: Callable[[Draft], Draft], **flags: str) -> Spoiling:
    """Return a spoiling of coordinates."""
    return Spoiling(trap, 5, needs, why, apply, flags)


_RANGE = "CGCS2000, Xian80 and Beijing54 have the same range; only lines shared with a reference tell them apart"
_DEGREES = "degrees may be CGCS2000, WGS 84 (the same), or shifted; only shared lines tell"
_ZONE = "the declared CRS is impossible and differs from the possible one by the zone number alone"
_UTM = "UTM lies 1.77 km off in northing; only shared lines tell"
_OLD_WHY = "no transformation from this datum is public; the surveying office must supply it"
_SHIFT = "undoing the shift brings the lines onto those of the reference, leaving it does not"

SPOILINGS = {
    "no_prj": _spoiling("CRS missing", "fit", _RANGE, partial(_placed, inside=WORKING, declared=None), crs=WORKING),
    "no_prj_zone": _spoiling("CRS missing", "fit", _RANGE, partial(_placed, inside="EPSG:4527", declared=None),
                             crs="EPSG:4527"),
    "no_prj_6_degrees": _spoiling("CRS missing", "fit", _RANGE, partial(_placed, inside="EPSG:4498", declared=None),
                                  crs="EPSG:4498"),
    "degrees_no_prj": _spoiling("degrees and metres", "fit", _DEGREES,
                                partial(_placed, inside="EPSG:4490", declared=None), crs="EPSG:4490"),
    "degrees_as_metres": _spoiling("degrees and metres", "fit", _DEGREES,
                                   partial(_placed, inside="EPSG:4490", declared=WORKING), crs="EPSG:4490"),
    "metres_as_degrees": _spoiling("degrees and metres", "fit", _UTM,
                                   partial(_placed, inside=WORKING, declared="EPSG:4490"), crs=WORKING),
    "zone_unsaid": _spoiling("zone number", "file", _ZONE, partial(_placed, inside="EPSG:4527", declared=WORKING),
                             crs="EPSG:4527"),
    "zone_lost": _spoiling("zone number", "file", _ZONE, partial(_placed, inside=WORKING, declared="EPSG:4527"),
                           crs=WORKING),
    "zone_of_6_degrees": _spoiling("zone number", "file", _ZONE,
                                   partial(_placed, inside="EPSG:4498", declared="EPSG:4509"), crs="EPSG:4498"),
    "zone_neighbour": _spoiling("zone number", "fit", "the declared meridian puts the rows into another province; "
                                "which CRS is the right one only shared lines tell",
                                partial(_placed, inside=WORKING, declared="EPSG:4547"), crs=WORKING),
    "utm_said": _spoiling("UTM", "file", "the file says UTM, and it is", partial(_placed, inside="EPSG:32650",
                          declared="EPSG:32650")),
    "utm_no_prj": _spoiling("UTM", "fit", _UTM, partial(_placed, inside="EPSG:32650", declared=None),
                            crs="EPSG:32650"),
    "utm_as_gauss": _spoiling("UTM", "fit", _UTM, partial(_placed, inside="EPSG:32650", declared=WORKING),
                              crs="EPSG:32650"),
    "gauss_as_utm": _spoiling("UTM", "fit", _UTM, partial(_placed, inside=WORKING, declared="EPSG:32650"),
                              crs=WORKING),
    "xian80_said": _spoiling("old datums", "nothing", _OLD_WHY, partial(_old, system="EPSG:2384", declared=True)),
    "beijing54_said": _spoiling("old datums", "nothing", _OLD_WHY, partial(_old, system="EPSG:2436", declared=True)),
    "xian80_no_prj": _spoiling("old datums", "nothing", _OLD_WHY, partial(_old, system="EPSG:2384", declared=False),
                               crs="EPSG:2384"),
    "beijing54_no_prj": _spoiling("old datums", "nothing", _OLD_WHY,
                                  partial(_old, system="EPSG:2436", declared=False), crs="EPSG:2436"),
    "lat_lon": _spoiling("axis order", "file", "a latitude of 117° does not exist",
                         partial(_swapped, inside="EPSG:4490", declared="EPSG:4490")),
    "north_east": _spoiling("axis order", "file", "swapped, every row lies in the district; as it is, none does",
                            partial(_swapped, inside=WORKING, declared=WORKING)),
    "lat_lon_no_prj": _spoiling("axis order", "fit", _DEGREES, partial(_swapped, inside="EPSG:4490", declared=None),
                                crs="EPSG:4490"),
    "north_east_no_prj": _spoiling("axis order", "fit", _RANGE, partial(_swapped, inside=WORKING, declared=None),
                                   crs=WORKING),
    "gcj02": _spoiling("GCJ-02 and BD-09", "fit", _SHIFT, partial(_shifted, datum="GCJ-02", declared="EPSG:4326"),
                       datum="GCJ-02", crs="EPSG:4326"),
    "bd09": _spoiling("GCJ-02 and BD-09", "fit", _SHIFT, partial(_shifted, datum="BD-09", declared="EPSG:4326"),
                      datum="BD-09", crs="EPSG:4326"),
    "gcj02_marks": _spoiling("GCJ-02 and BD-09", "fit", f"{_SHIFT}; the source's marks alone do not say whether it "
                             "was undone before", partial(_shifted, datum="GCJ-02", declared="EPSG:4326", marks=True),
                             datum="GCJ-02", crs="EPSG:4326"),
    "gcj02_no_prj": _spoiling("GCJ-02 and BD-09", "fit", _SHIFT, partial(_shifted, datum="GCJ-02", declared=None),
                              datum="GCJ-02", crs="EPSG:4326"),
    "bd09_no_prj": _spoiling("GCJ-02 and BD-09", "fit", _SHIFT, partial(_shifted, datum="BD-09", declared=None),
                             datum="BD-09", crs="EPSG:4326"),
    "crs_member": _spoiling("containers", "file", "an old GeoJSON may name its CRS",
                            partial(_placed, inside=WORKING, declared=WORKING)),
    "geojson_metres": _spoiling("containers", "fit", _UTM, partial(_placed, inside=WORKING, declared="EPSG:4326"),
                                crs=WORKING),
}  # fmt: skip
