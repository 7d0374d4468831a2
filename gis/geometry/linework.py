"""Linework that later outlines follow: where a ring leaves it and joins it again, and the faces it makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

# two places nearer than this are one, m: what rounding of coordinates leaves behind
ROUNDING_M = 1e-8


@dataclass(frozen=True)
class Departure:
    """Hold a line on which a ring leaves the linework.

    Parameters
    ----------
    owner
        Position of the shape it is drawn for.
    line
        Vertices of the ring, and at each end a place on the linework; closed where the whole ring lies apart.
    furthest_m
        Largest distance from the linework, m; infinite where there is none near.
    """

    owner: int
    line: shapely.LineString
    furthest_m: float


class Linework:
    """Gather lines, the ones that others follow first, and keep every place where a later line ends on an earlier one.

    Parameters
    ----------
    shapes
        Polygons whose outlines stay as they are, in order of precedence, best near the origin (`snapped.moved`).
    owners
        A number for each; an edge that several have is the first one's.
    tolerance
        A line within this distance follows, m.
    groups
        A number for each shape; between lines of two groups that run apart within the tolerance, bridges part the
        strip wherever one of them turns or a later line ends on it. Without it there are none.

    Notes
    -----
    No earlier edge is changed: a place on it is only noted, and the faces get a vertex there.
    """

    def __init__(self, shapes: Shapes, owners: Places, tolerance: float, groups: Places | None = None) -> None:
        ends, shape = edges(shapes)
        found, first = np.unique(undirected(ends), axis=0, return_index=True)
        order = np.argsort(first, kind="stable")
        self.tolerance = tolerance
        self._ends = list(map(tuple, found[order]))
        self._owner = list(owners[shape[first[order]]])
        self._lines = list(_segments(found[order]))
        self._tree = shapely.STRtree(self._lines)
        self._all: shapely.STRtree | None = None
        self._fixed = len(self._lines)
        self._drawn: dict[int, list[int]] = {}
        self._joints: dict[int, list[tuple[float, float]]] = {}
        self._groups = np.zeros(0, dtype=np.intp) if groups is None else groups[shape[first[order]]]
        self._bridge(np.unique(found.reshape(-1, 2), axis=0))

    def draw(self, shape: shapely.Geometry, owner: int, others: Iterable[int], equals: Shapes) -> list[Departure]:
        """Add the stretches of an outline that do not follow earlier lines.

        Parameters
        ----------
        shape
            A valid polygon or multipolygon.
        owner
            Its number.
        others
            Numbers of the shapes drawn before that lie near.
        equals
            Outlines near by that have no precedence and will be drawn later: the stretch meets them half way.

        Returns
        -------
        list of Departure
            The stretches added. Vertices are those of the outline; each end is joined to an earlier line: where the
            outline crosses it, else where the outline's last edge, drawn on, meets it, else at the nearest place. A
            corner of the lines that stay as they are is taken if it lies within half the tolerance.
        """
        near = self._near(shape, others)
        lines = np.array([self._lines[edge] for edge in near], dtype=object)
        belt: shapely.Geometry = shapely.buffer(_together(lines), self.tolerance)
        shapely.prepare(belt)
        rings = shapely.get_rings(shapely.get_parts(shape))
        if len(equals):
            rings = np.array([_halfway(ring, belt, equals, self.tolerance) for ring in rings], dtype=object)
        # all rings of the shape are cut against the same lines, so that none follows another of the same shape
        cut = [found for ring in rings for found in self._cut(ring, near, lines, belt)]
        departures = []
        for points in cut:
            line = shapely.LineString(points)
            furthest = _furthest(line, lines)
            self._add(points, owner)
            departures.append(Departure(owner, line, furthest))
        return departures

    def faces(self, last: int) -> Shapes:
        """Return the faces that the lines of the first shapes make.

        Parameters
        ----------
        last
            The greatest number of a shape whose lines count; lines that stay as they are always count.

        Returns
        -------
        numpy.ndarray
            Polygons, from west to east, sharing their vertices exactly.
        """
        pieces = [
            piece
            for edge, owner in enumerate(self._owner)
            if edge < self._fixed or owner <= last
            for piece in self._pieces(edge)
        ]
        if not pieces:
            return np.empty(0, dtype=object)
        return enclosed(shapely.union_all(_segments(np.array(pieces))))

    def joints(self) -> Floats:
        """Return the places where later lines end on edges of earlier ones, one (x, y) a row."""
        found = [place for places in self._joints.values() for place in places]
        return np.array(found, dtype=np.float64).reshape(-1, 2)

    def owners(self, lines: Shapes) -> Places:
        """Tell on whose edge each of some lines lies.

        Parameters
        ----------
        lines
            Straight lines along the linework.

        Returns
        -------
        numpy.ndarray
            The number of the shape that the edge nearest to the middle of each belongs to; -1 beyond rounding.
        """
        middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
        found = np.full(len(lines), -1, dtype=np.intp)
        if self._all is None:
            self._all = shapely.STRtree(self._lines)
        line, edge = self._all.query_nearest(middle, max_distance=ROUNDING_M, all_matches=False)
        found[line] = np.array(self._owner, dtype=np.intp)[edge]
        return found

    def _near(self, shape: shapely.Geometry, others: Iterable[int]) -> Places:
        """Return the edges near a shape, those that stay as they are first."""
        reach = 4 * self.tolerance
        fixed = np.sort(self._tree.query(shapely.boundary(shape), predicate="dwithin", distance=reach))
        drawn = sorted(edge for other in others for edge in self._drawn.get(other, ()))
        lines = np.array([self._lines[edge] for edge in drawn], dtype=object)
        kept = np.array(drawn, dtype=np.intp)[shapely.dwithin(lines, shapely.boundary(shape), reach)]
        return np.concatenate([fixed, kept]).astype(np.intp)

    def _cut(self, ring: shapely.LinearRing, near: Places, lines: Shapes, belt: shapely.Geometry) -> list[Floats]:
        """Return the stretches of one ring outside the belt, joined to the lines at their ends."""
        if not shapely.intersects(belt, ring):
            return [shapely.get_coordinates(ring)]
        outside = shapely.get_parts(shapely.difference(ring, belt))
        inside = shapely.get_parts(shapely.line_merge(shapely.intersection(ring, belt)))
        # to pass by is not to follow: a short stretch inside that touches no line belongs to the departure
        together = _together(lines)
        passing = (shapely.length(inside) < 4 * self.tolerance) & ~shapely.dwithin(inside, together, ROUNDING_M)
        exits = {tuple(end) for line in inside[passing] for end in (line.coords[0], line.coords[-1])}
        whole = shapely.line_merge(shapely.multilinestrings(np.concatenate([outside, inside[passing]])))
        found = []
        for line in shapely.get_parts(whole):
            points = shapely.get_coordinates(line)
            if shapely.is_closed(line):
                found.append(shapely.get_coordinates(ring))
                continue
            middle = [point for point in points[1:-1] if tuple(point) not in exits]
            start = self._joined(points[0], points[1], ring, near, lines, belt)
            finish = self._joined(points[-1], points[-2], ring, near, lines, belt)
            joined = _distinct(np.array([*start[::-1], *middle, *finish]))
            if len(joined) > 1:
                found.append(joined)
        return found

    def _joined(
        self, end: Floats, inner: Floats, ring: shapely.LinearRing, near: Places, lines: Shapes, belt: shapely.Geometry
    ) -> list[Floats]:
        """Return the places that lead from the end of a departure to the lines, the one on a line last."""
        leg = _leg(end, inner, ring, belt)
        place = _meeting(leg, lines, 2 * self.tolerance)
        if place is not None and np.hypot(*(place - end)) <= 4 * self.tolerance:
            return [self._placed(place, near, lines)]
        point = shapely.Point(end)
        edge = int(np.argmin(shapely.distance(lines, point)))
        place = shapely.get_coordinates(shapely.shortest_line(lines[edge], point))[0]
        return [end, self._placed(place, near, lines)]

    def _placed(self, place: Floats, near: Places, lines: Shapes) -> Floats:
        """Return a place on a line as an earlier vertex where one is close, else note it on its edge."""
        fixed = lines[near < self._fixed]
        corner = _closest(place, shapely.get_coordinates(fixed), self.tolerance / 2)
        if corner is None:
            corner = _closest(place, shapely.get_coordinates(lines), ROUNDING_M)
        if corner is not None:
            return corner
        edge = int(near[np.argmin(shapely.distance(lines, shapely.Point(place)))])
        joint = self._noted(place, edge)
        self._bridge(joint[np.newaxis])
        return joint

    def _noted(self, place: Floats, edge: int) -> Floats:
        """Note a place on an edge, or return the one that is noted there."""
        noted = self._joints.setdefault(edge, [])
        joint = _closest(place, np.array(noted).reshape(-1, 2), ROUNDING_M)
        if joint is None:
            noted.append((float(place[0]), float(place[1])))
            return place
        return joint

    def _bridge(self, places: Floats) -> None:
        """Draw a line from each place on a line that stays to the nearest one of another group within the tolerance."""
        if len(np.unique(self._groups)) < 2:
            return
        spots = np.asarray(shapely.points(places), dtype=object).reshape(-1)
        spot, edge = self._tree.query(spots, predicate="dwithin", distance=self.tolerance)
        far = shapely.distance(np.array([self._lines[n] for n in edge.tolist()], dtype=object), spots[spot])
        order = np.lexsort((edge, far, spot))
        spot, edge, far = spot[order], edge[order], far[order]
        starts = np.searchsorted(spot, np.arange(len(places) + 1)).tolist()
        for place, begin, end in zip(places, starts[:-1], starts[1:], strict=True):
            group, apart = self._groups[edge[begin:end]], far[begin:end] > ROUNDING_M
            # a place on the lines of both is where they meet
            across = begin + np.flatnonzero(apart & ~np.isin(group, group[~apart]))[:1]
            if not apart.all() and len(across):
                self._span(place, int(edge[across[0]]))

    def _span(self, place: Floats, edge: int) -> None:
        """Add the bridge from a place to the nearest of an edge."""
        foot = shapely.get_coordinates(shapely.shortest_line(self._lines[edge], shapely.Point(place)))[0]
        corner = _closest(foot, np.array(self._ends[edge]).reshape(2, 2), ROUNDING_M)
        foot = self._noted(foot, edge) if corner is None else corner
        # nobody's line, and none that others follow
        ends = np.concatenate([place, foot])[np.newaxis]
        self._all = None
        self._ends.append(tuple(ends[0]))
        self._lines.extend(_segments(ends))
        self._owner.append(-1)

    def _add(self, points: Floats, owner: int) -> None:
        """Add a departure's edges."""
        self._all = None
        ends = np.concatenate([points[:-1], points[1:]], axis=1)
        self._drawn.setdefault(owner, []).extend(range(len(self._ends), len(self._ends) + len(ends)))
        self._ends.extend(map(tuple, ends))
        self._lines.extend(_segments(ends))
        self._owner.extend([owner] * len(ends))

    def _pieces(self, edge: int) -> list[tuple[float, ...]]:
        """Return an edge cut at the places noted on it."""
        ends = self._ends[edge]
        places = self._joints.get(edge)
        if not places:
            return [ends]
        inner = sorted(places, key=lambda place: np.hypot(place[0] - ends[0], place[1] - ends[1]))
        points = [ends[:2], *inner, ends[2:]]
        return [(*points[k], *points[k + 1]) for k in range(len(points) - 1)]


