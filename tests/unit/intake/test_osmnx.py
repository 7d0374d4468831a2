"""A road graph gives each street once, with its geometry."""

from __future__ import annotations

import json

import pytest

from gis.errors import EmptyError, SourceError, UnknownNameError
from gis.intake.read import read

NODES = [{"id": str(number), "x": f"116.{number}", "y": "39.9"} for number in range(1, 4)]


def graph(path, edges, nodes=NODES):
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}), encoding="utf-8")
    return path


def edge(start, end, *, osmid="7", geometry=("",), length="100.0"):
    return {"id": [start, end, 0], "osmid": osmid, "geometry": list(geometry), "length": length}


def test_an_edge_without_geometry_is_straight(tmp_path):
    """And the list says how many were."""
    source = read(graph(tmp_path / "g.json", [edge("1", "2")]))
    assert source.frame.geometry.iloc[0].wkt == "LINESTRING (116.1 39.9, 116.2 39.9)"
    assert json.loads(source.notes.iloc[0]["parameters"]) == {"count": 1}


def test_a_geometry_is_a_list_of_pairs(tmp_path):
    """Text with a blank between longitude and latitude, as in the real file."""
    source = read(graph(tmp_path / "g.json", [edge("1", "2", geometry=["116.1 39.9", " 116.15 39.95", " 116.2 39.9"])]))
    assert source.frame.geometry.iloc[0].wkt == "LINESTRING (116.1 39.9, 116.15 39.95, 116.2 39.9)"


def test_opposite_edges_are_one_street(tmp_path):
    """Also where the ways of the edge are listed backwards."""
    edges = [edge("1", "2", osmid="[7, 8]"), edge("2", "1", osmid="[8, 7]", length="100.4"), edge("2", "3")]
    frame = read(graph(tmp_path / "g.json", edges)).frame
    assert list(frame["street_id"]) == ["1-2-0", "2-3-0"]
    assert list(frame["oneway"]) == [False, True]


def test_parallel_streets_stay_two(tmp_path):
    """There and back by another way is another street."""
    edges = [edge("1", "2"), edge("2", "1", osmid="9"), edge("1", "2", osmid="7", length="300")]
    edges[2]["id"][2] = 1
    assert len(read(graph(tmp_path / "g.json", edges)).frame) == 3


def test_nodes_are_points(tmp_path):
    """The ids stay text."""
    frame = read(graph(tmp_path / "g.json", [edge("1", "2")]), layer="nodes").frame
    assert list(frame["id"]) == ["1", "2", "3"]
    assert set(frame.geom_type) == {"Point"}


REFUSED = {
    "no edges": ([], None, EmptyError),
    "unknown node": ([edge("1", "9")], None, SourceError),
    "no length": ([{"id": ["1", "2", 0]}], None, SourceError),
    "unknown layer": ([edge("1", "2")], "faces", UnknownNameError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_graph_is_refused(tmp_path, name):
    """With the file's name."""
    edges, layer, error = REFUSED[name]
    with pytest.raises(error, match=r"g\.json"):
        read(graph(tmp_path / "g.json", edges), layer=layer)


def test_the_real_graph_has_each_street_once(realdata):
    """2,568 directed edges, 762 of them without geometry (from the file itself)."""
    path = realdata / "beijing/osmnx_drive_2020_门头沟区.json"
    directed = json.loads(path.read_text(encoding="utf-8"))["edges"]
    source = read(path)
    merged = json.loads(source.notes.loc[source.notes["code"] == "source.twin_edges", "parameters"].iloc[0])
    assert len(source.frame) + merged["count"] == len(directed) == 2568
    assert source.frame["street_id"].is_unique
