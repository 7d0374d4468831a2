"""The map of a station's sheet: sheds by minutes over streets and barriers, projects, facilities, usable stock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.catalogue import Catalogue
from gis.publish import furniture, paper, shapes, style, wording
from gis.publish.labelling import Label, Labels
from gis.publish.legend import Key
from gis.publish.paper import INK, Box, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUND = "#f7f5f0"
RAIL = "#9e5a2a"
STOCK = "#0b6e8a"
SPACE = "#a87616"
OTHER = "#7a8a99"
# ways that lead over or under what cannot be walked across
_CROSSINGS = ("bridge", "underpass", "crossing")
# there are too many of them for a letter each
_SMALL_KINDS = ("bus_stop", "toilet", "refuse", "parking")
_POINTS_A_PIXEL = 0.42
# so much of a shed may lie outside the map rather than make all of it less than half as large
_TIPS = 0.03


@dataclass(frozen=True)
class Surroundings:
    """Hold what the map of one station is drawn from.

    `sheds` are the station's raw sheds with column minutes, widest first; `rings` its raw circles where it has no
    sheds; `numbers` the number of a project in the programme by its key; `stock` the keys of buildings that the
    programme names as usable.
    """

    station: pd.Series
    frames: Mapping[str, gpd.GeoDataFrame]
    sheds: gpd.GeoDataFrame
    rings: gpd.GeoDataFrame
    others: gpd.GeoDataFrame
    numbers: Mapping[str, int]
    stock: frozenset[str]

    @property
    def reach_m(self) -> float:
        """Return the radius of the widest circle, 800 m where there is none."""
        drawn = self.sheds if len(self.sheds) else self.rings
        widest = pd.to_numeric(drawn["radius_m"]).max() if len(drawn) else float("nan")
        return float(widest) if np.isfinite(widest) and widest > 0 else 800.0


@dataclass
class _Map:
    """Hold the map while it is drawn."""

    sheet: Sheet
    axes: Axes
    box: Box
    scale: int
    bounds: tuple[float, float, float, float]
    around: Surroundings
    catalogue: Catalogue
    words: Mapping[str, str]
    keys: list[Key] = field(default_factory=list)

    def frame(self, name: str) -> gpd.GeoDataFrame | None:
        """Return what of a layer lies in the map."""
        return shapes.within(self.around.frames.get(name), self.bounds)

    def mm(self, x: float, y: float) -> tuple[float, float]:
        """Return a place of the ground as mm of the sheet."""
        west, south = self.bounds[:2]
        return self.box.left + (x - west) * 1000 / self.scale, self.box.bottom + (y - south) * 1000 / self.scale

    def key(self, title: str, shape: str, **look: Any) -> None:
        """Enter a line of the legend."""
        self.keys.append(Key(title, shape, look))


def draw(
    sheet: Sheet, box: Box, around: Surroundings, catalogue: Catalogue, scale: int | None
) -> tuple[int, list[Key]]:
    """Draw the map.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Where on it (mm).
    around
        What is drawn.
    catalogue
        Styles, colours and words.
    scale
        Denominator; None takes the largest of the profession that holds the sheds.

    Returns
    -------
    tuple
        The scale, and the legend of what was drawn.
    """
    chosen, bounds = _extent(around, box, scale)
    axes = sheet.axes(box, "map")
    axes.set(xlim=(bounds[0], bounds[2]), ylim=(bounds[1], bounds[3]), facecolor=GROUND)
    for side in axes.spines.values():
        side.set_linewidth(0.9)
    drawn = _Map(sheet, axes, box, chosen, bounds, around, catalogue, catalogue.words("station_sheet"))
    for step in (_sheds, _others, _ground, _streets, _barriers, _projects, _spaces, _facilities, _station):
        step(drawn)
    outside = cut(around, bounds)
    if outside > 1e-6:
        said = drawn.words["cut"].format(share=f"{max(outside, 0.001):.1%}")
        sheet.text(box.left + 3, box.top - 3.5, said, 6.4, color=paper.GREY, halo=2.2)
    furniture.grid(sheet, axes, box, chosen)
    _names(sheet, drawn)
    furniture.scale_bar(sheet, box.left + 7, box.bottom + 4.5, chosen)
    furniture.north_arrow(sheet, box.right - 9, box.top - 17)
    return chosen, drawn.keys


def _extent(around: Surroundings, box: Box, scale: int | None) -> tuple[int, tuple[float, float, float, float]]:
    """Return the scale and the ground that the map holds: the sheds but for stray tips, else the circle."""
    centre = shapely.get_coordinates(around.station["geometry"])[0]
    low, high = centre - around.reach_m, centre + around.reach_m
    if not len(around.sheds):
        east, north = high - low
        chosen = scale or paper.scale_for(float(east), float(north), box)
        return chosen, _bounds(centre, box, chosen)
    corners = np.array(around.sheds.total_bounds)
    middle = (corners[:2] + corners[2:]) / 2
    fitting = [each for each in paper.SCALES if cut(around, _bounds(middle, box, each)) <= _TIPS]
    chosen = scale or (fitting[0] if fitting else paper.SCALES[-1])
    return chosen, _bounds(middle, box, chosen)


def _bounds(middle: Any, box: Box, scale: int) -> tuple[float, float, float, float]:
    """Return the ground that a box shows around a place."""
    half = np.array([box.width, box.height]) * scale / 2000
    west, south, east, north = (float(value) for value in (*(middle - half), *(middle + half)))
    return west, south, east, north


def cut(around: Surroundings, bounds: tuple[float, float, float, float]) -> float:
    """Return the share of the widest shed that lies outside a map.

    Parameters
    ----------
    around
        What is drawn.
    bounds
        West, south, east, north of the map.

    Returns
    -------
    float
        0 where there is no shed.
    """
    if not len(around.sheds):
        return 0.0
    widest = around.sheds.geometry.iloc[0]
    return float(1 - shapely.intersection(widest, shapely.box(*bounds)).area / widest.area)


def _sheds(drawn: _Map) -> None:
    """Draw the sheds, widest first, and the circles walked in the same time."""
    from matplotlib.patches import Circle

    bands = drawn.catalogue.code_list("walk_bands")
    sheds = drawn.around.sheds
    entries = []
    for number, row in enumerate(sheds.to_dict("records")):
        band = style.band(row["minutes"], bands)
        look = {"facecolor": band.more["color"], "edgecolor": band.more["line"], "linewidth": 0.6}
        shapes.areas(drawn.axes, [row["geometry"]], zorder=2 + number * 0.01, **look)
        entries.append((drawn.words["shed"].format(minutes=f"{row['minutes']:g}"), look))
    for title, look in reversed(entries):
        drawn.key(title, "area", **look)
    circles = sheds if len(sheds) else drawn.around.rings
    x, y = shapely.get_coordinates(drawn.around.station["geometry"])[0]
    for radius in circles["radius_m"].dropna():
        drawn.axes.add_patch(Circle((x, y), radius, fill=False, ec=RAIL, lw=0.8, ls=(0, (6, 4)), zorder=31))
    if len(circles):
        title = drawn.words["circle" if len(sheds) else "ring"]
        drawn.key(title, "line", color=RAIL, linewidth=0.8, linestyle=(0, (4, 2)))


def _others(drawn: _Map) -> None:
    """Draw the widest sheds of other stations as outlines."""
    others = shapes.within(drawn.around.others, drawn.bounds)
    if others is not None:
        look: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (1, 1.4))}
        shapes.lines(
            drawn.axes, others.geometry.to_numpy(), colors=OTHER, linewidths=0.9, linestyles=[(0, (1, 1.4))], zorder=30
        )
        drawn.key(drawn.words["other_sheds"], "line", color=OTHER, **look)


def _ground(drawn: _Map) -> None:
    """Draw waters, public spaces and buildings."""
    looks = (
        ("waters", {"facecolor": "#a9d3ee", "edgecolor": "#7fb6dc", "linewidth": 0.5, "zorder": 3}),
        ("public_spaces", {"facecolor": "#9ccf6b66", "edgecolor": "#6ea63f", "linewidth": 0.4, "zorder": 3.5}),
        ("buildings", {"facecolor": "#8d847873", "edgecolor": "none", "linewidth": 0.0, "zorder": 5}),
    )
    for name, look in looks:
        frame = drawn.frame(name)
        if frame is not None:
            shapes.areas(drawn.axes, frame.geometry.to_numpy(), **look)
            drawn.key(drawn.catalogue.layer(name).zh, "area", **{k: v for k, v in look.items() if k != "zorder"})
    buildings = drawn.frame("buildings")
    usable = None if buildings is None else buildings[buildings["building_id"].isin(drawn.around.stock)]
    if usable is not None and len(usable):
        look = {"facecolor": STOCK, "edgecolor": STOCK, "linewidth": 0.8}
        shapes.areas(drawn.axes, usable.geometry.to_numpy(), zorder=41, **look)
        drawn.key(drawn.words["stock"], "area", **look)


def _streets(drawn: _Map) -> None:
    """Draw streets, the narrow ones first, all casings below all streets."""
    streets = drawn.frame("streets")
    if streets is None:
        return
    layer = drawn.catalogue.layer("streets")
    plain = style.symbols(layer, drawn.catalogue, by=False)[0]
    known = {symbol.code: symbol for symbol in style.symbols(layer, drawn.catalogue)}
    for name, rows in sorted(streets.groupby(streets["class"].fillna("")), key=lambda item: _wide(known, item[0])):
        symbol = known.get(str(name), plain)
        wide = symbol.width * _POINTS_A_PIXEL * (2.0 if drawn.scale <= 5000 else 1.25)
        drawn_as = rows.geometry.to_numpy()
        edge = {"linewidths": wide + 0.7, "colors": symbol.casing or "#d2cabb", "capstyle": "round"}
        shapes.lines(drawn.axes, drawn_as, zorder=10, **edge)
        shapes.lines(drawn.axes, drawn_as, colors=symbol.line, linewidths=wide, capstyle="round", zorder=11 + wide / 20)
    drawn.key(layer.zh, "line", color="#ffffff", linewidth=2.2, casing="#b9b0a0")


def _wide(known: Mapping[str, style.Symbol], code: object) -> float:
    """Return the width of a class, 0 for an unknown one."""
    return known[str(code)].width if str(code) in known else 0.0


def _barriers(drawn: _Map) -> None:
    """Draw what cannot be walked across, and the ways across."""
    barriers = drawn.frame("barriers")
    if barriers is None:
        return
    layer = drawn.catalogue.layer("barriers")
    for symbol in style.symbols(layer, drawn.catalogue):
        rows = barriers[barriers["kind"] == symbol.code].geometry.to_numpy()
        if not len(rows):
            continue
        wide = max(1.0, symbol.width * 0.8) if symbol.inlay else 1.5
        shapes.lines(drawn.axes, rows, colors=symbol.line, linewidths=wide, zorder=20)
        if symbol.inlay:
            dashes = [(0, (2.2, 2.2))]
            shapes.lines(drawn.axes, rows, colors=symbol.inlay, linewidths=wide - 0.9, linestyles=dashes, zorder=20.1)
        look = {"inlay": symbol.inlay} if symbol.inlay else {}
        drawn.key(drawn.words["barrier"].format(kind=symbol.zh), "line", color=symbol.line, linewidth=wide, **look)
    ways = drawn.frame("walkways")
    if ways is None:
        return
    walls = shapely.union_all(barriers.geometry.to_numpy())
    ways = ways[ways["kind"].isin(_CROSSINGS) & ways.intersects(walls)]
    if len(ways):
        across = ways.geometry.to_numpy()
        shapes.lines(drawn.axes, across, colors=INK, linewidths=3.4, capstyle="butt", zorder=21)
        shapes.lines(drawn.axes, across, colors="#ffd54a", linewidths=2.0, capstyle="butt", zorder=21.1)
        drawn.key(drawn.words["crossing"], "line", color="#ffd54a", linewidth=2.0, casing=INK)


def _projects(drawn: _Map) -> None:
    """Draw projects in the colour of their type."""
    projects = drawn.frame("projects")
    if projects is None:
        return
    for symbol in style.symbols(drawn.catalogue.layer("projects"), drawn.catalogue):
        rows = projects[projects["project_type"] == symbol.code].geometry.to_numpy()
        if len(rows):
            look = {"facecolor": f"{symbol.fill}a6", "edgecolor": symbol.line, "linewidth": 1.1}
            shapes.areas(drawn.axes, rows, zorder=40, **look)
            drawn.key(drawn.words["project"].format(kind=symbol.zh), "area", **look)


def _spaces(drawn: _Map) -> None:
    """Draw vacated spaces, hatched."""
    spaces = drawn.frame("vacated_spaces")
    if spaces is not None:
        look = {"facecolor": "#d9a44133", "edgecolor": SPACE, "linewidth": 0.9, "hatch": "/////"}
        shapes.areas(drawn.axes, spaces.geometry.to_numpy(), zorder=42, **look)
        drawn.key(drawn.catalogue.layer("vacated_spaces").zh, "area", **look)


def _facilities(drawn: _Map) -> None:
    """Draw facilities as small discs with the first letter of their group; the very frequent ones as dots."""
    facilities = drawn.frame("facilities")
    if facilities is None:
        return
    codes = drawn.catalogue.code_list("facility_kinds")
    seen: dict[tuple[str, bool], Key] = {}
    for code in codes:
        rows = facilities[facilities["kind"] == code.code]
        if rows.empty:
            continue
        group, colour, small = str(code.more["group"]), str(code.more["color"]), code.code in _SMALL_KINDS
        colour = str(seen[group, small].style["color"]) if (group, small) in seen else colour
        places = shapely.get_coordinates(shapely.centroid(rows.geometry.to_numpy()))
        look: dict[str, Any] = {"ms": 2.6 if small else 6.6, "mew": 0.4, "mec": "white"}
        drawn.axes.plot(places[:, 0], places[:, 1], "o", color=colour, zorder=49 if small else 50, **look)
        letter = "" if small else group[0]
        for x, y in places if letter else ():
            paper.write(drawn.axes, x, y, letter, 4.1, ha="center", va="center_baseline", color="white", zorder=50.5)
        title = code.zh if small else drawn.words["facility"].format(group=group)
        if small and (group, small) in seen:
            title = f"{seen[group, small].title}、{title}"
        seen[group, small] = Key(title, "point", {"color": colour, "letter": letter, **look})
    drawn.keys.extend(seen.values())


def _station(drawn: _Map) -> None:
    """Draw entrances and stations, this one largest."""
    x, y = shapely.get_coordinates(drawn.around.station["geometry"])[0]
    own = drawn.around.station["station_id"]
    entrances, stations = drawn.frame("entrances"), drawn.frame("stations")
    if entrances is not None:
        look: dict[str, Any] = {"color": RAIL, "ms": 4.6, "mec": "white", "mew": 0.7}
        at = shapely.get_coordinates(entrances.geometry.to_numpy())
        drawn.axes.plot(at[:, 0], at[:, 1], "s", zorder=55, **look)
        drawn.keys.insert(0, Key(drawn.words["entrance"], "point", {**look, "marker": "s"}))
    if stations is not None:
        others = stations[stations["station_id"] != own]
        at = shapely.get_coordinates(others.geometry.to_numpy())
        drawn.axes.plot(at[:, 0], at[:, 1], "o", color="white", ms=7, mec=OTHER, mew=2, zorder=56)
        if len(others):
            look = {"color": "white", "ms": 5.5, "mec": OTHER, "mew": 1.6}
            drawn.keys.insert(0, Key(drawn.words["other_station"], "point", look))
    drawn.axes.plot([x], [y], "o", color="white", ms=12, mec=RAIL, mew=3.4, zorder=57)
    drawn.axes.plot([x], [y], "o", color=RAIL, ms=4, zorder=57.1)
    drawn.keys.insert(0, Key(drawn.words["station"], "point", {"color": "white", "ms": 6, "mec": RAIL, "mew": 2.2}))


def _names(sheet: Sheet, drawn: _Map) -> None:
    """Write names, the important ones first: what finds no room is left out."""
    labels = Labels(drawn.box)
    labels.block(drawn.box.left, drawn.box.bottom, drawn.box.left + 58, drawn.box.bottom + 17)
    labels.block(drawn.box.right - 16, drawn.box.top - 30, drawn.box.right, drawn.box.top)
    x, y = drawn.mm(*shapely.get_coordinates(drawn.around.station["geometry"])[0])
    labels.block(x - 2.6, y - 2.6, x + 2.6, y + 2.6)
    for name in ("stations", "entrances"):
        frame = drawn.frame(name)
        for place in () if frame is None else shapely.get_coordinates(frame.geometry.to_numpy()):
            at = drawn.mm(*place)
            labels.block(at[0] - 1, at[1] - 1, at[0] + 1, at[1] + 1)
    title = wording.station(paper.printable(drawn.around.station["name"]), drawn.words)
    mine = Label(title, x, y, 12, RAIL, bold=True, away=(3.4, 6.0))
    wanted = [mine, *_entrance_names(drawn), *_circle_names(drawn), *_project_names(drawn, numbered=True)]
    wanted += [*_station_names(drawn), *_project_names(drawn, numbered=False), *_water_names(drawn)]
    # what finds no room is said on a further page
    for label in (one for one in labels.place(sheet.page, wanted) if not one.text.endswith("…")):
        sheet.cut[paper.printable(label.text.replace("\n", ""))] = None


def _entrance_names(drawn: _Map) -> list[Label]:
    """Return the names of this station's entrances."""
    frame = drawn.frame("entrances")
    if frame is None or "name" not in frame.columns:
        return []
    own = frame[(frame["station_id"] == drawn.around.station["station_id"]) & frame["name"].notna()]
    places = [drawn.mm(*at) for at in shapely.get_coordinates(own.geometry.to_numpy())]
    return [
        Label(drawn.sheet.fitted(name, 22, 6.5), *at, 6.5, RAIL, bold=True, away=(1.6, 2.6, 4.0))
        for name, at in zip(own["name"], places, strict=True)
    ]


