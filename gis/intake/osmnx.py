"""Road graphs as nodes and edges in JSON, the way OSMnx data is often passed on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import findings
from gis.errors import EmptyError, SourceError, UnknownNameError
from gis.intake import declarations, encodings, lending
from gis.intake.admission import nesting
from gis.intake.declarations import Words
from gis.intake.sources import Content, Decision

# two directed edges of one street may differ by rounding of their length, m
_SAME_LENGTH_M = 1.0
# edges that a sentence names
_LISTED = 3
_DIGITS = re.compile(r"\d+")


def matches(content: Any) -> bool:
    """Tell whether parsed JSON is such a graph.

    Parameters
    ----------
    content
        What `json.loads` gave.

    Returns
    -------
    bool
    """
    return isinstance(content, dict) and all(isinstance(content.get(name), list) for name in ("nodes", "edges"))


def read(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read the nodes or the edges of a graph.

    Parameters
    ----------
    path
        JSON with the lists `nodes` (id, x, y in degrees) and `edges` (id as [from, to, number], geometry, length).
    inner
        "edges" (the default) or "nodes".
    encoding
        Encoding of the texts from `--encoding`.

    Returns
    -------
    Content
        Edges: street_id ("from-to-number"), from, to, osmid, length, oneway and every further value; an edge without
        geometry is the straight line between its nodes, and a pair of opposite edges is one street. Nodes: id and
        further values. Numbers stay the texts that they are in the file. OpenStreetMap is in WGS 84, unless the graph
        names another CRS.

    Raises
    ------
    SourceError
        An edge refers to a node that is not there, or is no record.
    EmptyError
        No edges.
    UnknownNameError
        `inner` is something else.
    """
    content = json.loads(lending.text(path, encoding))
    said = () if encoding is None else (Decision("encoding", encodings.codec(encoding), "given"),)
    wanted = inner or "edges"
    if wanted not in {"edges", "nodes"}:
        raise UnknownNameError(f"{path.name} has no layer {wanted!r}; it has edges, nodes", layer=wanted)
    if not content[wanted]:
        raise EmptyError(f"{path.name} has no {wanted}")
    try:
        places = _places(content["nodes"], path)
        frame, notes = _nodes(content, places) if wanted == "nodes" else _edges(content, places, path)
    except SourceError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{path.name}: a node or edge is incomplete ({error!r}); ask for the graph again") from None
    decision = Decision("layer", wanted, "given" if inner else "streets are the edges")
    made = Content(frame, "OSMnx JSON", wanted, "standard", (*said, decision), tuple(notes))
    return declarations.understood(made, _words(content))


def _places(nodes: list[dict[str, Any]], path: Path) -> dict[str, tuple[float, float]]:
    """Return the place of every node; refuse one that has two."""
    places: dict[str, tuple[float, float]] = {}
    for node in nodes:
        name, place = str(node["id"]), (float(node["x"]), float(node["y"]))
        if places.setdefault(name, place) != place:
            raise SourceError(f"{path.name}: node {name} has two places; ask for the graph again", node=name)
    return places


def _words(content: dict[str, Any]) -> Words:
    """Return the CRS that a graph names, beside its nodes or among its own attributes."""
    inside = content["graph"] if isinstance(content.get("graph"), dict) else {}
    names = [str(holder["crs"]) for holder in (content, inside) if holder.get("crs") is not None]
    return Words(tuple(names) or None)


def _nodes(content: dict[str, Any], places: dict[str, tuple[float, float]]) -> tuple[gpd.GeoDataFrame, list[Any]]:
    """Return the nodes as points."""
    frame = pd.DataFrame(content["nodes"])
    points = shapely.points(np.array([places[str(name)] for name in frame["id"]]))
    return gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4326"), []


def _edges(
    content: dict[str, Any], places: dict[str, tuple[float, float]], path: Path
) -> tuple[gpd.GeoDataFrame, list[Any]]:
    """Return the edges as lines, opposite ones as one."""
    rows: list[dict[str, Any]] = []
    shapes: list[shapely.Geometry] = []
    seen: dict[tuple[str, str], list[tuple[int, str, float]]] = {}
    straight = twins = 0
    for edge in content["edges"]:
        start, end, number = (str(part) for part in edge["id"])
        twin = _twin(seen.get((end, start), []), edge)
        if twin is not None:
            rows[twin]["oneway"] = False
            twins += 1
            continue
        seen.setdefault((start, end), []).append((len(rows), _osmid(edge), float(edge["length"])))
        shape = _line(edge.get("geometry"))
        if shape is None:
            shape = shapely.LineString([places[start], places[end]])
            straight += 1
        more = {name: _plain(value) for name, value in edge.items() if name not in {"id", "geometry"}}
        rows.append({"street_id": f"{start}-{end}-{number}", "from": start, "to": end, "oneway": True} | more)
        shapes.append(shape)
    notes = [
        findings.finding("source.straight_edges", path.name, severity="info", count=straight),
        findings.finding("source.twin_edges", path.name, severity="info", count=twins, kept=len(rows)),
    ]
    loose = [row["street_id"] for row in rows if not {row["from"], row["to"]} <= places.keys()]
    if loose:
        told: dict[str, Any] = {"count": len(loose), "edges": loose[:_LISTED]}
        notes.append(findings.finding("source.nodes_missing", path.name, severity="warning", **told))
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs="EPSG:4326"), notes


def _twin(candidates: list[tuple[int, str, float]], edge: dict[str, Any]) -> int | None:
    """Return the row of the same street in the other direction."""
    osmid, length = _osmid(edge), float(edge["length"])
    for row, other, metres in candidates:
        if other == osmid and abs(metres - length) <= _SAME_LENGTH_M:
            return row
    return None


def _osmid(edge: dict[str, Any]) -> str:
    """Return the ways of an edge in an order that does not depend on its direction."""
    return ",".join(sorted(_DIGITS.findall(str(edge.get("osmid")))))


def _line(value: Any) -> shapely.Geometry | None:
    """Return an edge's geometry: a list of "lon lat" texts, or WKT; None where it is blank."""
    if isinstance(value, str) and value.strip():
        nesting.wkt([value])
        return shapely.from_wkt(value)
    texts = [text for text in value if text.strip()] if isinstance(value, list) else []
    if not texts:
        return None
    return shapely.LineString([tuple(map(float, text.split())) for text in texts])


def _plain(value: Any) -> Any:
    """Return a value of an edge as a cell: lists of one as their member, longer ones as JSON."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else json.dumps(value, ensure_ascii=False)
    return value
