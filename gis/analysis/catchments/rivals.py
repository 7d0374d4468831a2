"""Rivals: where stations dispute ground, whose each place there is, and along which lines it changes hands.

Walks spread in rounds: the first minute, then ten seconds at a time. A place is of the station whose walk comes within
the depth of it, in sight, in the earliest round; where several come in one round, of the one that what is reached in
that round is nearest to; where they take the same time all along, of the one with the nearest entrance; and where even
that is one place, of the first by key. Rounds are the same whatever is asked for, so that borders are too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import spatial

from gis.analysis.catchments.entries import Entries
from gis.analysis.catchments.owners import Owned
from gis.analysis.network import Network
from gis.geometry import junctions, strands
from gis.geometry.parts import Shapes
from gis.geometry.sight import Sight

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
# disputed ground is looked at in squares so many depths wide
_WIDE = 4.0
# borders between few spots are drawn as if others stood so many squares away
_OUT = 50.0

# faces that are so narrow on the whole may have most of their length in a spike, m
_SLIM_M = 0.1


class Disputed(NamedTuple):
    """Hold squares of disputed ground.

    Parameters
    ----------
    shapes
        What is of one station in each square; they do not overlap, and make up the squares.
    station
        Position.
    """

    shapes: Shapes
    station: Rows


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

    @cached_property
    def spots(self) -> tuple[Floats, Floats, Rows]:
        """Return place, seconds and group of spots: the same ones however edges are split."""
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
        _, one = np.unique(np.round(xy, 6), axis=0, return_index=True)
        return xy[one], took[one], owned.group[row[one]]

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
        result = np.array([each[0] for each in self.owned.groups], dtype=np.intp)[group]
        for each in np.unique(group).tolist():
            rivals = self.owned.groups[each]
            if len(rivals) > 1:
                rows = np.flatnonzero(group == each)
                gates = [self.gates(rival) for rival in rivals]
                far = np.stack([spatial.distance.cdist(places[rows], some).min(axis=1) for some in gates])
                result[rows] = np.array(rivals)[np.argmax(far <= far.min(axis=0) + 10.0**-6, axis=0)]
        return result

    def gates(self, station: int) -> Floats:
        """Return the entrances of a station, from the corner."""
        return np.asarray(shapely.get_coordinates(self.entries.points[self.entries.station == station]) - self.corner)


def disputed(spread: Spread, depth: float, cell: float, digit: float) -> Disputed:
    """Share out the ground at which several stations are near.

    Parameters
    ----------
    spread
        How walks spread.
    depth, cell
        As for `grounds.raw`, m.
    digit
        Grid on which lines meet, m.

    Returns
    -------
    Disputed
        Beyond the squares a place is of the group that the nearest spot is of.
    """
    squares = _squares(spread, depth, cell)
    # barriers are seen from the same corner as by those who draw the ground
    corner = np.floor(spread.network.line_xy.min(axis=0) / cell) * cell
    seen = Sight(spread.network.barriers, depth, corner, spread.network.beside)
    lines = np.asarray(shapely.linestrings(spread.stretches[0].reshape(-1, 2, 2)), dtype=object)
    tree = shapely.STRtree(lines)
    shapes, stations = [np.empty(0, dtype=object)], [np.empty(0, dtype=np.intp)]
    for place in squares:
        square = _Square(spread, place, (depth, cell), seen, corner, tree)
        if square.settled:
            continue
        faces, owner = square.shared(digit)
        for station in np.unique(owner):
            shapes.append(np.array([shapely.coverage_union_all(faces[owner == station])], dtype=object))
            stations.append(np.array([station]))
    return Disputed(np.concatenate(shapes), np.concatenate(stations))


class _Square:
    """A square of disputed ground.

    Parameters
    ----------
    spread
        How walks spread.
    place
        The square, from the corner of the spread.
    sizes
        Depth, and side of a cell, m.
    seen
        What is seen past barriers.
    corner
        From where that is drawn.
    tree
        An index of the stretches.
    """

    def __init__(
        self,
        spread: Spread,
        place: shapely.Polygon,
        sizes: tuple[float, float],
        seen: Sight,
        corner: Floats,
        tree: shapely.STRtree,
    ) -> None:
        self._spread, self._place, self._seen, self._corner = spread, place, seen, corner
        self._depth, self._cell = sizes
        xy, took, group = spread.spots
        low, high = np.array(place.bounds).reshape(2, 2)
        self._out = self._depth + 2 * self._cell
        near = spread.tree.query_ball_point((low + high) / 2, (high[0] - low[0]) / 2 + self._out, p=np.inf)
        near = np.sort(np.array(near, dtype=np.intp))
        self.xy, self.group = xy[near], group[near]
        self._bars = spread.network.barriers
        window = shapely.box(*(low - self._out), *(high + self._out))
        self._window = window
        row = np.sort(tree.query(window))
        pieces, when = spread.stretches
        self._pieces = pieces[row]
        self.when, self._reached = self._steps(round_of(took[near]), when[row])

    @property
    def settled(self) -> bool:
        """Tell whether one station has it all."""
        return len(np.unique(self.group)) < 2 and all(
            len(self._spread.owned.groups[each]) < 2 for each in self.group[:1].tolist()
        )

    def _steps(self, spots: Rows, pieces: Rows) -> tuple[Rows, Rows]:
        """Return rounds, those before a second group comes as one, and those after all but one have come."""
        groups = np.unique(self.group)
        least = np.sort([spots[self.group == each].min() for each in groups])
        most = np.sort([spots[self.group == each].max() for each in groups])
        if len(groups) < 2:
            return np.zeros_like(spots), np.zeros_like(pieces)
        low, high = least[1] - 1, max(most[-2] + 1, least[1])
        return np.clip(spots, low, high), np.clip(pieces, low, high)

    def shared(self, digit: float) -> tuple[Shapes, Rows]:
        """Share the square out.

        Parameters
        ----------
        digit
            Grid on which lines meet, m.

        Returns
        -------
        tuple
            Faces that make it up, and the station of each.
        """
        grown = list(self._grown())
        lines = [shapely.boundary(self._place), *self._walls(self._place)]
        lines += [self._between(shape) for _, shape in grown[:-1]]
        lines += [shapely.boundary(shape) for _, shape in grown[-1:]]
        regions = self._regions()
        for step, _ in grown:
            lines += self._ridges(np.flatnonzero(self.when == step), regions)
        # drawn once more, ground may end a hair further out
        beyond = self._ridges(np.arange(len(self.when)), regions)
        lines += list(shapely.difference(beyond, grown[-1][1])) if grown else beyond
        lines += self._bisectors()
        inside = shapely.get_parts(shapely.intersection(np.array(lines, dtype=object), self._place))
        # what only touches the square leaves points
        faces = faces_of(inside[shapely.get_dimensions(inside) == 1], digit)
        return faces, self._owners(within(faces), grown)

    def _grown(self) -> Iterator[tuple[int, shapely.Geometry]]:
        """Yield the ground within the depth of what is reached by the end of each step."""
        shift = self._spread.corner - self._corner
        run = self._spread.entries.run
        free, aside = np.empty((0, 4)), []
        for step in np.unique(self._reached).tolist():
            new, beside = self._seen.beside(self._pieces[self._reached == step] + np.tile(shift, 2))
            free = np.concatenate([free, new])
            if len(beside.piece):
                aside = [shapely.union_all([*aside, *self._seen.ground(beside)])]
            drawn = [*strands.ground(free, self._depth, self._cell, run), *aside]
            shape = shapely.union_all(drawn) if aside else shapely.MultiPolygon(drawn)
            yield step, shapely.transform(shape, lambda xy: xy - shift)

    def _between(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return what of an outline lies where the ground may change hands."""
        xy, row = shapely.get_coordinates(shapely.get_parts(shapely.boundary(shape)), return_index=True)
        inner = np.flatnonzero(row[1:] == row[:-1])
        middle, half = (xy[inner] + xy[inner + 1]) / 2, np.hypot(*(xy[inner + 1] - xy[inner]).T) / 2
        far = np.sort([spatial.cKDTree(self.xy[self.group == n]).query(middle)[0] for n in np.unique(self.group)], axis=0)
        some = inner[far[min(1, len(far) - 1)] <= self._depth + self._cell + half]
        return shapely.multilinestrings(np.stack([xy[some], xy[some + 1]], axis=1))

    def _walls(self, around: shapely.Polygon) -> Shapes:
        """Return the barriers that meet a polygon."""
        corner = self._spread.corner
        near = self._bars.tree.query(shapely.transform(around, lambda xy: xy + corner), predicate="intersects")
        return np.asarray(shapely.transform(self._bars.pieces[near], lambda xy: xy - corner), dtype=object)

    def _regions(self) -> list[tuple[shapely.Polygon, Rows]]:
        """Return the sides of barriers in and around the square, and the spots on each."""
        walls = self._walls(self._window)
        everywhere = (self._window, np.arange(len(self.xy)))
        if len(walls) == 0:
            return [everywhere]
        faces = shapely.polygonize([shapely.union_all([shapely.boundary(self._window), *walls])])
        tree = shapely.STRtree(np.asarray(shapely.points(self.xy), dtype=object))
        return [everywhere, *((face, tree.query(face, predicate="intersects")) for face in shapely.get_parts(faces))]

    def _ridges(self, spots: Rows, regions: list[tuple[shapely.Polygon, Rows]]) -> list[shapely.Geometry]:
        """Return the lines on which spots of two groups are nearest, on each side of barriers."""
        found = []
        for region, inside in regions:
            some = np.intersect1d(spots, inside)
            if len(np.unique(self.group[some])) > 1:
                ridges = _ridges(self.xy[some], self.group[some], _WIDE * self._depth)
                found += list(shapely.intersection(ridges, region))
        return found

    def _bisectors(self) -> list[shapely.Geometry]:
        """Return the lines on which entrances of stations that take the same time are nearest."""
        found = []
        for group in np.unique(self.group).tolist():
            rivals = self._spread.owned.groups[group]
            gates = [self._spread.gates(rival) for rival in rivals]
            if len(rivals) > 1:
                xy, whose = np.concatenate(gates), np.repeat(rivals, [len(each) for each in gates])
                _, one = np.unique(np.round(xy, 6), axis=0, return_index=True)
                middle = np.array(self._place.centroid.coords[0])
                out = 2 * float(np.abs(xy - middle).max()) + _WIDE * self._depth
                ridges = _ridges(np.r_[xy[one]] - middle, whose[one], out)
                found += list(shapely.transform(ridges, lambda xy, by=middle: xy + by))
        return found

    def _owners(self, places: Floats, grown: list[tuple[int, shapely.Geometry]]) -> Rows:
        """Return whose places are; where nobody comes, of the nearest."""
        group = np.full(len(places), -1, dtype=np.intp)
        left = np.arange(len(places))
        for step, shape in grown:
            shapely.prepare(shape)
            covered = shapely.contains_xy(shape, places[left])
            come, left = left[covered], left[~covered]
            if len(come):
                group[come] = self._nearest(places[come], np.flatnonzero(self.when == step))
        if len(left):
            group[left] = self._nearest(places[left], np.arange(len(self.when)))
        return self._spread.stations(group, places)

    def _nearest(self, places: Floats, spots: Rows) -> Rows:
        """Return the group of the nearest of some spots that barriers do not part from each place."""
        xy, group = self.xy[spots], self.group[spots]
        far, first = spatial.cKDTree(xy).query(places)
        result = group[first]
        if len(np.unique(group)) < 2:
            return np.asarray(result)
        tree = spatial.cKDTree(xy)
        around = tree.query_ball_point(places, self._out)
        place = np.repeat(np.arange(len(places)), [len(each) for each in around])
        spot = np.concatenate([np.array(each, dtype=np.intp) for each in around])
        far = np.hypot(*(places[place] - xy[spot]).T)
        legs = np.stack([places[place], xy[spot]], axis=1) + self._spread.corner
        barred = self._bars.bar(np.asarray(shapely.linestrings(legs), dtype=object))
        place, spot, far = place[~barred], spot[~barred], far[~barred]
        order = np.lexsort((spot, far, place))
        some, at = np.unique(place[order], return_index=True)
        result[some] = group[spot[order][at]]
        return np.asarray(result)


