"""What goes in comes out, and what breaks a rule is refused whole, with every fault named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from gis import rows
from gis.errors import CrsError, RowsRefused, UnknownNameError, UsageError


def test_every_type_comes_back_as_it_went_in(filled, blocks, catalogue):
    """Text, nullable integers, reals, booleans, dates and shapes survive to the last bit."""
    wanted = rows.canonical(blocks, catalogue.layer("blocks"), "EPSG:4548")
    found = filled.read("blocks").drop(columns="_version")
    assert_geodataframe_equal(found, wanted)


@pytest.mark.parametrize("layer", ["blocks", "votes", "comments", "findings", "cells"])
def test_an_empty_layer_keeps_its_columns_and_types(store, catalogue, layer):
    """A layer without rows still has columns, dtypes, a geometry column and the CRS."""
    record = catalogue.layer(layer)
    found = store.read(layer)
    assert list(found.columns) == [*record.columns, "_version", *(["geometry"] if record.spatial else [])]
    assert [str(dtype) for dtype in found.dtypes[: len(record.fields)]] == [rows.DTYPES[f.type] for f in record.fields]
    assert not record.spatial or found.crs == "EPSG:4548"


def test_integers_with_gaps_stay_integers(filled):
    """A missing number does not turn its column into reals."""
    residents = filled.read("blocks")["residents"]
    assert residents.dtype == "Int64"
    assert residents.tolist() == [1000000, pd.NA, 0]


def test_single_shapes_become_multi_and_nothing_else_moves(filled, blocks):
    """A polygon is promoted; its coordinates are stored exactly as given."""
    shapes = filled.read("blocks").geometry
    assert set(shapes.geom_type) == {"MultiPolygon"}
    assert np.array_equal(shapely.get_coordinates(shapes), shapely.get_coordinates(blocks.geometry))


def test_hostile_text_is_only_text(filled):
    """SQL inside a value is bound, never run."""
    found = filled.read("blocks", where={"name": "O'Neil \"; DROP TABLE blocks; --"})
    assert found["block_id"].tolist() == ["MC00-0003"]


def test_extra_keeps_what_no_field_knows(store, blocks, who):
    """The JSON text of `extra` comes back letter by letter, and only where some row has one."""
    text = '{"b": 1, "备注": "a"}'
    store.put("blocks", blocks.assign(extra=[text, None, None]), **who)
    assert store.read("blocks")["extra"].tolist()[0] == text
    assert "extra" not in store.read("blocks", where={"block_id": "MC00-0002"})


FAULTS = {
    "key missing": ({"block_id": None}, "row.required"),
    "key twice": ({"block_id": "MC00-0002"}, "row.duplicate_key"),
    "type": ({"residents": "many"}, "row.type"),
    "code": ({"authority": "nobody"}, "row.code"),
    "range": ({"residents": -1}, "row.range"),
    "pattern": ({"block_id": "x"}, "row.pattern"),
    "width": ({"name": "长" * 61}, "row.width"),
    "nul": ({"name": "a\0b"}, "row.nul"),
    "surrogate": ({"name": "a\ud800b"}, "row.nul"),
    "hostile key": ({"block_id": "MC\ud800\0"}, "row.pattern"),
    "extra": ({"extra": "no JSON"}, "row.type"),
    "extra with NUL": ({"extra": '"a\0"'}, "row.type"),
    "extra with NaN": ({"extra": '{"a": [1, NaN]}'}, "row.type"),
    "extra without end": ({"extra": "-Infinity"}, "row.type"),
    "extra nested without end": ({"extra": "[" * 100_000 + "]" * 100_000}, "row.type"),
    "extra as an object": ({"extra": {"a": {"b": 1}}}, "row.type"),
    "key as a list": ({"block_id": ["MC00-0001"]}, "row.type"),
    "unsigned beyond 64 bits": ({"residents": 2**63}, "row.type"),
    "digits that a real loses": ({"control_total_m2": 2**53 + 1}, "row.type"),
    "year 0": ({"approved_on": np.datetime64("0000-05-01")}, "row.type"),
    "before Christ": ({"approved_on": np.datetime64("-0044-03-15")}, "row.type"),
    "after 9999": ({"approved_on": np.datetime64("10000-01-01")}, "row.type"),
    "blank key": ({"block_id": " "}, "row.required"),
    "geometry missing": ({"geometry": None}, "geometry.missing"),
    "geometry empty": ({"geometry": shapely.Polygon()}, "geometry.empty"),
    "geometry type": ({"geometry": shapely.Point(1, 2)}, "geometry.type"),
    "bow-tie": ({"geometry": shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "geometry.invalid"),
    "unknown column": ({"colour": "red"}, "row.unknown_column"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_row_is_refused_and_nothing_is_written(store, blocks, who, name):
    """Each rule has its code; one faulty row keeps the good ones out."""
    values, code = FAULTS[name]
    frame = blocks.astype({"residents": object, "name": object}).assign(authority=None)
    for column, value in values.items():
        cells = [value, *frame[column].iloc[1:]] if column in frame else [value] * len(frame)
        frame[column] = cells if column == "geometry" else pd.Series(cells, dtype=object)
    with pytest.raises(RowsRefused) as caught:
        store.put("blocks", frame, **who)
    assert code in set(caught.value.findings["code"])
    assert store.read("blocks").empty
    assert len(store.changes()) == 1


DTYPES = {
    "blank text of Arrow": ("units", "name", pd.Series([" ", "乙"], dtype="string[pyarrow]"), "row.required"),
    "blank category": ("units", "name", pd.Series([" ", "乙"], dtype="category"), "row.required"),
    "blank key of Arrow": ("units", "unit_id", pd.Series(["", "U2"], dtype="string[pyarrow]"), "row.required"),
    "blank key in a category": ("units", "unit_id", pd.Series(["", "U2"], dtype="category"), "row.required"),
    "sound category": ("units", "name", pd.Series(["甲", "乙"], dtype="category"), None),
}


@pytest.mark.parametrize("name", DTYPES)
def test_a_column_is_judged_whatever_its_dtype(store, units, who, name):
    """Arrow's strings and categories have blanks too; what is sound is stored."""
    layer, field, column, code = DTYPES[name]
    frame = units.assign(**{field: column})
    if code is None:
        assert store.put(layer, frame, **who).counts["inserted"] == 2
        return
    with pytest.raises(RowsRefused) as caught:
        store.put(layer, frame, **who)
    assert set(caught.value.findings["code"]) == {code}
    assert store.read(layer).empty


