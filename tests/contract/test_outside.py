"""What other programs leave behind: types, envelopes, columns, order. The store says it, and adopting mends it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import subprocess

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from gis.errors import AdoptionNeededError, RowsRefused, StoreError
from gis.store import geopackage_blobs, open_store

CORNER = (480_000.0, 4_420_000.0)


@pytest.fixture
def comments() -> gpd.GeoDataFrame:
    """Give three points."""
    rows = {"comment_id": ["C1", "C2", "C3"], "topic": [None] * 3, "text": ["一", "二", "三"]}
    points = [shapely.Point(CORNER[0] + 10 * n, CORNER[1]) for n in range(3)]
    return gpd.GeoDataFrame(rows, geometry=points, crs="EPSG:4548")


def ogr2ogr(target: str, source, layer: str) -> None:
    """Write a layer over the store's as a GIS engineer does on the command line."""
    if target.endswith(".gpkg"):
        to = ["-f", "GPKG", "-update", target, "-nln", layer]
    else:
        dsn, _, schema = target.partition("?schema=")
        to = ["-f", "PostgreSQL", f"PG:{dsn}", "-nln", f"{schema}.{layer}", "-lco", "GEOMETRY_NAME=geom"]
    done = subprocess.run(["ogr2ogr", *to, "-overwrite", str(source)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_points_written_back_by_another_program_are_adopted(store, target, comments, overwrite, again, who):
    """GDAL writes points without an envelope; the same point is the same point."""
    store.put("comments", comments, **who)
    frame = store.read("comments").drop(columns="_version")
    overwrite(frame, "comments")
    other = again()
    assert "store.columns_changed" in set(other.findings()["code"])
    assert set(other.adopt(**who).counts.values()) == {0}
    assert other.findings().empty
    assert again().put("comments", other.read("comments").assign(text="新"), **who).counts["updated"] == 3


def test_points_edited_by_another_program_are_no_drift(store, target, comments, outside, again, who):
    """A point appended by GDAL into the very table is recorded by the triggers, and that is all."""
    store.put("comments", comments, **who)
    if target.endswith(".gpkg"):
        more = comments.iloc[:1].assign(comment_id="C9").rename_geometry("geom")
        more.to_file(target, layer="comments", mode="a")
    else:
        outside(
            "INSERT INTO comments (comment_id, text, geom) "
            "VALUES ('C9', '一', ST_SetSRID(ST_MakePoint(480000, 4420000), 4548))"
        )
    other = again()
    assert other.findings().empty
    assert other.read("comments")["comment_id"].tolist() == ["C1", "C2", "C3", "C9"]
    bbox = (CORNER[0] - 1, CORNER[1] - 1, CORNER[0] + 1, CORNER[1] + 1)
    assert other.read("comments", bbox=bbox)["comment_id"].tolist() == ["C1", "C9"]
    assert other.put("comments", other.read("comments"), **who).counts["unchanged"] == 4


def test_a_layer_written_over_by_ogr2ogr_is_read_and_adopted(filled, target, again, who, tmp_path):
    """varchar, int4 and whatever else a driver makes of our types come back as ours."""
    before = filled.read("blocks").drop(columns="_version")
    before.to_file(tmp_path / "edited.gpkg", layer="blocks")
    ogr2ogr(target, tmp_path / "edited.gpkg", "blocks")
    store = again()
    assert "store.columns_changed" in set(store.findings()["code"])
    assert_geodataframe_equal(store.read("blocks").drop(columns="_version"), before)
    assert store.read("blocks", where={"residents": 1000000})["block_id"].tolist() == ["MC00-0001"]
    with pytest.raises(AdoptionNeededError):
        store.put("blocks", store.read("blocks").assign(name="新"), **who)
    # the PostgreSQL driver writes 15 digits of a real
    assert store.adopt(**who).counts == {"inserted": 0, "retired": 0, "updated": int(not target.endswith(".gpkg"))}
    assert store.findings().empty
    assert_geodataframe_equal(store.read("blocks").drop(columns="_version"), before)
    assert store.put("blocks", store.read("blocks").assign(name="新"), **who).counts["updated"] == 3


TYPES = {
    "control_total_m2": "real",
    "residents": "character varying(20)",
    "is_renewal": "integer USING is_renewal::integer",
    "approved_on": "timestamp",
    "name": "character varying(60)",
    "block_id": "character varying(20)",
}


@pytest.mark.parametrize("column", TYPES)
@pytest.mark.postgis
def test_a_column_of_another_type_is_a_finding(schema, catalogue, blocks, who, column):
    """An open session notices it before it writes; adopting gives the column its type back."""
    with open_store(schema, catalogue=catalogue, create=True) as store:
        store.put("blocks", blocks, **who)
        before = store.read("blocks")
        table = store.home.table("blocks")
        store.home.run(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {TYPES[column]}")
        with pytest.raises(AdoptionNeededError):
            store.put("blocks", before.assign(control_total_m2=2.5), **who)
        found = store.findings()
        assert found["code"].tolist() == ["store.columns_changed"]
        assert column in json.loads(found["parameters"].iloc[0])["altered"][0]
        assert_geodataframe_equal(store.read("blocks"), before, check_less_precise=column == "control_total_m2")
        counts = store.adopt(**who).counts
        assert counts == {"inserted": 0, "retired": 0, "updated": int(column == "control_total_m2")}
        assert store.findings().empty
        store.put("blocks", store.read("blocks").assign(control_total_m2=2.5), **who)
        assert store.read("blocks")["control_total_m2"].tolist() == [2.5] * 3


@pytest.mark.postgis
def test_keys_that_are_no_longer_unique_are_a_finding(schema, catalogue, blocks, who):
    """Without its rules a table would take anything."""
    with open_store(schema, catalogue=catalogue, create=True) as store:
        store.put("blocks", blocks, **who)
        store.home.run(f"ALTER TABLE {store.home.table('blocks')} DROP CONSTRAINT blocks_block_id_key")
        assert store.findings()["code"].tolist() == ["store.columns_changed"]
        store.adopt(**who)
        assert store.findings().empty


def test_a_column_that_another_program_adds_goes_to_extra_and_that_is_said(filled, outside, again, who):
    """Its values are kept for good, flags as flags; a value that extra holds by that name stays."""
    frame = filled.read("blocks").assign(extra=['{"mj": 1}', None, None])
    filled.put("blocks", frame, **who)
    outside(
        "ALTER TABLE blocks ADD COLUMN mj REAL",
        "ALTER TABLE blocks ADD COLUMN seen BOOLEAN",
        "ALTER TABLE blocks ADD COLUMN nobody TEXT",
        "UPDATE blocks SET mj = 10000.5, seen = '1' WHERE block_id <> 'MC00-0002'",
    )
    store = again()
    change = store.adopt(**who)
    said = dict(zip(change.findings["code"], change.findings["parameters"], strict=True))
    assert set(said) == {"store.column_moved"}
    counts = {json.loads(text)["column"]: json.loads(text)["count"] for text in change.findings["parameters"]}
    assert counts == {"mj": 2, "nobody": 0, "seen": 2}
    assert store.read("blocks")["extra"].fillna("").tolist() == [
        '{"mj": 1, "mj_": 10000.5, "seen": true}',
        "",
        '{"mj": 10000.5, "seen": true}',
    ]
    kept = store.read("findings", where={"origin": "adopt"})
    assert kept["layer"].tolist() == ["blocks"] * 3
    assert "extra" in kept["text"].iloc[0]


def test_a_computed_column_lives_on(filled, target, outside, again, who):
    """An area that the database computes holds nothing of its own, and is in nobody's way."""
    formula = "(2 * residents)" + (" VIRTUAL" if target.endswith(".gpkg") else " STORED")
    kind = "INTEGER" if target.endswith(".gpkg") else "bigint"
    outside(f"ALTER TABLE blocks ADD COLUMN twice {kind} GENERATED ALWAYS AS {formula}")
    store = again()
    assert store.findings().empty
    store.put("blocks", store.read("blocks").assign(residents=7), **who)
    twice = store.home.run(f"SELECT twice FROM {store.home.table('blocks')}")
    assert [row[0] for row in twice] == [14, 14, 14]


def test_cells_that_a_field_cannot_hold_are_kept_beside(filled, overwrite, again, who):
    """One odd cell costs neither its row nor the layer."""
    frame = filled.read("blocks").drop(columns="_version")
    odd = frame.assign(residents=["约1200", "1200", None], approved_on=["2021/05/01", "去年", None])
    overwrite(odd, "blocks")
    store = again()
    assert store.read("blocks")["residents"].fillna(-1).tolist() == [-1, 1200, -1]
    change = store.adopt(**who)
    assert change.findings["code"].tolist() == ["store.values_moved", "store.values_moved"]
    found = store.read("blocks")
    assert found["approved_on"].dt.year.fillna(0).tolist() == [2021, 0, 0]
    assert found["extra"].fillna("").tolist() == ['{"residents": "约1200"}', '{"approved_on": "去年"}', ""]


def test_an_extra_that_is_no_json_is_kept_as_a_text(filled, overwrite, again, who):
    """What another program wrote there stays, and the row can be edited afterwards."""
    frame = filled.read("blocks").drop(columns="_version")
    overwrite(frame.assign(extra=["no JSON", '{"a": NaN}', '{"a": 1}']), "blocks")
    store = again()
    wanted = ['{"extra": "no JSON"}', '{"extra": "{\\"a\\": NaN}"}', '{"a": 1}']
    assert store.read("blocks")["extra"].tolist() == wanted
    store.adopt(**who)
    assert store.read("blocks")["extra"].tolist() == wanted
    assert store.put("blocks", store.read("blocks").assign(name="新"), **who).counts["updated"] == 3


def test_order_after_adopting_is_that_of_history(filled, overwrite, again, who):
    """Known features keep their place however the other program sorted them; new ones follow by key."""
    frame = filled.read("blocks")[["block_id", "name", "geometry"]]
    more = pd.concat([frame.iloc[:1].assign(block_id=key) for key in ("MC00-0009", "MC00-0008")])
    overwrite(pd.concat([more, frame.iloc[::-1]], ignore_index=True), "blocks")
    keys = ["MC00-0001", "MC00-0002", "MC00-0003", "MC00-0008", "MC00-0009"]
    store = again()
    assert store.read("blocks")["block_id"].tolist() == keys
    change = store.adopt(**who)
    assert store.read("blocks")["block_id"].tolist() == keys
    assert_geodataframe_equal(store.read("blocks"), store.read("blocks", as_of=change.number))
    new = frame.iloc[:1].assign(block_id="MC00-0004")
    store.put("blocks", new, **who)
    assert store.read("blocks")["block_id"].tolist() == [*keys, "MC00-0004"]


def test_a_place_is_of_the_feature_that_had_it_last(filled, outside, overwrite, again, who):
    """A key that another program has changed, and that comes back later, is a new feature and moves nobody."""
    outside("UPDATE blocks SET block_id = 'MC00-0009' WHERE block_id = 'MC00-0001'")
    frame = filled.read("blocks")[["block_id", "name", "geometry"]]
    assert frame["block_id"].tolist() == ["MC00-0009", "MC00-0002", "MC00-0003"]
    overwrite(pd.concat([frame.iloc[:1].assign(block_id="MC00-0001"), frame], ignore_index=True), "blocks")
    store = again()
    keys = ["MC00-0009", "MC00-0002", "MC00-0003", "MC00-0001"]
    assert store.read("blocks")["block_id"].tolist() == keys
    change = store.adopt(**who)
    assert_geodataframe_equal(store.read("blocks"), store.read("blocks", as_of=change.number))
    assert store.read("blocks")["block_id"].tolist() == keys


def test_rows_put_back_in_another_order_behind_history_keep_their_place(filled, outside, again, who):
    """A table of ours whose triggers are gone is put in order in place."""
    on = "" if filled.name.endswith(".gpkg") else f" ON {filled.home.table('blocks')}"
    for event in ("insert", "delete"):
        filled.home.run(f"DROP TRIGGER gis_blocks_{event}{on}")
    names = ", ".join(column for column in filled.home.layout("blocks").columns if column != "fid")
    outside(
        f"CREATE TABLE kept AS SELECT {names} FROM blocks ORDER BY block_id DESC",
        "DELETE FROM blocks",
        "UPDATE kept SET name = 'x' WHERE block_id = 'MC00-0002'",
        f"INSERT INTO blocks ({names}) SELECT {names} FROM kept",
        "DROP TABLE kept",
    )
    store = again()
    change = store.adopt(**who)
    assert store.read("blocks")["block_id"].tolist() == ["MC00-0001", "MC00-0002", "MC00-0003"]
    assert_geodataframe_equal(store.read("blocks"), store.read("blocks", as_of=change.number))


def test_a_number_that_is_none_is_a_missing_one(filled, target, outside, who):
    """PostgreSQL keeps NaN where SQLite keeps nothing: both show nothing, find it, and an untouched row is no edit."""
    nothing = "9e999 - 9e999" if target.endswith(".gpkg") else "'NaN'"
    outside(f"UPDATE blocks SET control_total_m2 = {nothing} WHERE block_id = 'MC00-0001'")
    frame = filled.read("blocks")
    assert frame["control_total_m2"].isna().tolist() == [True, True, False]
    for as_of in (None, 3):
        found = filled.read("blocks", where={"control_total_m2": None}, as_of=as_of)
        assert found["block_id"].tolist() == ["MC00-0001", "MC00-0002"]
    assert filled.put("blocks", frame, **who).counts == {"inserted": 0, "updated": 0, "unchanged": 3}


def test_a_day_of_no_calendar_is_named(filled, target, outside, again):
    """A year that no field of ours takes, where the database does: layer and field are named, and it can be mended."""
    day = "'0000-05-01'" if target.endswith(".gpkg") else "'0001-05-01 BC'"
    outside(f"UPDATE blocks SET approved_on = {day} WHERE block_id = 'MC00-0001'")
    with pytest.raises(StoreError, match=r"blocks.*approved_on.*another program"):
        filled.read("blocks")
    outside("UPDATE blocks SET approved_on = '2021-05-01' WHERE block_id = 'MC00-0001'")
    assert filled.read("blocks")["approved_on"].dt.year.fillna(0).tolist() == [2021, 0, 1949]
    assert filled.findings().empty


def test_a_zero_below_zero_is_a_zero(filled, target, outside, again, who):
    """SQLite knows none; PostgreSQL would keep it and write it out."""
    filled.put("blocks", filled.read("blocks").assign(control_total_m2=-0.0), **who)
    if not target.endswith(".gpkg"):
        assert outside("SELECT DISTINCT control_total_m2::text FROM blocks") == [("0",)]
    outside("ALTER TABLE blocks ADD COLUMN mj REAL", "UPDATE blocks SET mj = -1.0 * 0.0")
    store = again()
    store.adopt(**who)
    assert store.read("blocks")["extra"].tolist() == ['{"mj": 0.0}'] * 3


@pytest.mark.parametrize("name", ["%s", "100 %", 'a ""b""', "?", "'; --", "区 划"])
def test_a_column_may_have_any_name(filled, outside, again, who, name):
    """Per cent signs, quotes and question marks are names like others, in layers and in results."""
    filled.replace("cells", pd.DataFrame({"cell_id": ["C1"]}))
    outside(*(f'ALTER TABLE {layer} ADD COLUMN "{name}" TEXT' for layer in ("blocks", "cells")))
    outside(f"UPDATE blocks SET \"{name}\" = 'x' WHERE block_id = 'MC00-0001'")
    store = again()
    plain = name.replace('""', '"')
    assert len(store.read("blocks")) == 3
    found = store.adopt(**who).findings
    said = {row["layer"]: json.loads(row["parameters"])["column"] for _, row in found.iterrows()}
    assert said == {"blocks": plain, "cells": plain}
    assert json.loads(store.read("blocks")["extra"].iloc[0]) == {plain: "x"}
    assert store.read("cells")["cell_id"].tolist() == ["C1"]
    assert again().findings().empty


@pytest.mark.parametrize("byte_order", [0, 1])
def test_a_shape_of_another_dialect_is_the_same_shape(tmp_path, template, catalogue, units, who, byte_order):
    """Big-endian, with heights, a polygon among multipolygons: read as the layer has it, and no edit when put back."""
    path = tmp_path / "town.gpkg"
    shutil.copy(template, path)
    with open_store(path, catalogue=catalogue) as store:
        store.put("units", units, **who)
        before = store.read("units").drop(columns="_version")
    tall = shapely.force_3d(before.geometry.iloc[0].geoms[0], 5.0)
    blob = b"GP\0" + bytes([byte_order]) + struct.pack("<i" if byte_order else ">i", 4548)
    blob += shapely.to_wkb(tall, byte_order=byte_order, flavor="iso")
    connection = sqlite3.connect(path)
    geopackage_blobs.register(connection)
    connection.execute("UPDATE units SET geom = ? WHERE unit_id = 'U1'", [blob])
    connection.commit()
    connection.close()
    with open_store(path, catalogue=catalogue) as store:
        assert store.findings().empty
        frame = store.read("units")
        assert_geodataframe_equal(frame.drop(columns="_version"), before)
        assert store.put("units", frame, **who).counts["unchanged"] == 2
        box = tuple(np.asarray(tall.bounds))
        assert store.read("units", bbox=box)["unit_id"].tolist() == ["U1"]


def test_a_lost_index_is_found_and_made_again(tmp_path, template, catalogue, units, who):
    """A GeoPackage whose R-tree is gone would be read wrongly and could not be written."""
    path = tmp_path / "town.gpkg"
    shutil.copy(template, path)
    with open_store(path, catalogue=catalogue) as store:
        store.put("units", units, **who)
        names = store.home.run("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'rtree_units*'")
        for (name,) in names:
            store.home.run(f'DROP TRIGGER "{name}"')
        store.home.run("DROP TABLE rtree_units_geom")
        assert store.findings()["code"].tolist() == ["store.columns_changed"]
        store.adopt(**who)
        assert store.findings().empty
        store.put("units", store.read("units").assign(name="新"), **who)
        assert len(store.read("units", bbox=(480_000, 4_420_000, 480_100, 4_420_100))) == 1


def test_a_blob_that_is_no_shape_names_layer_and_field(tmp_path, template, catalogue, units, who):
    """Another program's rubbish is an error in one sentence."""
    path = tmp_path / "town.gpkg"
    shutil.copy(template, path)
    with open_store(path, catalogue=catalogue) as store:
        store.put("units", units, **who)
        store.home.run("UPDATE units SET geom = 'rubbish' WHERE unit_id = 'U1'")
        with pytest.raises(StoreError, match=r"units.*geom"):
            store.read("units")
        assert store.restore("units", "U1", 2, **who).counts["updated"] == 1
        store.home.run("DROP TRIGGER gis_units_update")
        store.home.run("UPDATE units SET geom = x'4750' WHERE unit_id = 'U2'")
        with pytest.raises(RowsRefused) as caught:
            store.adopt(**who)
        assert caught.value.findings["feature"].tolist() == ["U2"]
        store.adopt(discard=True, **who)
        assert store.read("units").geometry.geom_type.tolist() == ["MultiPolygon"] * 2
