"""A file's rows put in their place: what was declared or given, checked against the numbers and trusted layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from gis import crs, findings
from gis.errors import CrsError
from gis.intake import again, datums, places
from gis.intake.places import Bounds, Lines, Place
from gis.intake.sources import Content, Decision, Hypothesis

# explanations that a refusal lists
_LISTED = 5


@dataclasses.dataclass(frozen=True)
class Target:
    """Say what is known of the layer that rows are to be.

    Parameters
    ----------
    rows
        What a store has of it already; None for nothing.
    follows
        Whether its lines are those of the trusted layers, so that being off them speaks against a place.
    """

    rows: gpd.GeoDataFrame | None = None
    follows: bool = True


@dataclasses.dataclass(frozen=True)
class Said:
    """Say what a caller knows of where a file's rows lie.

    Parameters
    ----------
    crs
        CRS of the coordinates.
    datum
        Datum in the spelling of `gis.intake.datums.DATUMS`.
    bounds
        West, south, east and north of the district, degrees.
    fit
        Layers in known CRSs whose lines the rows should share.
    target
        The layer that the rows are to be.
    """

    crs: pyproj.CRS | None = None
    datum: str | None = None
    bounds: Bounds | None = None
    fit: Mapping[str, gpd.GeoDataFrame] = dataclasses.field(default_factory=dict)
    target: Target = Target()


def placed(content: Content, name: str, said: Said) -> tuple[Content, list[Decision], list[dict[str, Any]]]:
    """Settle in which CRS, axis order and datum rows lie, or refuse with the ranking of what they may be.

    Parameters
    ----------
    content
        What a reader found; a plain frame has no place and passes.
    name
        What the file is called in messages.
    said
        What the caller knows.

    Returns
    -------
    tuple
        The content with its frame in its place and the ranking, decisions, and findings: source.crs_overridden,
        source.axes_swapped, source.crs_corrected (warning), datum.undone.

    Raises
    ------
    CrsError
        Nothing settles the place, or the coordinates contradict what settles it; `details` hold `ranking` and `flag`.
    """
    frame = content.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        return content, [], []
    claimed = said.crs if said.crs is not None else frame.crs
    if claimed is None and datums.shifted(said.datum):
        claimed = crs.WGS84
    datum, marks = (content.datum, content.marks) if content.datum else datums.hint(frame)
    weighed, fits = [], _came_back(content, claimed, said)
    if fits is None:
        judged_by = places.lines(frame, said.fit)
        weighed = _weighed(frame, claimed, said, judged_by, datum if said.datum is None else "")
        fits = places.fitting(weighed, judged_by)
    ranking = tuple(place.hypothesis() for place in weighed)
    chosen = fits if fits is not None else places.standing(weighed)
    if chosen is None and said.datum is not None and len(weighed) == 1:
        chosen = weighed[0]
    if chosen is None and claimed is not None and not weighed:
        chosen = Place(claimed, claimed=True)
    if datum and fits is None and said.datum is None:
        raise _refused(datums.unconfirmed(name, datum, marks), ranking, flag="--datum", marks=marks)
    if chosen is None or (said.crs is not None and not chosen.claimed and not crs.same(chosen.crs, said.crs)):
        if claimed is not None:
            _refuse_impossible(frame.set_crs(claimed, allow_override=True), name, ranking)
        raise _unsettled(frame, name, claimed, ranking, content.unread)
    notes = _set_aside(content, name, said, chosen)
    moved, decisions, more = _moved(frame, name, content.claims, said, chosen, ranking)
    return dataclasses.replace(content, frame=moved, ranking=(*content.ranking, *ranking)), decisions, [*notes, *more]


def _came_back(content: Content, claimed: pyproj.CRS | None, said: Said) -> Place | None:
    """Return the place of a file that has the very numbers that are stored, and says nothing else: it came from there.

    None for any other file.
    """
    stored = said.target.rows
    if stored is None or content.unread or content.datum or said.datum is not None:
        return None
    alike = (claimed is None or crs.same(claimed, stored.crs)) and again.shares(content.frame, stored)
    return Place(stored.crs, claimed=claimed is not None) if alike else None


def ranked(error: CrsError, ranking: tuple[Hypothesis, ...]) -> CrsError:
    """Return a refusal with the ranking of what the file may be, and with the flag that settles it.

    Parameters
    ----------
    error
        A refusal that came after the place was settled: nobody vouches for a way from there.
    ranking
        What was weighed when the file was read.

    Returns
    -------
    CrsError
        The same refusal where nothing was weighed.
    """
    if "ranking" in error.details or not ranking:
        return error
    advice = f"{error.message}; if the file says it wrong, give --crs"
    return _refused(advice, ranking, **{"flag": "--crs", **error.details})


def _refused(message: str, ranking: tuple[Hypothesis, ...], **details: Any) -> CrsError:
    """Return a refusal that lists where the rows may be; what else was weighed settles nothing here."""
    ranking = tuple(one for one in ranking if one.matter == "place")
    likely = "".join(f"\n  {n}. {one}" for n, one in enumerate(ranking[:_LISTED], 1))
    listed = f"\nwhat it may be, the likeliest first:{likely}" if likely else ""
    return CrsError(f"{message}{listed}", ranking=list(ranking), **details)


def _set_aside(content: Content, name: str, said: Said, chosen: Place) -> list[dict[str, Any]]:
    """Return the finding about what a file says of its CRS and what is not followed."""
    came: pyproj.CRS | None = getattr(content.frame, "crs", None)
    if content.unread:
        found = chosen.hypothesis().value
        return [findings.finding("source.crs_unread", name, severity="warning", text=content.unread, found=found)]
    if said.crs is not None and came is not None and content.claims == "declared" and not crs.same(came, said.crs):
        return [_overridden(name, came, said.crs)]
    return []


def _weighed(
    frame: gpd.GeoDataFrame, claimed: pyproj.CRS | None, said: Said, judged_by: Lines, datum: str
) -> list[Place]:
    """Weigh the places that rows may have; a datum that was given leaves nothing to weigh but the order of the axes."""
    if said.bounds is None and not said.fit:
        return []
    if datums.shifted(said.datum):
        return []
    weighed = places.weigh(frame, claimed, said.bounds, said.fit, judged_by, datum=datum)
    if not said.target.follows:
        weighed = places.unfollowed(weighed)
    return [place for place in weighed if _agrees(place, said.datum)] if said.datum is not None else weighed


def _agrees(place: Place, datum: str) -> bool:
    """Tell whether a place is in a datum without shift that a caller names."""
    same = place.claimed or place.crs.is_geographic or crs.ground(place.crs) == datum
    return same and place.datum is None and place.vouched


def _moved(
    frame: gpd.GeoDataFrame, name: str, claims: str, said: Said, chosen: Place, ranking: tuple[Hypothesis, ...]
) -> tuple[gpd.GeoDataFrame, list[Decision], list[dict[str, Any]]]:
    """Put rows in the place that was chosen; return them with what was decided and what a person should know."""
    label = crs.label(chosen.crs)
    notes, decisions = [], []
    if said.crs is not None and crs.same(chosen.crs, said.crs):
        decisions.append(Decision("crs", label, "given"))
    elif claims == "none" and datums.shifted(said.datum):
        decisions.append(Decision("crs", label, f"{said.datum} is in degrees"))
    elif chosen.claimed:
        decisions.append(Decision("crs", label, claims))
    else:
        decisions.append(Decision("crs", label, "evidence"))
        declared = said.crs if said.crs is not None else frame.crs
        if declared is not None and not crs.same(declared, chosen.crs):
            notes.append(_corrected(name, declared, chosen))
    if chosen.swapped:
        decisions.append(Decision("axes", "north first", "evidence"))
        notes.append(findings.finding("source.axes_swapped", name, severity="warning", crs=label))
        turned = shapely.transform(frame.geometry.to_numpy(), lambda points: points[:, ::-1])
        frame = frame.set_geometry(gpd.GeoSeries(turned, index=frame.index))
    frame = frame.set_crs(chosen.crs, allow_override=True)
    _refuse_impossible(frame, name, ranking)
    datum = said.datum or chosen.datum
    if datum is not None and datums.shifted(datum):
        frame = datums.undo(frame, datum)
        # what nobody said is looked at by somebody
        severity = "info" if said.datum else "warning"
        notes.append(findings.finding("datum.undone", name, severity=severity, datum=datum))
    if datum is not None:
        decisions.append(Decision("datum", datum, "given" if said.datum else "evidence"))
    return frame, decisions, notes


def _unsettled(
    frame: gpd.GeoDataFrame, name: str, claimed: pyproj.CRS | None, ranking: tuple[Hypothesis, ...], unread: str
) -> CrsError:
    """Return the refusal of rows whose place nothing settles."""
    came = "does not say in which CRS it is" if claimed is None else f"is said to be in {crs.label(claimed)}"
    if unread and claimed is None:
        came = f"says that it is in “{unread}”, which is no CRS that we know"
    return _refused(
        f"{name} {came} ({_ranges(frame)}), and the numbers do not settle it: give --crs, such as EPSG:4548 or "
        "EPSG:4490, or --datum GCJ-02 for coordinates from a commercial map",
        ranking,
        came=unread or None if claimed is None else crs.label(claimed),
        flag="--crs",
    )


def _corrected(name: str, declared: pyproj.CRS, chosen: Place) -> dict[str, Any]:
    """Return the finding about a CRS that the coordinates contradict and another one fits."""
    return findings.finding(
        "source.crs_corrected",
        name,
        severity="warning",
        declared=crs.label(declared),
        found=crs.label(chosen.crs),
        evidence=chosen.hypothesis().evidence,
    )


def _overridden(name: str, came: pyproj.CRS, wanted: pyproj.CRS) -> dict[str, Any]:
    """Return the finding about a declared CRS that the caller sets aside."""
    return findings.finding(
        "source.crs_overridden", name, severity="warning", declared=crs.label(came), given=crs.label(wanted)
    )


def _refuse_impossible(frame: gpd.GeoDataFrame, name: str, ranking: tuple[Hypothesis, ...]) -> None:
    """Refuse coordinates that cannot be in the CRS that was declared or given."""
    bounds = _bounds(frame)
    if bounds is None or frame.crs is None:
        return
    label = crs.label(frame.crs)
    west, south, east, north = bounds
    # rounding may leave a pole a little beyond itself
    degrees = max(abs(west), abs(east)) <= 180.001 and max(abs(south), abs(north)) <= 90.001
    advice = ""
    if frame.crs.is_geographic and not degrees:
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        advice = "; longitude and latitude are swapped" if swapped else "; they are no degrees: give --crs"
    elif frame.crs.is_projected and degrees and _is_metric(frame.crs):
        advice = ", which look like degrees: give --crs"
    if advice:
        message = f"{name} is said to be in {label}, but {_ranges(frame)}{advice}"
        raise _refused(message, ranking, came=label, flag="--crs")


def _is_metric(system: pyproj.CRS) -> bool:
    """Tell whether a projected CRS has a false easting, so that small coordinates lie far from its ground."""
    operation = system.coordinate_operation
    values = (
        [parameter.value for parameter in operation.params if parameter.name == "False easting"] if operation else []
    )
    return any(abs(float(value)) > 180 for value in values)


def _bounds(frame: gpd.GeoDataFrame) -> tuple[float, float, float, float] | None:
    """Return the box of all finite coordinates, None where there is none."""
    points = shapely.get_coordinates(frame.geometry.to_numpy())
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _ranges(frame: gpd.GeoDataFrame) -> str:
    """Word the ranges of the coordinates."""
    bounds = _bounds(frame)
    if bounds is None:
        return "no coordinates"
    west, south, east, north = (f"{value:.6g}" for value in bounds)
    return f"x from {west} to {east}, y from {south} to {north}"
