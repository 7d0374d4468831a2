"""A view of a GeoPackage gives what GDAL would make of it, and never more than there is time and room for."""

from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing

import geopandas as gpd
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from gis.errors import SourceError
from gis.intake.admission import views
from gis.intake.read import read

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.fixture
def viewed(tmp_path):
    """Give a maker of GeoPackages of one table, with views beside it."""

    def make(*queries):
        path = tmp_path / "a.gpkg"
        columns = {
            "name": ["一", "二"],
            "area": [1.5, 2.0],
            "day": [datetime.date(2020, 1, 1), None],
            "on": [True, False],
        }
        frame = gpd.GeoDataFrame(columns, geometry=[shapely.Point(0, 0), shapely.Point(1, 1)], crs="EPSG:4490")
        pyogrio.write_dataframe(frame, path, layer="t", driver="GPKG")
        with closing(sqlite3.connect(path)) as base:
            for number, query in enumerate(queries):
                base.execute(f"CREATE VIEW v{number} AS {query}")
                contents = f"(table_name, data_type, srs_id) VALUES ('v{number}', 'features', 4490)"
                base.execute(f"INSERT INTO gpkg_contents {contents}")
                base.execute(f"INSERT INTO gpkg_geometry_columns VALUES ('v{number}', 'geom', 'POINT', 4490, 0, 0)")
            base.commit()
        return path

    return make


@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM t", "SELECT fid, name, geom FROM t WHERE area > 1.6", "SELECT name, geom, area * 2 AS b FROM t"],
)
def test_a_view_is_what_gdal_makes_of_it(viewed, query):
    """The same columns, types, values and places."""
    path = viewed(query)
    wanted = pyogrio.read_dataframe(path, layer="v0")
    with views.written_out(path, "v0") as plain:
        assert plain != path
        found = pyogrio.read_dataframe(plain, layer="v0")
    assert_geodataframe_equal(found, wanted)


def test_a_number_that_comes_twice_is_a_value(viewed):
    """Of two tables joined, the number of a row of one of them."""
    found = read(viewed("SELECT a.fid, a.name, b.geom FROM t a, t b"), layer="v0")
    assert list(found.frame["fid"]) == [1, 1, 2, 2]


def test_a_file_without_views_is_lent_as_it_is(viewed):
    """Nothing is copied where nothing has to be run."""
    path = viewed()
    with views.written_out(path, None) as plain:
        assert plain == path


def test_only_what_is_asked_for_is_run(viewed):
    """The other view has no end."""
    path = viewed("SELECT * FROM t", ENDLESS)
    assert len(read(path, layer="v0").frame) == 2
    assert len(read(path, layer="t").frame) == 2


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (ENDLESS, "has no end within 0.3 s"),
        ("SELECT zeroblob(300000000) AS x", "brings more than a file may hold"),
        ("SELECT load_extension('x') AS x", "cannot be run here"),
        ("SELECT nothing_like_it(fid) AS x FROM t", "cannot be run here"),
        ("SELECT x FROM elsewhere", "cannot be run here"),
    ],
)
@pytest.mark.parametrize("inner", ["v0", None])
def test_a_view_that_cannot_be_run_is_refused_by_name(viewed, monkeypatch, query, said, inner):
    """With what to do instead."""
    monkeypatch.setattr(views, "SECONDS", 0.3)
    with pytest.raises(SourceError) as caught:
        read(viewed(query), layer=inner)
    assert f"v0 is a view, that is a query, and {said}" in str(caught.value)
    assert "FILE#NAME" in str(caught.value)


@pytest.mark.parametrize("table", ["gpkg_spatial_ref_sys", "gpkg_contents", "GPKG_extensions"])
@pytest.mark.parametrize("inner", ["t", None])
def test_a_view_in_the_place_of_a_standard_table_is_not_run(viewed, table, inner):
    """GDAL would ask it for whatever layer is read."""
    path = viewed()
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"DROP TABLE IF EXISTS {table}")
        base.execute(f"CREATE VIEW {table} AS {ENDLESS}")
        base.commit()
    with pytest.raises(SourceError, match=f"{table} should be a table of the standard and is a view"):
        read(path, layer=inner)


def test_what_a_view_brings_has_a_bound(viewed, monkeypatch):
    """Many rows, each of them small."""
    monkeypatch.setattr(views, "BYTES", 1 << 20)
    with pytest.raises(SourceError, match="brings more than a file may hold"):
        read(viewed(ENDLESS.replace("SELECT x FROM", "SELECT x, hex(zeroblob(500)) AS y FROM")), layer="v0")