def _circle_names(drawn: _Map) -> list[Label]:
    """Return what is written on the circles: the time, the radius and what share of the circle is reached."""
    x, y = shapely.get_coordinates(drawn.around.station["geometry"])[0]
    named = []
    for row in drawn.around.sheds.to_dict("records"):
        ratio = "—" if pd.isna(row.get("shed_ratio")) else f"{row['shed_ratio']:.1%}"
        said = drawn.words["ratio"].format(minutes=f"{row['minutes']:g}", radius=f"{row['radius_m']:.0f}", ratio=ratio)
        named.append((said, row["radius_m"]))
    if not named:
        named = [(str(row["ring"]), row["radius_m"]) for row in drawn.around.rings.to_dict("records")]
    return [Label(paper.printable(said), *at, 6.8, RAIL, bold=True) for said, at in _clear_spots(drawn, x, y, named)]


def _clear_spots(
    drawn: _Map, x: float, y: float, named: list[tuple[str, float]]
) -> list[tuple[str, tuple[float, float]]]:
    """Return for each circle the place in the map that is farthest from projects and from the other circles' names."""
    projects = drawn.frame("projects")
    taken = shapely.union_all(projects.geometry.to_numpy()) if projects is not None else shapely.Point()
    found = []
    for said, radius in named:
        turns = np.radians(np.arange(0, 360, 15))
        places = np.column_stack([x + radius * np.cos(turns), y + radius * np.sin(turns)])
        on_sheet = [drawn.mm(*place) for place in places]
        side = paper.width(said, 6.8) / 2 + 2
        inside = [
            drawn.box.left + side < a < drawn.box.right - side and drawn.box.bottom + 20 < b < drawn.box.top - 4
            for a, b in on_sheet
        ]
        clear = np.minimum(shapely.distance(shapely.points(places), taken), 150.0) if projects is not None else inside
        best = int(np.argmax(np.where(inside, np.asarray(clear, dtype=float), -1.0)))
        if inside[best]:
            found.append((said, on_sheet[best]))
            taken = shapely.union(taken, shapely.Point(places[best]))
    return found