def test_all_faults_come_at_once_with_places(store, blocks, who):
    """Two bad rows make one refusal that says where both are."""
    frame = blocks.assign(residents=pd.array([-1, -2, 3], dtype="Int64"))
    with pytest.raises(RowsRefused) as caught:
        store.put("blocks", frame, **who)
    assert caught.value.findings["feature"].tolist() == ["MC00-0001", "MC00-0002"]
    assert caught.value.findings[["x", "y"]].notna().all(axis=None)


def test_a_reference_must_lead_somewhere(store, units, projects, who):
    """A project may name only a unit that exists; afterwards the same frame is taken."""
    with pytest.raises(RowsRefused) as caught:
        store.put("projects", projects, **who)
    assert caught.value.findings["code"].tolist() == ["row.reference"]
    store.put("units", units, **who)
    assert store.put("projects", projects, **who).counts["inserted"] == 2


@pytest.mark.parametrize("crs", [None, "EPSG:4326", "EPSG:4547"])
def test_another_crs_is_refused(store, blocks, who, crs):
    """A store never guesses and never converts."""
    with pytest.raises(CrsError):
        store.put("blocks", blocks.set_crs(crs, allow_override=True), **who)
    assert store.read("blocks").empty


@pytest.mark.parametrize("answer", [{"author": ""}, {"reason": " "}, {"author": "outside"}, {"author": "a\0"}])
def test_somebody_answers_for_every_write(store, blocks, who, answer):
    """A change set without an author or a reason is refused, and so is the name kept for other programs."""
    with pytest.raises(UsageError):
        store.put("blocks", blocks, **{**who, **answer})
    assert store.read("blocks").empty


def test_unknown_layers_are_named(store, blocks, who):
    """The message lists the layers that there are."""
    with pytest.raises(UnknownNameError, match="units"):
        store.put("blokcs", blocks, **who)
    with pytest.raises(UnknownNameError, match="units"):
        store.read("blokcs")


def test_an_empty_frame_is_no_edit(filled, who):
    """Nothing to do is done."""
    assert filled.put("blocks", filled.read("blocks").iloc[:0], **who).counts == {
        "inserted": 0,
        "updated": 0,
        "unchanged": 0,
    }


def test_a_repeated_column_is_refused(filled, who):
    """Which of two columns is meant nobody can tell."""
    frame = filled.read("blocks")
    with pytest.raises(UsageError, match="name"):
        filled.put("blocks", pd.concat([pd.DataFrame(frame), frame["name"]], axis=1), **who)


@pytest.mark.parametrize("key", ["a\0", "\ud800", "'; DROP TABLE blocks; --"])
def test_hostile_keys_are_simply_unknown(filled, who, key):
    """Keys that no store can hold find nothing and break nothing."""
    assert filled.read("blocks", where={"block_id": key}).empty
    for ask in (lambda: filled.history("blocks", key), lambda: filled.retire("blocks", key, **who)):
        with pytest.raises(UnknownNameError):
            ask()
    assert len(filled.read("blocks")) == 3


def test_inputs_are_not_modified(store, blocks, who):
    """A frame handed in is the same afterwards."""
    before = blocks.copy(deep=True)
    store.put("blocks", blocks, **who)
    assert_geodataframe_equal(blocks, before)


def test_a_frame_of_two_columns_changes_one_field(filled, who):
    """A column that is absent keeps what is stored, geometry too."""
    before = filled.read("blocks")
    filled.put("blocks", pd.DataFrame(before[["block_id", "_version"]]).assign(name="新"), **who)
    after = filled.read("blocks")
    assert after["name"].tolist() == ["新"] * 3
    same = ["block_id", "residents", "approved_on", "geometry"]
    pd.testing.assert_frame_equal(pd.DataFrame(after[same]), pd.DataFrame(before[same]))


def test_a_table_without_geometry_is_a_plain_frame(store, units, projects, who):
    """Votes have no place; they come back as a DataFrame."""
    store.put("units", units, **who)
    store.put("projects", projects, **who)
    store.put("votes", pd.DataFrame({"vote_id": ["V1"], "project_id": ["P1"], "agreeing_persons": [3]}), **who)
    found = store.read("votes")
    assert type(found) is pd.DataFrame
    assert found["agreeing_persons"].tolist() == [3]
