"""Spread: how walks spread over ways, in rounds that are the same whatever is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import spatial

from gis.analysis.catchments.entries import Entries
from gis.analysis.catchments.owners import Owned
from gis.analysis.network import Network
from gis.geometry import junctions

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# the first round of a walk, and all others, s
FIRST_S, ROUND_S = 60.0, 10.0
# rounds are told apart by this share of one
_SAME = 1e-6
# spots stand for stretches: so far apart, s
_APART_S = 0.5
# and one on each side of where a stretch changes hands, m
_PAIR_M = 0.01


def round_of(seconds: Floats) -> Rows:
    """Return the round in which walks of so many seconds end.

    Parameters
    ----------
    seconds
        Times.

    Returns
    -------
    numpy.ndarray
        From 0.
    """
    return np.maximum(np.ceil((seconds - FIRST_S) / ROUND_S - _SAME), 0).astype(np.intp)


def ends_a_round(seconds: float) -> bool:
    """Tell whether a round ends after so many seconds.

    Parameters
    ----------
    seconds
        Time.

    Returns
    -------
    bool
    """
    left = FIRST_S + ROUND_S * float(round_of(np.array([seconds]))[0]) - seconds
    return abs(left) <= 2 * _SAME * ROUND_S


@dataclass(frozen=True)
class Spread:
    """Hold how walks spread: spots of ways with what the shortest walk to them takes, and who takes it.

    Parameters
    ----------
    network, entries
        Where people walk, and where walks begin.
    owned
        Who is nearest on each stretch.
    corner
        Corner from which places are given, m.
    """

    network: Network
    entries: Entries
    owned: Owned
    corner: Floats

    @property
    def spots(self) -> tuple[Floats, Floats, Rows]:
        """Return place, seconds and group of spots: the same ones however edges are split."""
        return self._spots[:3]

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Return the stations of each group."""
        return self._spots[3]

    @cached_property
    def _spots(self) -> tuple[Floats, Floats, Rows, tuple[tuple[int, ...], ...]]:
        """Return place, seconds and group of spots, and the stations of each group."""
        owned = self.owned
        least, most = np.minimum(owned.begins, owned.ends), np.maximum(owned.begins, owned.ends)
        first = np.ceil(least / _APART_S - _SAME)
        count = np.maximum(np.floor(most / _APART_S + _SAME) - first + 1, 0).astype(np.intp)
        row = np.repeat(np.arange(len(count)), count)
        took = (first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)) * _APART_S
        # a stretch too short for any has one in its middle
        bare = np.flatnonzero(count == 0)
        row, took = np.r_[row, bare], np.r_[took, (least + most)[bare] / 2]
        share = self._share(row, took)
        # where a stretch changes hands, borders run between the spots of a pair
        left, right = _changes(owned)
        pair = np.r_[left, right]
        metres = self.network.metres[owned.edge]
        inset = np.minimum(_PAIR_M / metres, (owned.high - owned.low) / 2)
        at = np.r_[owned.high[left] - inset[left], owned.low[right] + inset[right]]
        close = np.zeros(len(row), dtype=bool)
        for side, end in ((left, owned.high), (right, owned.low)):
            changes = np.full(len(owned.edge), np.inf)
            changes[side] = end[side]
            close |= np.abs(share - changes[row]) * metres[row] < 2 * _PAIR_M
        row, share, took = np.r_[row[~close], pair], np.r_[share[~close], at], np.r_[took[~close], self._took(pair, at)]
        xy = self._places(owned.edge[row], share)
        _, one, place = np.unique(np.round(xy, 6), axis=0, return_index=True, return_inverse=True)
        group, groups = self._together(place.reshape(-1), owned.group[row])
        return xy[one], took[one], group, groups

    def _together(self, place: Rows, group: Rows) -> tuple[Rows, tuple[tuple[int, ...], ...]]:
        """Return the group of each place, where walks of several groups meet that of all their stations."""
        pairs = np.unique(np.stack([place, group]), axis=1)
        result = np.empty(place.max(initial=-1) + 1, dtype=np.intp)
        result[pairs[0]] = pairs[1]
        number = {each: n for n, each in enumerate(self.owned.groups)}
        for each in np.flatnonzero(np.bincount(pairs[0]) > 1).tolist():
            met = {station for n in pairs[1, pairs[0] == each] for station in self.owned.groups[n]}
            result[each] = number.setdefault(tuple(sorted(met)), len(number))
        return result, tuple(number)

    @cached_property
    def tree(self) -> spatial.cKDTree:
        """Return an index of the spots."""
        return spatial.cKDTree(self.spots[0])

    @cached_property
    def stretches(self) -> tuple[Floats, Rows]:
        """Return all stretches as straight pieces, x, y, x, y, and the round in which each is reached."""
        owned = self.owned
        least, most = np.minimum(owned.begins, owned.ends), np.maximum(owned.begins, owned.ends)
        first = round_of(least)
        count = round_of(most) - first + 1
        row = np.repeat(np.arange(len(count)), count)
        each = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        since = np.where(each == first[row], least[row], FIRST_S + ROUND_S * (each - 1))
        until = np.minimum(FIRST_S + ROUND_S * each, most[row])
        ends = np.sort(np.stack([self._share(row, since), self._share(row, until)]), axis=0)
        pieces, of = _straight(self.network, owned.edge[row], ends[0], ends[1])
        return pieces - np.tile(self.corner, 2), each[of]

    def _share(self, row: Rows, took: Floats) -> Floats:
        """Return where on stretches so many seconds have gone by."""
        owned = self.owned
        change = owned.ends[row] - owned.begins[row]
        part = np.divide(took - owned.begins[row], change, out=np.full(len(row), 0.5), where=change != 0)
        return np.asarray(owned.low[row] + np.clip(part, 0.0, 1.0) * (owned.high[row] - owned.low[row]))

    def _took(self, row: Rows, share: Floats) -> Floats:
        """Return what places on stretches take."""
        owned = self.owned
        part = (share - owned.low[row]) / (owned.high[row] - owned.low[row])
        return np.asarray(owned.begins[row] + part * (owned.ends[row] - owned.begins[row]))

    def _places(self, edge: Rows, share: Floats) -> Floats:
        """Return places on edges."""
        points = shapely.line_interpolate_point(self.network.lines[edge], share, normalized=True)
        return np.asarray(shapely.get_coordinates(points) - self.corner)

    def stations(self, group: Rows, places: Floats) -> Rows:
        """Return which station of its group each place is of: the one with the nearest entrance, then the first by key.

        Parameters
        ----------
        group
            Position in groups.
        places
            From the corner.

        Returns
        -------
        numpy.ndarray
            Positions.
        """
        result = np.array([each[0] for each in self.groups], dtype=np.intp)[group]
        for each in np.unique(group).tolist():
            rivals = self.groups[each]
            if len(rivals) > 1:
                rows = np.flatnonzero(group == each)
                gates = [self.gates(rival) for rival in rivals]
                far = np.stack([spatial.distance.cdist(places[rows], some).min(axis=1) for some in gates])
                result[rows] = np.array(rivals)[np.argmax(far <= far.min(axis=0) + 10.0**-6, axis=0)]
        return result

    def gates(self, station: int) -> Floats:
        """Return the entrances of a station, from the corner."""
        return np.asarray(shapely.get_coordinates(self.entries.points[self.entries.station == station]) - self.corner)


