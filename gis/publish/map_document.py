"""What the page draws, as one JSON document: layers, legend, values, label places, on the page's own plane.

The document is the whole of what leaves with a page besides constant code: whatever is not put here is not in the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.catalogue import Catalogue, Layer
from gis.publish import map_values, style
from gis.publish.notice import Notice
from gis.publish.publication import STEP_M, Edition, Plane

# what the consultation is about answers the pointer before the ground it lies on
PROMINENT = {"projects": 0, "units": 1}
# layers whose legend is one line, and layers and classes that are there but switched off at first
ONE_ITEM = ("streets", "walkways", "catchments")
SWITCHED_OFF = {"facilities", "walkways", "vacated_spaces", "buildings", "townships"}
SWITCHED_OFF |= {"comments", "constraints", "findings", "walk_sheds", "walk_shed"}
SHOWN_BARRIERS = ("rail",)
# the walk-sheds among the catchments are a layer of the page of their own: a group of the legend, or for the public,
# which sees one of each station, a line beside the rings
SHEDS, PUBLIC_SHED, SHEDS_ORDER, PUBLIC_MINUTES = "walk_sheds", "walk_shed", 44, 10.0
# the first view holds the built town, not the hills around it
HOME = ("blocks", "units", "street_blocks", "parcels", "projects")
_SHAPES = {"Point": "point", "MultiPoint": "point", "MultiLineString": "line", "MultiPolygon": "area"}


def document(
    edition: Edition, plane: Plane, catalogue: Catalogue, *, notice: Notice, is_public: bool
) -> dict[str, Any]:
    """Put together what a page draws and says.

    Parameters
    ----------
    edition
        What may be drawn.
    plane
        The page's plane.
    catalogue
        Titles, codes, styles and words.
    notice
        The consultation.
    is_public
        False adds the plane's corner for the coordinate readout of an internal edition.

    Returns
    -------
    dict
        Ready for JSON; same input, same document.
    """
    frames = {name: _drawn(name, frame) for name, frame in edition.frames.items()}
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    ordered = sorted(frames, key=lambda name: (style.order(catalogue.layer(name)), name))
    layers = [_layer(catalogue.layer(name), frames[name], plane, catalogue) for name in ordered]
    sheds = _walked(edition.frames.get("catchments"), is_public=is_public)
    if len(sheds):
        # below the rings and what is drawn on them, above the ground
        place = next((n for n, layer in enumerate(layers) if layer["order"] >= SHEDS_ORDER), len(layers))
        layers.insert(place, _shed_layer(sheds, PUBLIC_SHED if is_public else SHEDS, plane, catalogue))
    coded = frames | ({"catchments": edition.frames["catchments"]} if len(sheds) else {})
    found: dict[str, Any] = {
        "edition": "public" if is_public else "internal",
        "step": STEP_M,
        "home": _home(frames, plane),
        "notice": _notice(notice),
        "synthetic": notice.synthetic,
        "words": {lang: dict(catalogue.words("map", lang)) for lang in ("zh", "en")},
        "units": map_values.UNITS,
        "codes": map_values.codes(coded, catalogue),
        "groups": _groups(layers, catalogue),
        "layers": layers,
        "streetNames": _street_names(frames.get("streets"), plane),
        "coarse": [name for name in ordered if is_public and catalogue.layer(name).public == "generalised"],
    }
    if not is_public:
        found["corner"] = [round(plane.west, 1), round(plane.south, 1)]
    return found


def text(found: Mapping[str, Any]) -> str:
    r"""Write a document as JSON that is inert inside a script element.

    Parameters
    ----------
    found
        A document.

    Returns
    -------
    str
        JSON with & < > and U+2028/9 as \uXXXX escapes: no tag, comment or template can begin in it.
    """
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "&<>\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _drawn(name: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Choose what a layer's picture needs: of catchments the two widest rings of a station, as they are."""
    if name != "catchments" or not {"version", "station_id", "radius_m"} <= set(frame.columns):
        return frame
    raw = frame[(frame["version"] == "raw") & ~_is_walked(frame)]
    place = raw.groupby("station_id")["radius_m"].rank(method="dense", ascending=False)
    return raw[place <= 2].reset_index(drop=True)