def _project_names(drawn: _Map, *, numbered: bool) -> list[Label]:
    """Return the names of projects: those of the programme with their number, or the rest smaller."""
    frame = drawn.frame("projects")
    found = []
    for row in () if frame is None else frame.to_dict("records"):
        number = drawn.around.numbers.get(str(row["project_id"]))
        if (number is not None) != numbered:
            continue
        size = 6.6 if numbered else 5.6
        inside = shapely.clip_by_rect(row["geometry"], *drawn.bounds)
        largest = max(shapely.get_parts(inside), key=lambda part: part.area, default=None)
        if largest is None or largest.is_empty or largest.area == 0:
            continue
        at = drawn.mm(*shapely.get_coordinates(shapely.point_on_surface(largest))[0])
        name = paper.printable(row["name"])
        # two lines of like length, not one and a letter
        room = max(8.0, min(24.0, paper.width(name, size) / 2 + 2.4)) if paper.width(name, size) > 20 else 20.0
        lines = drawn.sheet.wrapped(name, room, size, 2)
        text = "\n".join([f"{number} {lines[0]}", *lines[1:]] if number is not None and lines else lines)
        found.append(Label(text, *at, size, INK if numbered else "#4a4f57", bold=numbered))
    return found


def _station_names(drawn: _Map) -> list[Label]:
    """Return the names of the other stations."""
    frame = drawn.frame("stations")
    found = []
    for row in () if frame is None else frame.to_dict("records"):
        if row["station_id"] != drawn.around.station["station_id"]:
            at = drawn.mm(*shapely.get_coordinates(row["geometry"])[0])
            title = wording.station(drawn.sheet.fitted(row["name"], 30, 8), drawn.words)
            found.append(Label(title, *at, 8, "#56636f", bold=True, away=(2.2, 4.0)))
    return found


def _water_names(drawn: _Map) -> list[Label]:
    """Return the names of waters."""
    frame = drawn.frame("waters")
    found = []
    for row in () if frame is None else frame.to_dict("records"):
        seen = shapely.clip_by_rect(shapely.make_valid(row["geometry"]), *drawn.bounds)
        if pd.notna(row.get("name")) and seen.area > 0:
            at = drawn.mm(*shapely.get_coordinates(shapely.point_on_surface(seen))[0])
            found.append(Label(drawn.sheet.fitted(row["name"], 30, 7.5), *at, 7.5, "#2f7fb5"))
    return found