def edges(shapes: Shapes) -> tuple[Floats, Places]:
    """Return the edges of all rings.

    Parameters
    ----------
    shapes
        Polygons or multipolygons.

    Returns
    -------
    tuple
        One (x0, y0, x1, y1) a row, as drawn, and the position of the shape each belongs to.
    """
    # only single polygons give their rings
    single, whole = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    rings, part = shapely.get_rings(single, return_index=True)
    shape = whole[part]
    points, ring = shapely.get_coordinates(rings, return_index=True)
    step = (ring[1:] == ring[:-1]) & (points[1:] != points[:-1]).any(axis=1)
    ends = np.concatenate([points[:-1][step], points[1:][step]], axis=1) + 0.0
    return ends, np.asarray(shape[ring[:-1][step]], dtype=np.intp)


def enclosed(lines: shapely.Geometry) -> Shapes:
    """Return the faces that lines enclose.

    Parameters
    ----------
    lines
        Lines that meet only where they end.

    Returns
    -------
    numpy.ndarray
        Polygons from west to east that touch but do not overlap, sharing their vertices exactly.
    """
    found = shapely.normalize(shapely.get_parts(shapely.polygonize([lines])))
    x, y = shapely.get_coordinates(shapely.point_on_surface(found)).T
    return np.asarray(found[np.lexsort((y, x))], dtype=object)


