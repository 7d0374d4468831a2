"""Streets of the sample town and the street blocks between them.

Main roads are drawn by hand, as surveyors and the river would have them. All other streets are grown: the largest
ground between streets is divided by a street that follows the direction of the terrain until 100 street blocks stand.
Streets therefore end at the street they meet (T-junctions), bend with river and slope, and leave superblocks where the
town is new.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.quarters import QUARTERS, locate
from gis.sample.terrain import Terrain, smooth

GRID = 0.001
STREET_BLOCKS = 100
# class: width of the reserve, m
WIDTHS = {
    "expressway": 58.0,
    "arterial": 42.0,
    "secondary": 29.0,
    "local": 19.0,
    "lane": 9.0,
}
_RANK = {name: rank for rank, name in enumerate(WIDTHS)}
_SMALLEST_M2 = 2.6e4

_MAIN_ROADS: tuple[tuple[str, str, list[tuple[float, float]]], ...] = (
    ("云澜快速路", "expressway", [(-500, 1_560), (300, 1_420), (900, 1_500), (1_700, 1_620), (2_500, 1_330), (3_050,
    1_250),
                              (3_600, 1_330), (4_500, 1_500)]),
    ("轨道大街", "arterial", [(120, 690), (700, 800), (1_180, 830), (1_560, 1_060), (1_800, 1_420), (1_900, 1_880),
                          (2_080, 2_300), (2_420, 2_600), (2_900, 2_720), (3_400, 2_790), (4_400, 2_900)]),
    ("松澜大街", "arterial", [(1_960, 2_020), (2_000, 2_600), (2_120, 3_150), (2_330, 3_620), (2_420, 4_150),
    (2_480, 4_600),
                          (2_620, 5_080), (2_760, 5_750)]),
    ("古渡大街", "arterial", [(1_150, 3_440), (1_500, 3_500), (1_900, 3_560), (2_330, 3_650), (2_800, 3_720),
    (3_300, 3_640),
                          (3_640, 3_480), (3_800, 3_300)]),
    ("文澜路", "arterial", [(1_560, -200), (1_540, 300), (1_530, 700), (1_540, 1_060), (1_420, 1_480), (1_350, 1_950),
                         (1_430, 2_450), (1_700, 2_900), (2_110, 3_030), (2_180, 3_050)]),
    ("南苑大街", "arterial", [(250, 330), (900, 360), (1_540, 330), (2_200, 250), (2_700, 330), (3_120, 480)]),
    ("青岚路", "secondary", [(560, 60), (720, 500), (740, 1_000), (690, 1_450), (840, 1_800), (1_060, 2_200),
    (1_330, 2_560),
                          (1_500, 2_960), (1_640, 3_560)]),
    ("北坡路", "secondary", [(1_890, 3_500), (2_010, 3_950), (2_190, 4_420), (2_290, 4_860), (2_490, 5_180), (2_760,
    5_290)]),
    ("云谷路", "secondary", [(-200, 1_960), (380, 1_990), (840, 1_900), (1_350, 1_960), (1_930, 1_960), (2_500, 1_830),
                          (3_000, 1_960), (3_420, 2_020)]),
    ("石坊街", "secondary", [(1_180, 2_400), (1_420, 2_440), (1_750, 2_480), (2_080, 2_470), (2_300, 2_400)]),
    ("澜东路", "secondary", [(3_560, 1_950), (3_620, 2_400), (3_700, 2_820), (3_720, 3_150), (3_640, 3_480)]),
)  # fmt: skip
_RAILWAY = [
    (2_900, 5_900), (2_860, 5_400), (2_830, 4_950), (2_740, 4_450), (2_830, 3_960), (2_860, 3_560), (2_720, 3_150),
    (2_620, 2_650), (2_580, 2_150), (2_620, 1_650), (2_780, 1_150), (3_080, 780), (3_420, 560), (4_000, 330),
    (4_600, 200),
]  # fmt: skip
_RIVERSIDE = "滨澜路"


@dataclass(frozen=True)
class Streets:
    """Streets and street blocks; frozen because parcels and buildings are cut from it.

    Parameters
    ----------
    lines : numpy.ndarray of shapely.LineString
        One line from junction to junction.
    classes, names : numpy.ndarray of str
        Class and name of each line.
    edges, edge_classes : numpy.ndarray
        All borders of street blocks with their class; railway and river bank included.
    faces : numpy.ndarray of shapely.Polygon
        The street blocks, a partition of the built-up ground to street centre-lines.
    quarters : numpy.ndarray of int
        Quarter of each street block.
    precincts : numpy.ndarray of int
        Ground between main roads in which each street block lies.
    railway : shapely.LineString
        Centre line of the railway.
    """

    lines: np.ndarray
    classes: np.ndarray
    names: np.ndarray
    edges: np.ndarray
    edge_classes: np.ndarray
    faces: np.ndarray
    quarters: np.ndarray
    precincts: np.ndarray
    railway: shapely.LineString


def lay_out(terrain: Terrain, rng: np.random.Generator) -> Streets:
    """Lay out the streets.

    Parameters
    ----------
    terrain : Terrain
        The ground.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Streets
        Streets, classes and 100 street blocks in town coordinates, vertices rounded to 1 mm.
    """
    town = shapely.union_all([terrain.west_town, terrain.east_town])
    railway = shapely.LineString(smooth(_RAILWAY))
    sources = _main_lines(terrain, town, railway)
    precincts = _precincts([line for _, _, line in sources], town)
    shapes, grown = _grow(precincts, terrain, rng)
    sources += grown
    edges, faces = _node(shapes)
    classes, names = _name(edges, sources)
    outside = _beyond(sources, town, terrain)
    streets = classes != "railway"
    points = shapely.get_coordinates(shapely.point_on_surface(faces))
    tree = shapely.STRtree(precincts)
    return Streets(
        lines=np.concatenate([edges[streets], [line for _, _, line in outside]]),
        classes=np.concatenate([classes[streets], [kind for _, kind, _ in outside]]),
        names=np.concatenate([names[streets], [name for name, _, _ in outside]]),
        edges=edges,
        edge_classes=classes,
        faces=faces,
        quarters=locate(points[:, 0], points[:, 1]),
        precincts=tree.query_nearest(shapely.point_on_surface(faces), all_matches=False)[1],
        railway=railway,
    )


Source = tuple[str, str, shapely.LineString]


def _main_lines(terrain: Terrain, town: BaseGeometry, railway: shapely.LineString) -> list[Source]:
    sources: list[Source] = [(name, kind, shapely.LineString(smooth(points))) for name, kind, points in _MAIN_ROADS]
    sources.append(("", "railway", railway))
    # the riverside road keeps a belt of parks between itself and the water
    for side, distance in ((terrain.west_town, 128.0), (terrain.east_town, 96.0)):
        belt = terrain.river.buffer(distance, quad_segs=8)
        course = shapely.line_merge(belt.exterior.intersection(side.buffer(5.0)))
        course = max(shapely.get_parts(course), key=shapely.length)
        sources.append(
            (_RIVERSIDE if side is terrain.west_town else "东" + _RIVERSIDE, "arterial", course.simplify(2.0))
        )
    water = terrain.river.buffer(3.0)
    for part in shapely.get_parts(town):
        bank = part.exterior.intersection(water)
        sources.append(("澜河堤路", "lane", shapely.line_merge(bank)))
        edge = part.exterior.difference(water)
        foot = edge.intersection(terrain.foot.buffer(6.0))
        sources.append(("环山路", "local", shapely.line_merge(foot)))
        sources.append(("田边路", "lane", shapely.line_merge(edge)))
    return sources


def _precincts(lines: list[shapely.LineString], town: BaseGeometry) -> list[BaseGeometry]:
    inside = [line.intersection(town.buffer(1.0)) for line in lines]
    noded = shapely.union_all([*inside, town.boundary], grid_size=GRID)
    faces = [
        face for face in shapely.get_parts(shapely.polygonize([noded]).normalize()) if town.contains(face.buffer(-1))
    ]
    faces.sort(key=lambda face: (round(face.centroid.x, 3), round(face.centroid.y, 3)))
    return _merge_small(faces)


def _merge_small(faces: list[BaseGeometry]) -> list[BaseGeometry]:
    # a remnant between two roads joins the neighbour with which it shares the longest border
    while True:
        small = min(range(len(faces)), key=lambda i: faces[i].area)
        if faces[small].area >= _SMALLEST_M2:
            return faces
        border = [0.0 if i == small else faces[small].intersection(face).length for i, face in enumerate(faces)]
        neighbour = int(np.argmax(border))
        merged = shapely.coverage_union_all([faces[small], faces[neighbour]])
        faces = [face for i, face in enumerate(faces) if i not in (small, neighbour)] + [merged]


def _grow(
    precincts: list[BaseGeometry], terrain: Terrain, rng: np.random.Generator
) -> tuple[list[BaseGeometry], list[Source]]:
    junctions = _junctions(precincts)
    queue: list[tuple[float, int, BaseGeometry]] = []
    done: list[BaseGeometry] = []
    serial = 0
    for face in precincts:
        heapq.heappush(queue, (-_appetite(face), serial, face))
        serial += 1
    grown: list[Source] = []
    while queue and len(queue) + len(done) < STREET_BLOCKS:
        _, _, face = heapq.heappop(queue)
        cut = _best_cut(face, junctions, terrain, rng)
        if cut is None:
            done.append(face)
            continue
        line, parts = cut
        grown.append((f"街{len(grown) + 1:03d}", "secondary" if face.area > 4.4e5 else "local", line))
        junctions = np.concatenate([junctions, shapely.get_coordinates(line)[[0, -1]]])
        for part in parts:
            heapq.heappush(queue, (-_appetite(part), serial, part))
            serial += 1
    return done + [face for _, _, face in queue], grown


def _appetite(face: BaseGeometry) -> float:
    point = face.representative_point()
    quarter = QUARTERS[int(locate(np.array(point.x), np.array(point.y)))]
    belt = 0.45 if _slender(face) < 0.32 else 1.0
    return face.area / (quarter.street_block_ha * 1e4) * belt


def _slender(face: BaseGeometry) -> float:
    return float(4.0 * np.pi * face.area / face.length**2)


def _junctions(faces: list[BaseGeometry]) -> np.ndarray:
    noded = shapely.line_merge(shapely.union_all([face.boundary for face in faces]))
    ends = [shapely.get_coordinates(line)[[0, -1]] for line in shapely.get_parts(noded)]
    return np.unique(np.round(np.concatenate(ends), 3), axis=0)


def _best_cut(
    face: BaseGeometry, junctions: np.ndarray, terrain: Terrain, rng: np.random.Generator
) -> tuple[shapely.LineString, list[BaseGeometry]] | None:
    axis, length, width = _axes(face)
    centre = np.array(face.centroid.coords[0])
    best, best_cost = None, np.inf
    near = junctions[shapely.distance(shapely.points(junctions), face) < 0.01]
    for attempt in range(10):
        step = (0.0, 0.1, -0.1, 0.2, -0.2)[attempt % 5]
        seed = centre + (step + rng.uniform(-0.05, 0.05)) * length * axis
        if attempt == 5 and best is not None:
            break
        reach = 1.2 * (width if attempt < 5 else length)
        cut = _divide(face, _streamline(seed, axis, reach, terrain, turned=attempt >= 5), near)
        cost = np.inf if cut is None else _cost(face, *cut)
        if cost < best_cost:
            best, best_cost = cut, cost
    return best


def _axes(face: BaseGeometry) -> tuple[np.ndarray, float, float]:
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(face))
    sides = np.diff(ring[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    longest = int(np.argmax(lengths))
    return sides[longest] / lengths[longest], float(lengths[longest]), float(lengths[1 - longest])


def _streamline(
    seed: np.ndarray, axis: np.ndarray, reach: float, terrain: Terrain, *, turned: bool
) -> shapely.LineString:
    # of the two directions of the cross field, the street takes the one that crosses the long axis
    angle = terrain.direction(*seed)
    headings = [np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])]
    headings.sort(key=lambda heading: abs(float(heading @ axis)))
    heading = headings[1 if turned else 0]
    ways = [_walk(seed, sign * heading, reach, terrain) for sign in (1.0, -1.0)]
    return shapely.LineString(np.concatenate([ways[1][::-1], ways[0][1:]]))


def _walk(start: np.ndarray, heading: np.ndarray, reach: float, terrain: Terrain) -> np.ndarray:
    step, x, y = 24.0, float(start[0]), float(start[1])
    along, across = float(heading[0]), float(heading[1])
    course = [(x, y)]
    for _ in range(int(reach / step) + 2):
        angle = terrain.direction(x, y)
        # the nearest of the four directions of the cross field
        ahead = math.atan2(across, along)
        angle += round((ahead - angle) / (0.5 * math.pi)) * 0.5 * math.pi
        # a street has inertia: it turns into the field, it does not jump
        along, across = 0.6 * along + 0.4 * math.cos(angle), 0.6 * across + 0.4 * math.sin(angle)
        size = math.hypot(along, across)
        along, across = along / size, across / size
        x, y = x + step * along, y + step * across
        course.append((x, y))
    return np.array(course)


def _divide(
    face: BaseGeometry, line: shapely.LineString, near: np.ndarray
) -> tuple[shapely.LineString, list[BaseGeometry]] | None:
    middle = shapely.Point(shapely.get_coordinates(line)[shapely.get_num_points(line) // 2])
    pieces = [piece for piece in shapely.get_parts(line.intersection(face)) if piece.length > 40.0]
    if not pieces:
        return None
    piece = min(pieces, key=lambda candidate: candidate.distance(middle))
    piece = _attach(piece, near)
    parts = list(shapely.get_parts(shapely.polygonize([face.boundary.union(_lengthen(piece))])))
    parts = [part for part in parts if face.contains(part.representative_point())]
    if len(parts) != 2 or min(part.area for part in parts) < _SMALLEST_M2:
        return None
    return piece, sorted(parts, key=lambda part: (part.bounds, part.area))


def _attach(piece: shapely.LineString, near: np.ndarray) -> shapely.LineString:
    # a street that would miss a junction by a few metres is led into it
    points = shapely.get_coordinates(piece).copy()
    reach = min(75.0, 0.22 * piece.length)
    run = np.linspace(0.0, 1.0, len(points))[:, None]
    for end, weight in ((0, np.clip(1.0 - run / 0.7, 0, 1)), (-1, np.clip((run - 0.3) / 0.7, 0, 1))):
        gap = np.hypot(*(near - points[end]).T) if len(near) else np.array([np.inf])
        if gap.min() < reach:
            points = points + weight * (near[int(np.argmin(gap))] - points[end])
    return shapely.LineString(points)


def _lengthen(piece: shapely.LineString) -> shapely.LineString:
    # a centimetre over the border, so that rounding cannot leave the end short of it
    points = shapely.get_coordinates(piece).copy()
    for end, step in ((0, 1), (-1, -2)):
        heading = points[end] - points[step]
        points[end] = points[end] + 0.01 * heading / np.hypot(heading[0], heading[1])
    return shapely.LineString(points)


def _cost(face: BaseGeometry, line: shapely.LineString, parts: list[BaseGeometry]) -> float:
    balance = abs(parts[0].area - parts[1].area) / face.area
    shape = sum(max(0.0, 0.62 - _slender(part)) for part in parts)
    points = shapely.get_coordinates(line)
    straight = 1.0 - np.hypot(*(points[-1] - points[0])) / line.length
    skew = sum(max(0.0, 0.75 - _squareness(face, points[[end, step]])) for end, step in ((0, 1), (-1, -2)))
    return 1.3 * balance + 3.0 * shape + 1.2 * straight + 1.4 * skew


def _squareness(face: BaseGeometry, ends: np.ndarray) -> float:
    # sine of the angle at which the street meets the border
    rim = face.boundary
    along = rim.project(shapely.Point(ends[0]))
    before, after = (np.array(rim.interpolate((along + d) % rim.length).coords[0]) for d in (-9.0, 9.0))
    border, street = after - before, ends[1] - ends[0]
    return float(abs(border[0] * street[1] - border[1] * street[0]) / (np.hypot(*border) * np.hypot(*street) + 1e-9))


def _node(faces: list[BaseGeometry]) -> tuple[np.ndarray, np.ndarray]:
    noded = shapely.union_all([face.boundary for face in faces], grid_size=GRID)
    rings = shapely.get_parts(shapely.polygonize([noded]))
    rings = np.array([ring for ring in rings if ring.area > 1e3])
    rings = shapely.transform(rings, lambda xy: np.round(xy, 3))
    spots = np.round(shapely.get_coordinates(shapely.centroid(rings)), 2)
    rings = rings[np.lexsort((spots[:, 0], spots[:, 1]))]
    edges = shapely.get_parts(shapely.line_merge(shapely.union_all(shapely.boundary(rings))))
    edges = shapely.normalize(edges)
    spots = np.round(shapely.get_coordinates(shapely.line_interpolate_point(edges, 0.5, normalized=True)), 2)
    return edges[np.lexsort((spots[:, 0], spots[:, 1]))], shapely.normalize(rings)


def _name(edges: np.ndarray, sources: list[Source]) -> tuple[np.ndarray, np.ndarray]:
    order = sorted(range(len(sources)), key=lambda i: (sources[i][1] != "railway", _RANK.get(sources[i][1], -1)))
    probes = np.stack([shapely.line_interpolate_point(edges, t, normalized=True) for t in (0.25, 0.5, 0.75)], axis=1)
    classes = np.full(len(edges), "lane", dtype=object)
    names = np.full(len(edges), "", dtype=object)
    # the highest class is written last
    for i in reversed(order):
        name, kind, line = sources[i]
        on = (shapely.distance(probes, line) < 0.4).sum(axis=1) >= 2
        classes[on], names[on] = kind, name
    return classes, names


def _beyond(sources: list[Source], town: BaseGeometry, terrain: Terrain) -> list[Source]:
    ground = terrain.district.difference(town)
    water = terrain.river.buffer(-3.0)
    beyond: list[Source] = []
    for name, kind, line in sources:
        if kind not in ("expressway", "arterial", "secondary"):
            continue
        for part in shapely.get_parts(line.intersection(ground)):
            # a road that ends in the river is no bridge
            if part.length > 30.0 and not shapely.contains(water, shapely.get_point(part, [0, -1])).any():
                beyond.append((name, kind, shapely.transform(part, lambda xy: np.round(xy, 3))))
    return beyond