def faces_of(lines: Shapes, digit: float) -> Shapes:
    """Return the faces that lines make.

    Parameters
    ----------
    lines
        Lines, some perhaps drawn more than once.
    digit
        Grid on which they meet, m.

    Returns
    -------
    numpy.ndarray
        Polygons that share their vertices exactly.
    """
    xy, row = shapely.get_coordinates(lines, return_index=True)
    xy = np.round(xy / digit) * digit
    inner = np.flatnonzero((row[1:] == row[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    steps = np.stack([xy[inner], xy[inner + 1]], axis=1)
    (ax, ay), (bx, by) = steps[:, 0].T, steps[:, 1].T
    turned = (ax > bx) | ((ax == bx) & (ay > by))
    steps[turned] = steps[turned, ::-1]
    once = np.unique(steps.reshape(-1, 4), axis=0).reshape(-1, 2, 2)
    noded = shapely.union_all(shapely.linestrings(once), grid_size=digit)
    return np.asarray(shapely.get_parts(shapely.polygonize([noded])), dtype=object)


def within(faces: Shapes) -> Floats:
    """Return a place in each face, well inside of those that are a spike over most of their length.

    Parameters
    ----------
    faces
        Polygons.

    Returns
    -------
    numpy.ndarray
        x and y.
    """
    places = np.asarray(shapely.point_on_surface(faces), dtype=object)
    slim = 2 * shapely.area(faces) < _SLIM_M * shapely.length(faces)
    places[slim] = shapely.get_point(shapely.maximum_inscribed_circle(faces[slim]), 0)
    return np.asarray(shapely.get_coordinates(places))


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


def _squares(spread: Spread, depth: float, cell: float) -> list[shapely.Polygon]:
    """Return the squares in which places are within the depth of spots of several groups."""
    xy, _, group = spread.spots
    reach, side = 2 * (depth + cell), _WIDE * depth
    close = np.array([len(each) > 1 for each in spread.owned.groups])[group]
    for each in np.unique(group):
        mine = xy[group == each]
        around = (xy >= mine.min(axis=0) - reach).all(axis=1) & (xy <= mine.max(axis=0) + reach).all(axis=1)
        others = np.flatnonzero(around & (group != each))
        far, _ = spatial.cKDTree(mine).query(xy[others], distance_upper_bound=reach)
        close[others[np.isfinite(far)]] = True
    # the same squares wherever the corner is
    base = np.mod(spread.corner, side)
    out = (depth + cell) * np.array([[x, y] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    number = np.floor((xy[close][:, None] + out + base) / side).reshape(-1, 2)
    return [shapely.box(*(low * side - base), *((low + 1) * side - base)) for low in np.unique(number, axis=0)]


def _ridges(xy: Floats, label: Rows, wide: float) -> Shapes:
    """Return the lines on which places of two labels are nearest."""
    middle = xy.mean(axis=0)
    far = middle + _OUT * wide * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    drawn = spatial.Voronoi(np.concatenate([xy, far]) - middle)
    pairs = drawn.ridge_points
    ends = np.array(drawn.ridge_vertices)
    more = np.r_[label, np.full(len(far), -1)]
    known = (pairs < len(xy)).all(axis=1) & (more[pairs[:, 0]] != more[pairs[:, 1]]) & (ends >= 0).all(axis=1)
    lines = drawn.vertices[ends[known]] + middle
    long = (lines[:, 0] != lines[:, 1]).any(axis=1)
    return np.asarray(shapely.linestrings(lines[long]), dtype=object)