def without(shapes: Shapes, places: Floats) -> Shapes:
    """Drop vertices on straight stretches that only two edges of all shapes together meet in.

    Parameters
    ----------
    shapes
        Polygons or multipolygons that share their vertices exactly.
    places
        Vertices that may go, one (x, y) a row.

    Returns
    -------
    numpy.ndarray
        The shapes; where three edges meet, or the outline turns, the vertex stays, in all of them.
    """
    plain = _plain(np.unique(undirected(edges(shapes)[0]), axis=0), places)
    result = shapes.copy()
    for n, shape in enumerate(shapes):
        if plain.isdisjoint(map(tuple, shapely.get_coordinates(shape))):
            continue
        made = []
        for part in shapely.get_parts(shape):
            rings = [_kept(ring, plain) for ring in shapely.get_rings(part)]
            made.append(shapely.Polygon(rings[0], rings[1:]))
        result[n] = made[0] if shape.geom_type == "Polygon" else shapely.MultiPolygon(made)
    return result


def _plain(ends: Floats, places: Floats) -> set[tuple[float, ...]]:
    """Return those places where two edges, and no third, meet in a straight line."""
    near: dict[tuple[float, ...], list[Floats]] = {place: [] for place in map(tuple, places)}
    for end, other in ((ends[:, :2], ends[:, 2:]), (ends[:, 2:], ends[:, :2])):
        for point, neighbour in zip(map(tuple, end), other, strict=True):
            if point in near:
                near[point].append(neighbour)
    found = [place for place, neighbours in near.items() if len(neighbours) == 2]
    direct = shapely.linestrings([near[place] for place in found]) if found else np.empty(0, dtype=object)
    points = shapely.points(np.array(found).reshape(-1, 2))
    straight = np.atleast_1d(shapely.dwithin(points, direct, ROUNDING_M))
    return {place for place, yes in zip(found, straight, strict=True) if yes}