def _is_walked(frame: pd.DataFrame) -> pd.Series:
    """Tell which catchments are walk-sheds."""
    if not {"method", "minutes"} <= set(frame.columns):
        return pd.Series(False, index=frame.index)
    return (frame["method"] == "NET") & frame["minutes"].notna()


def _walked(frame: gpd.GeoDataFrame | None, *, is_public: bool) -> gpd.GeoDataFrame:
    """Choose the walk-sheds that are drawn, the widest first: as they are, and for the public one of each station."""
    if frame is None or not {"version", "station_id", "minutes"} <= set(frame.columns):
        return gpd.GeoDataFrame(geometry=[])
    sheds = frame[(frame["version"] == "raw") & _is_walked(frame)]
    if is_public and len(sheds):
        # of sheds equally near to ten minutes the narrower one
        ordered = sheds.assign(off=(sheds["minutes"] - PUBLIC_MINUTES).abs()).sort_values(["off", "minutes"])
        sheds = sheds.loc[ordered.drop_duplicates("station_id").index]
    return sheds.sort_values(["minutes", "station_id"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _shed_layer(sheds: gpd.GeoDataFrame, name: str, plane: Plane, catalogue: Catalogue) -> dict[str, Any]:
    """Return the walk-sheds as a layer of their own, graded by minutes."""
    layer, bands = catalogue.layer("catchments"), catalogue.code_list("walk_bands")
    found = _layer(layer, sheds, plane, catalogue)
    drawn_as = [style.band(minutes, bands).code for minutes in sheds["minutes"]]
    used = [symbol for symbol in style.band_symbols(bands) if symbol.code in drawn_as]
    codes = [symbol.code for symbol in used]
    titles = {lang: catalogue.words("map", lang)[f"group.{SHEDS}"] for lang in ("zh", "en")}
    if len(used) == 1:
        titles = {"zh": used[0].zh, "en": used[0].en}
    changed: dict[str, Any] = {"name": name, "order": SHEDS_ORDER, "outline": [], **titles}
    changed["symbols"] = [_symbol(symbol) for symbol in used]
    changed["rows"] = [[codes.index(code), *row[1:]] for code, row in zip(drawn_as, found["rows"], strict=True)]
    return found | changed


def _layer(layer: Layer, frame: gpd.GeoDataFrame, plane: Plane, catalogue: Catalogue) -> dict[str, Any]:
    """Return one layer with its rows: symbol, label place, shape, values."""
    fields = map_values.fields(layer, frame)
    names = [item.name for item in fields]
    symbols, drawn_as = _symbols(layer, frame, catalogue)
    shapes = frame.geometry.to_numpy()
    places = _places(layer, shapes, plane)
    columns = (map_values.values(frame[item.name], item, layer) for item in fields)
    values = list(zip(*columns, strict=True)) or [()] * len(frame)
    kind = _SHAPES[layer.geometry]
    rows = [
        [symbol, place, _shape(shape, kind, plane), list(row)]
        for symbol, place, shape, row in zip(drawn_as, places, shapes, values, strict=True)
    ]
    return {
        "name": layer.name,
        "zh": layer.zh,
        "en": layer.en,
        "shape": kind,
        "order": style.order(layer),
        "rank": PROMINENT.get(layer.name, 0 if kind == "point" else 2),
        "quiet": layer.name in map_values.QUIET,
        "key": names.index(layer.key) if layer.key in names else -1,
        "title": map_values.title(layer, names),
        # a ring is called by its station too
        "owner": names.index("station_id") if layer.name == "catchments" and "station_id" in names else -1,
        "fields": [map_values.field(item, layer) for item in fields],
        "symbols": symbols,
        "outline": _outline(layer, shapes, plane),
        "rows": rows,
    }


def _symbols(layer: Layer, frame: gpd.GeoDataFrame, catalogue: Catalogue) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the symbols that occur, and each row's; a field that the edition hides does not show in the colours."""
    by = layer.style.get("by")
    by = by if by in frame.columns else None
    known = list(style.symbols(layer, catalogue, by=by is not None))
    if by is None or known[0].code == "":
        return [_symbol(known[0])], [0] * len(frame)
    classes = style.class_of(layer, catalogue)
    wanted = [classes.get(value, "") for value in frame[by].tolist()]
    if "" in wanted:
        plain = style.symbols(layer, catalogue, by=False)[0]
        known.append(plain)
    used = [symbol for symbol in known if symbol.code in set(wanted)]
    place = {symbol.code: index for index, symbol in enumerate(used)}
    return [_symbol(symbol) for symbol in used], [place[code] for code in wanted]


def _symbol(symbol: style.Symbol) -> dict[str, Any]:
    """Return a symbol for the page."""
    return {
        "code": symbol.code,
        "zh": symbol.zh,
        "en": symbol.en,
        "fill": symbol.fill,
        "opacity": symbol.fill_opacity,
        "line": symbol.line if symbol.width else None,
        "width": symbol.width,
        "dash": symbol.dash,
        "casing": symbol.casing,
        "inlay": symbol.inlay,
        "radius": symbol.radius,
    }


def _outline(layer: Layer, shapes: Any, plane: Plane) -> list[list[int]]:
    """Return the borders of areas that are drawn as dashed lines only, each once: two dashed lines make a solid one."""
    if layer.geometry != "MultiPolygon" or not layer.style.get("dash") or layer.style.get("fill", "none") != "none":
        return []
    borders = shapely.line_merge(shapely.union_all(shapely.boundary(shapes)))
    return [run for line in shapely.get_parts(borders) if (run := _run(line, plane, least=2, closed=False))]


def _shape(shape: Any, kind: str, plane: Plane) -> list[Any]:
    """Return a shape as nested lists of steps: the first point, then differences; repeated points left out."""
    parts = shapely.get_parts(shape)
    if kind == "point":
        return [plane.steps(shapely.get_coordinates(part))[0].tolist() for part in parts]
    if kind == "line":
        return [line for part in parts if (line := _run(part, plane, least=2, closed=False))]
    polygons = []
    for part in parts:
        outer = _run(part.exterior, plane, least=4)
        if outer:
            inner = [run for ring in part.interiors if (run := _run(ring, plane, least=4))]
            polygons.append([outer, *inner])
    return polygons or [[_run(shapely.get_parts(shape)[0].exterior, plane, least=1)]]


def _run(line: Any, plane: Plane, *, least: int, closed: bool = True) -> list[int]:
    """Return a line as differences of steps; a closed ring leaves out its last point, which is its first."""
    steps = plane.steps(shapely.get_coordinates(line))
    keep = np.ones(len(steps), dtype=bool)
    keep[1:] = (np.diff(steps, axis=0) != 0).any(axis=1)
    steps = steps[keep]
    if len(steps) < least:
        return []
    if closed:
        steps = steps[:-1]
    return [int(value) for value in np.diff(steps, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel()]


def _places(layer: Layer, shapes: Any, plane: Plane) -> list[list[int] | None]:
    """Return where labels stand: the point, the room around it (steps), and the angle of long shapes (degrees)."""
    if layer.geometry == "MultiLineString" or "label" not in layer.style:
        return [None] * len(shapes)
    if _SHAPES[layer.geometry] == "point":
        return [[*plane.steps(shapely.get_coordinates(shape)[:1])[0].tolist(), 0, 0] for shape in shapes]
    largest = [max(shapely.get_parts(shape), key=lambda part: part.area) for shape in shapes]
    circles = shapely.maximum_inscribed_circle(np.array(largest, dtype=object), tolerance=2.0)
    found: list[list[int] | None] = []
    for area, circle in zip(largest, circles, strict=True):
        centre = shapely.get_coordinates(circle)[:1]
        room = round(shapely.length(circle) / STEP_M)
        found.append([*plane.steps(centre)[0].tolist(), room, _lie(area, centre[0], shapely.length(circle))])
    return found


def _lie(area: Any, centre: Any, radius: float) -> int:
    """Return the angle of a long thin shape around a point (degrees, anticlockwise), 0 for a compact one."""
    if radius <= 0 or area.area < 12 * radius * radius:
        return 0
    near = shapely.intersection(shapely.make_valid(area), shapely.buffer(shapely.Point(centre), 5 * radius))
    corners = shapely.get_coordinates(shapely.oriented_envelope(near))
    if len(corners) < 4:
        return 0
    sides = np.diff(corners[:3], axis=0)
    east, north = sides[np.argmax(np.hypot(*sides.T))]
    return _upright(math.degrees(math.atan2(north, east)))


def _upright(angle: float) -> int:
    """Return an angle at which text can be read without turning the head over."""
    turned = round(angle) % 180
    return turned - 180 if turned > 90 else turned


def _street_names(streets: gpd.GeoDataFrame | None, plane: Plane) -> list[list[Any]]:
    """Return where street names stand: name, point (steps), angle, length of the straight run (steps)."""
    if streets is None or "name" not in streets.columns:
        return []
    found = []
    for name, rows in streets[streets["name"].notna()].groupby("name", sort=True):
        merged = shapely.line_merge(shapely.union_all(rows.geometry.to_numpy()))
        for line in shapely.get_parts(merged):
            for at in np.arange(0.5, max(1.0, line.length / 900)) / max(1.0, line.length // 900 or 1.0):
                place = _along(line, float(at), plane)
                if place is not None:
                    found.append([str(name), *place])
    return found


def _along(line: Any, share: float, plane: Plane) -> list[int] | None:
    """Return point, angle and room of a name along a line, or None where the line is short or bends."""
    room = min(line.length, 260.0)
    if room < 60 or share >= 1:
        return None
    middle = share * line.length
    ends = shapely.get_coordinates(shapely.line_interpolate_point(line, [middle - room / 2, middle + room / 2]))
    east, north = ends[1] - ends[0]
    if math.hypot(east, north) < 0.97 * min(room, line.length):
        return None
    centre = plane.steps(shapely.get_coordinates(shapely.line_interpolate_point(line, middle)))[0].tolist()
    return [*centre, _upright(math.degrees(math.atan2(north, east))), round(room / STEP_M)]


def _groups(layers: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the legend: groups of items with their counts, only what is drawn."""
    by_name = {layer["name"]: layer for layer in layers}
    places = list(_legend())
    grouped = {name for _, names in places for name in names}
    rest = tuple(name for name in by_name if name not in grouped)
    groups = []
    for group, names in (*places, ("more", rest)):
        items = [item for name in names if name in by_name for item in _items(by_name[name])]
        if items:
            groups.append({"name": group, "items": items})
    return groups


def _legend() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the groups of the legend, the walk-sheds after the stations whose they are."""
    for group, names in style.LEGEND:
        if group != "stations":
            yield group, names
            continue
        yield group, (*names, PUBLIC_SHED)
        yield SHEDS, (SHEDS,)


def _items(layer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a layer's lines in the legend."""
    name, symbols = layer["name"], layer["symbols"]
    counts = [sum(row[0] == index for row in layer["rows"]) for index in range(len(symbols))]
    on = name not in SWITCHED_OFF
    if name in ONE_ITEM or len(symbols) == 1:
        whole = {"layer": name, "zh": layer["zh"], "en": layer["en"], "symbols": list(range(len(symbols)))}
        return [whole | {"count": sum(counts), "on": on}]
    return [
        {
            "layer": name,
            "zh": symbol["zh"],
            "en": symbol["en"],
            "symbols": [index],
            "count": counts[index],
            "on": on and (name != "barriers" or symbol["code"] in SHOWN_BARRIERS),
        }
        for index, symbol in enumerate(symbols)
    ]


def _home(frames: Mapping[str, gpd.GeoDataFrame], plane: Plane) -> list[list[int]]:
    """Return the first view's corners, in steps."""
    first = next((name for name in HOME if name in frames), None)
    bounds = [frames[first].total_bounds] if first else [frame.total_bounds for frame in frames.values()]
    if not bounds:
        return [[0, 0], [10000, 10000]]
    low = plane.steps(np.min(bounds, axis=0)[None, :2])[0].tolist()
    high = plane.steps(np.max(bounds, axis=0)[None, 2:])[0].tolist()
    return [low, high]


def _notice(notice: Notice) -> dict[str, Any]:
    """Return what the page says of the consultation; approver and date of clearance stay in the house."""
    said = ("name", "organiser", "basis", "procedure", "draft", "phone", "email", "address", "days")
    cleared = ("map_approval_no", "secrecy_review_no")
    found = {name: getattr(notice, name) for name in said}
    found |= {name: getattr(notice.clearance, name) for name in cleared}
    return found | {"opens": notice.opens.isoformat(), "closes": notice.closes.isoformat()}
