"""Rail of the sample town: an elevated line with six stations, and a railway that may carry suburban trains one day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.sample.streets import Streets

# name, distance along the line from its first station (m), kind, entrances
_ELEVATED = (
    ("云麓", 0.0, "E", 2),
    ("南苑", 780.0, "F", 3),
    ("文澜路", 1_570.0, "C", 4),
    ("松澜广场", 2_400.0, "B", 4),
    ("澜西", 3_180.0, "C", 3),
    ("澜东", 4_010.0, "F", 2),
)
_SUBURBAN = (("松澜北", 0.175, "C"), ("松澜南", 0.73, "F"))
_START_M = 200.0


@dataclass(frozen=True)
class Stations:
    """Stations and their entrances; frozen because land use grows around them.

    Parameters
    ----------
    points : numpy.ndarray of shapely.Point
        Stations, the elevated ones first, from west to east.
    names, kinds, states : numpy.ndarray of str
        Name, category and state of each station.
    entrances : numpy.ndarray of shapely.Point
        Entrances of the elevated stations.
    owners : numpy.ndarray of int
        Position of the station to which each entrance belongs.
    elevated : shapely.LineString
        The elevated line.
    """

    points: np.ndarray
    names: np.ndarray
    kinds: np.ndarray
    states: np.ndarray
    entrances: np.ndarray
    owners: np.ndarray
    elevated: shapely.LineString


def build(streets: Streets) -> Stations:
    """Put the stations on their lines.

    Parameters
    ----------
    streets : Streets
        Streets with the avenue below the elevated line, and the railway.

    Returns
    -------
    Stations
        Six stations in operation with two to four entrances each, and two planned ones.
    """
    avenue = shapely.line_merge(shapely.union_all(streets.lines[streets.names == "轨道大街"]))
    line = max(shapely.get_parts(avenue), key=shapely.length)
    ends = shapely.get_coordinates(line)
    elevated = line if ends[0, 0] < ends[-1, 0] else shapely.reverse(line)
    along = np.array([_START_M + distance for _, distance, _, _ in _ELEVATED])
    points = shapely.line_interpolate_point(elevated, along)
    planned = shapely.line_interpolate_point(streets.railway, [share for _, share, _ in _SUBURBAN], normalized=True)
    entrances, owners = [], []
    for number, (_, _, _, count) in enumerate(_ELEVATED):
        # entrances stand on both pavements, at both ends of the platform
        before, after = shapely.get_coordinates(
            shapely.line_interpolate_point(elevated, along[number] + np.array([-58.0, 58.0]))
        )
        heading = (after - before) / np.hypot(*(after - before))
        side = np.array([-heading[1], heading[0]]) * 27.0
        for spot in (before + side, after - side, before - side, after + side)[:count]:
            entrances.append(shapely.Point(np.round(spot, 3)))
            owners.append(number)
    everything = np.concatenate([points, planned])
    return Stations(
        points=shapely.transform(everything, lambda xy: np.round(xy, 3)),
        names=np.array([row[0] for row in _ELEVATED] + [row[0] for row in _SUBURBAN], dtype=object),
        kinds=np.array([row[2] for row in _ELEVATED] + [row[2] for row in _SUBURBAN], dtype=object),
        states=np.array(["operating"] * len(_ELEVATED) + ["planned", "studied"], dtype=object),
        entrances=np.array(entrances),
        owners=np.array(owners),
        elevated=shapely.transform(elevated, lambda xy: np.round(xy, 3)),
    )
