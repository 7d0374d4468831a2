"""A shift is suspected where undoing it fits the ground, and nowhere else."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import gcj02
from gis.intake import datums
from gis.intake.read import read

# a rough district with enough corners that neighbouring sides are not 560 m apart
OUTLINE = shapely.Point(116.0, 40.0).buffer(0.08, quad_segs=24)


def shifted(datum):
    """Return the outline as a commercial map has it."""

    def move(points):
        x, y = gcj02.to_gcj02(*points.T)
        return np.column_stack(gcj02.gcj02_to_bd09(x, y) if datum == "BD-09" else (x, y))

    return OUTLINE if datum is None else shapely.transform(OUTLINE, move)


def frame(shape):
    return gpd.GeoDataFrame(geometry=[shape], crs="EPSG:4326")


@pytest.mark.parametrize(
    ("datum", "codes"),
    [(None, []), ("GCJ-02", ["datum.gcj02_suspected"]), ("BD-09", ["datum.bd09_suspected"])],
    ids=["true", "GCJ-02", "BD-09"],
)
def test_a_shifted_outline_is_suspected(datum, codes):
    """560 m and 1,355 m are told from another drawing of the same line."""
    found = datums.datum_offset(frame(shifted(datum)), frame(OUTLINE).to_crs("EPSG:4548"), layer="districts")
    assert list(found["code"]) == codes


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09"])
def test_undoing_brings_the_outline_back(datum):
    """To better than a millimetre."""
    back = datums.undo(frame(shifted(datum)), datum)
    assert shapely.hausdorff_distance(back.geometry.iloc[0], OUTLINE) < 1e-8


def test_a_layer_that_shares_no_line_says_nothing():
    """A pond in the middle of the district fits no hypothesis."""
    pond = shapely.Point(116.0, 40.0).buffer(0.001)
    assert datums.datum_offset(frame(pond), frame(OUTLINE)).empty


def test_a_layer_far_away_says_nothing():
    """There is nothing to compare."""
    assert datums.distances(frame(shapely.box(121, 31, 121.1, 31.1)), frame(OUTLINE)) == {}


@pytest.mark.parametrize("text", ["GCJ-02", "gcj02", "gcj_02", "GCJ 02"])
def test_a_datum_is_known_in_every_spelling(text):
    """As people write it."""
    assert datums.named(text) == "GCJ-02"


@pytest.mark.parametrize("reference", ["tianditu", "amap"])
@pytest.mark.parametrize(("datum", "codes"), [("WGS84", ["datum.gcj02_suspected"]), ("GCJ-02", [])])
def test_the_real_gcj02_outline_is_flagged_until_it_is_converted(realdata, reference, datum, codes):
    """Even when somebody says that it is WGS 84, and against a coarse and a fine reference."""
    outlines = read(realdata / f"beijing/beijing_districts_{reference}.geojson").frame
    district = outlines[outlines["district_name"] == "门头沟区"]
    outline = read(realdata / "beijing/datav_gcj02_门头沟区.json", datum=datum).frame
    assert list(datums.datum_offset(outline, district)["code"]) == codes


# columns that only one source writes -> its datum
MARKS = {
    "AMap": (["id", "name", "type", "typecode", "adcode", "location"], "GCJ-02"),
    "AMap, cut by a shapefile": (["name", "typecode", "business_a"], "GCJ-02"),
    "Tencent": (["id", "title", "category", "ad_info", "tel"], "GCJ-02"),
    "Baidu": (["uid", "name", "street_id", "telephone"], "BD-09"),
    "Tianditu": (["hotPointID", "name", "lonlat", "poiType", "address"], ""),
    "a bureau": (["uid", "name", "typecode", "address", "category"], ""),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_shifted_source_is_known_by_its_columns(name):
    """It does not say so; Tianditu is not shifted, and one general word tells nothing."""
    columns, datum = MARKS[name]
    assert datums.hint(pd.DataFrame(columns=columns))[0] == datum


@pytest.mark.parametrize(
    ("value", "datum"),
    [("高德", "GCJ-02"), ("百度地图", "BD-09"), ("高德坐标系", "GCJ-02"), ("天地图", ""), ("CGCS2000", "")],
)
def test_a_column_of_coordinate_systems_may_name_a_map(value, datum):
    """Its datum is meant."""
    assert datums.hint(pd.DataFrame({"坐标系": [value]}))[0] == datum