def _changes(owned: Owned) -> tuple[Rows, Rows]:
    """Return the pairs of stretches between which an edge changes hands."""
    next_ = (owned.edge[1:] == owned.edge[:-1]) & (owned.group[1:] != owned.group[:-1])
    # else there is what nobody reaches in between
    meet = np.abs(owned.low[1:] - owned.high[:-1]) <= _SAME
    left = np.flatnonzero(next_ & meet)
    return left, left + 1


def _straight(network: Network, edge: Rows, low: Floats, high: Floats) -> tuple[Floats, Rows]:
    """Return stretches of edges as straight pieces, and the stretch of each."""
    xy, begin = network.line_xy, network.begin
    step = np.hypot(*np.diff(xy, axis=0, append=xy[-1:]).T)
    step[begin[1:] - 1] = 0.0
    walked = np.cumsum(step) - step
    count = np.diff(begin)[edge] - 1
    of = np.repeat(np.arange(len(edge)), count)
    at = junctions.runs(begin[:-1][edge], count)[1]
    whole = network.metres[edge][of]
    gone = walked[at] - walked[begin[:-1][edge]][of]
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.clip((low[of] * whole - gone) / step[at], 0.0, 1.0)
        last = np.clip((high[of] * whole - gone) / step[at], 0.0, 1.0)
    some = np.flatnonzero(last > first)
    at, of = at[some], of[some]
    move = xy[at + 1] - xy[at]
    ends = [xy[at] + part[some][:, None] * move for part in (first, last)]
    return np.concatenate(ends, axis=1), of