def _kept(ring: shapely.LinearRing, plain: set[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Return the vertices of a ring that are not among those that may go; the ring may start at one."""
    kept = [point for point in ring.coords[:-1] if point not in plain]
    return [*kept, kept[0]]


def undirected(ends: Floats) -> Floats:
    """Turn edges so that their smaller end comes first.

    Parameters
    ----------
    ends
        One (x0, y0, x1, y1) a row.

    Returns
    -------
    numpy.ndarray
        The same edges.
    """
    backwards = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
    return np.where(backwards[:, np.newaxis], ends[:, [2, 3, 0, 1]], ends)


def _segments(ends: Floats) -> Shapes:
    """Return edges as lines."""
    return np.asarray(shapely.linestrings(np.asarray(ends, dtype=np.float64).reshape(-1, 2, 2)), dtype=object)


def _together(lines: Shapes) -> shapely.MultiLineString:
    """Return lines as one geometry."""
    return shapely.MultiLineString(list(lines))


def _halfway(ring: shapely.LinearRing, belt: shapely.Geometry, equals: Shapes, tolerance: float) -> shapely.LinearRing:
    """Return a ring whose stretches outside the belt stand half way to the outlines that run beside them."""
    points = shapely.get_coordinates(ring)[:-1]
    outside = shapely.difference(ring, belt)
    near = equals[shapely.dwithin(equals, outside, tolerance)]
    if not len(near):
        return ring
    result = points.copy()
    free = np.asarray(~shapely.intersects(belt, shapely.points(points)))
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    result[free] += _towards(points[free], along[free], near, tolerance)
    # the vertex in the belt that an edge leads to moves as the edge does where it enters
    sides = _segments(np.concatenate([points, np.roll(points, -1, axis=0)], axis=1))
    for end in shapely.get_coordinates(shapely.boundary(shapely.get_parts(outside))):
        side = int(np.argmin(shapely.distance(sides, shapely.Point(end))))
        step = points[(side + 1) % len(points)] - points[side]
        move = _towards(end[np.newaxis], step[np.newaxis], near, tolerance)[0]
        for vertex in (side, (side + 1) % len(points)):
            if not free[vertex] and np.hypot(*(points[vertex] - end)) <= 4 * tolerance:
                result[vertex] = points[vertex] + move
    moved = shapely.LinearRing(result)
    return moved if moved.is_simple else ring


def _towards(points: Floats, along: Floats, outlines: Shapes, tolerance: float) -> Floats:
    """Return the move of each point to the mean of it and the outlines beside it."""
    total, count = np.zeros_like(points), np.ones(len(points))
    for outline in outlines:
        nearest = shapely.get_coordinates(shapely.shortest_line(outline, shapely.points(points)))
        step = nearest.reshape(-1, 2, 2)[:, 0] - points
        distance = np.hypot(*step.T)
        # an outline that only ends near by lies ahead, not beside
        ahead = np.abs((step * along).sum(axis=1)) > 0.7 * distance * np.hypot(*along.T)
        same = distance <= ROUNDING_M
        close = (distance <= tolerance) & (same | ~ahead)
        count[close] += 1
        total[close & ~same] += step[close & ~same]
    return np.asarray(total / count[:, np.newaxis])


def _leg(end: Floats, inner: Floats, ring: shapely.LinearRing, belt: shapely.Geometry) -> shapely.LineString:
    """Return the stretch of a ring's edge that leads inward from where the ring enters the belt."""
    points = shapely.get_coordinates(ring)
    sides = _segments(np.concatenate([points[:-1], points[1:]], axis=1))
    side = int(np.argmin(shapely.distance(sides, shapely.Point(end))))
    ahead = max(points[side], points[side + 1], key=lambda point: float(np.dot(point - end, end - inner)))
    inside = shapely.get_parts(shapely.intersection(shapely.LineString([end, ahead]), belt))
    leg = inside[int(np.argmin(shapely.distance(inside, shapely.Point(end))))]
    tips = shapely.get_coordinates(leg)
    return shapely.LineString([end, max(tips, key=lambda tip: float(np.hypot(*(tip - end))))])


def _meeting(leg: shapely.LineString, lines: Shapes, reach: float) -> Floats | None:
    """Return where a leg, or else the leg drawn on, first meets a line."""
    together = _together(lines)
    start, tip = shapely.get_coordinates(leg)
    crossings = shapely.get_coordinates(shapely.intersection(leg, together))
    at_tip = bool(shapely.dwithin(together, shapely.Point(tip), ROUNDING_M))
    # a vertex that lies on a line stays the vertex it is
    if at_tip and (not len(crossings) or np.hypot(*(crossings - tip).T).max() <= ROUNDING_M):
        return tip
    length = np.hypot(*(tip - start))
    if not len(crossings) and length > 0:
        further = shapely.LineString([tip, tip + (tip - start) / length * reach])
        crossings = shapely.get_coordinates(shapely.intersection(further, together))
    if not len(crossings):
        return None
    return np.asarray(crossings[np.argmin(np.hypot(*(crossings - start).T))])


def _closest(place: Floats, points: Floats, within: float) -> Floats | None:
    """Return the nearest of some points if it is near enough."""
    if not len(points):
        return None
    distance = np.hypot(*(points - place).T)
    nearest = int(np.argmin(distance))
    return np.asarray(points[nearest]) if distance[nearest] <= within else None


def _distinct(points: Floats) -> Floats:
    """Drop points that repeat the one before."""
    keep = np.concatenate([[True], (points[1:] != points[:-1]).any(axis=1)])
    return points[keep]


def _furthest(line: shapely.LineString, lines: Shapes) -> float:
    """Return the largest distance of a line from other lines, inf where there are none."""
    if not len(lines):
        return float("inf")
    points = shapely.points(shapely.get_coordinates(shapely.segmentize(line, max(line.length / 8, 1.0))))
    return float(shapely.distance(points, _together(lines)).max())
