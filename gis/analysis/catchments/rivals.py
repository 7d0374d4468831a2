"""Rivals: where stations dispute ground, whose each place there is, and along which lines it changes hands.

Walks spread in rounds: the first minute, then ten seconds at a time. A place is of the station whose walk comes within
the depth of it, in sight, in the earliest round; where several come in one round, of the one that what is reached in
that round is nearest to; where they take the same time all along, of the one with the nearest entrance; and where even
that is one place, of the first by key. Rounds are the same whatever is asked for, so that borders are too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import spatial

from gis.analysis.catchments.spread import Spread, round_of
from gis.geometry import snapped, strands
from gis.geometry.parts import Shapes
from gis.geometry.sight import Sight

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# disputed ground is looked at in squares so many depths wide
_WIDE = 4.0
# borders between few spots are drawn as if others stood so many squares away
_OUT = 50.0
# faces that are so narrow on the whole may have most of their length in a spike, m
_SLIM_M = 0.01


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


def disputed(spread: Spread, seen: Sight, cell: float, digit: float) -> Disputed:
    """Share out the ground at which several stations are near.

    Parameters
    ----------
    spread
        How walks spread.
    seen, cell
        As for `grounds.raw`: what is seen, and the fineness of the outlines, m.
    digit
        Grid on which lines meet, m.

    Returns
    -------
    Disputed
        Beyond the squares a place is of the group that the nearest spot is of.
    """
    squares = _squares(spread, seen.depth, cell)
    lines = np.asarray(shapely.linestrings(spread.stretches[0].reshape(-1, 2, 2)), dtype=object)
    tree = shapely.STRtree(lines)
    shapes, stations = [np.empty(0, dtype=object)], [np.empty(0, dtype=np.intp)]
    for place in squares:
        square = _Square(spread, place, seen, cell, tree)
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
    seen
        What is seen past barriers.
    cell
        Side of a cell, m.
    tree
        An index of the stretches.
    """

    def __init__(
        self,
        spread: Spread,
        place: shapely.Polygon,
        seen: Sight,
        cell: float,
        tree: shapely.STRtree,
    ) -> None:
        self._spread, self._place, self._seen, self._depth, self._cell = spread, place, seen, seen.depth, cell
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
            len(self._spread.groups[each]) < 2 for each in self.group[:1].tolist()
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
        regions = self.sides
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
        shift = self._spread.corner - self._seen.origin
        run = self._spread.entries.run
        free = np.empty((0, 4))
        aside: list[shapely.Geometry] = []
        for step in np.unique(self._reached).tolist():
            new, beside = self._seen.beside(self._pieces[self._reached == step] + np.tile(shift, 2))
            free = np.concatenate([free, new])
            if len(beside.piece):
                aside = [snapped.gathered([*aside, *self._seen.ground(beside)])]
            drawn = [*strands.ground(free, self._depth, self._cell, run), *aside]
            shape = snapped.gathered(drawn) if aside else shapely.MultiPolygon(drawn)
            yield step, shapely.transform(shape, lambda xy: xy - shift)

    def _between(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return what of an outline lies where the ground may change hands."""
        xy, row = shapely.get_coordinates(shapely.get_parts(shapely.boundary(shape)), return_index=True)
        inner = np.flatnonzero(row[1:] == row[:-1])
        middle, half = (xy[inner] + xy[inner + 1]) / 2, np.hypot(*(xy[inner + 1] - xy[inner]).T) / 2
        far = np.sort(
            [spatial.cKDTree(self.xy[self.group == n]).query(middle)[0] for n in np.unique(self.group)], axis=0
        )
        some = inner[far[min(1, len(far) - 1)] <= self._out + half]
        return shapely.MultiLineString(list(np.stack([xy[some], xy[some + 1]], axis=1)))

    def _walls(self, around: shapely.Polygon) -> Shapes:
        """Return the barriers that meet a polygon."""
        corner = self._spread.corner
        near = self._bars.tree.query(shapely.transform(around, lambda xy: xy + corner), predicate="intersects")
        return np.asarray(shapely.transform(self._bars.pieces[near], lambda xy: xy - corner), dtype=object)

    @cached_property
    def sides(self) -> list[tuple[shapely.Polygon, Rows]]:
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
            rivals = self._spread.groups[group]
            gates = [self._spread.gates(rival) for rival in rivals]
            if len(rivals) > 1:
                xy, whose = np.concatenate(gates), np.repeat(rivals, [len(each) for each in gates])
                _, one = np.unique(np.round(xy, 6), axis=0, return_index=True)
                middle = np.array(self._place.centroid.coords[0])
                out = 2 * float(np.abs(xy - middle).max()) + _WIDE * self._depth
                ridges = _ridges(np.r_[xy[one]] - middle, whose[one], out)
                found += list(snapped.moved(ridges, middle))
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
        """Return the group of the nearest of some spots on the same side of barriers as each place, else of any."""
        group = self.group[spots]
        result = np.asarray(group[spatial.cKDTree(self.xy[spots]).query(places)[1]])
        if len(np.unique(group)) < 2:
            return result
        points = np.asarray(shapely.points(places), dtype=object)
        for side, inside in self.sides[1:]:
            some = spots[np.isin(spots, inside)]
            here = np.flatnonzero(shapely.intersects(side, points))
            if len(some) and len(here):
                result[here] = self.group[some[spatial.cKDTree(self.xy[some]).query(places[here])[1]]]
        return result


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
    # a spike of a wide face may be where a place was found
    slim = 2 * shapely.area(faces) < _SLIM_M * shapely.length(faces)
    slim |= shapely.distance(places, shapely.boundary(faces)) < _SLIM_M
    places[slim] = shapely.get_point(shapely.maximum_inscribed_circle(faces[slim]), 0)
    return np.asarray(shapely.get_coordinates(places))


def _squares(spread: Spread, depth: float, cell: float) -> list[shapely.Polygon]:
    """Return the squares in which places are within the depth of spots of several groups."""
    xy, _, group = spread.spots
    reach, side = 2 * (depth + cell), _WIDE * depth
    close = np.array([len(each) > 1 for each in spread.groups])[group]
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
