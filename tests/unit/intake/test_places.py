"""Which place the evidence settles, and when it settles none: one clean layer, spoiled so that it loses its place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from gis import gcj02
from gis.errors import CrsError
from gis.intake.read import read
from gis.settings import Settings

BOUNDS = Settings().bounds
# EPSG:4548, middle of the district
EAST, NORTH = 430_000.0, 4_420_000.0


def blocks():
    """Return 36 irregular blocks whose corners are off the grid by up to 25 m."""
    chance = np.random.default_rng(5)
    x, y = np.meshgrid(np.arange(7) * 120.0, np.arange(7) * 120.0, indexing="ij")
    x, y = x + chance.uniform(-25, 25, x.shape) + EAST, y + chance.uniform(-25, 25, y.shape) + NORTH
    corners = ((0, 0), (1, 0), (1, 1), (0, 1))
    shapes = [
        shapely.Polygon([(x[i + di, j + dj], y[i + di, j + dj]) for di, dj in corners])
        for i in range(6)
        for j in range(6)
    ]
    return gpd.GeoDataFrame({"name": [f"B{n}" for n in range(36)]}, geometry=shapes, crs=4548)


def moved(frame, change):
    """Return a frame whose coordinates went through a function of x and y."""
    shapes = shapely.transform(frame.geometry.to_numpy(), lambda points: np.column_stack(change(*points.T)))
    return gpd.GeoDataFrame({"name": frame["name"]}, geometry=shapes, crs=frame.crs)


def to_gcj(x, y):
    return gcj02.to_gcj02(x, y)


def to_bd(x, y):
    return gcj02.gcj02_to_bd09(*gcj02.to_gcj02(x, y))


def swap(x, y):
    return y, x


METRES = blocks()
DEGREES = METRES.to_crs(4490)
PREFIXED = moved(METRES, lambda x, y: (x + 39_000_000, y))
UTM = METRES.to_crs(32650)
# the same numbers, another claim
WRONG = {
    "degrees said to be metres": DEGREES.set_crs(4548, allow_override=True),
    "north first, degrees": moved(DEGREES, swap),
    "north first, metres": moved(METRES, swap),
    "zone in the eastings": PREFIXED.set_crs(4548, allow_override=True),
    "zone not in the eastings": METRES.set_crs(4527, allow_override=True),
}


def written(frame, folder, *, crs=True):
    """Write GeoParquet, without a CRS where none is to be said."""
    out = folder / "layer.parquet"
    (frame if crs else frame.set_crs(None, allow_override=True)).to_parquet(out)
    return out


def away(source):
    """Return how far the rows that were read lie from the truth, m."""
    back = source.frame.to_crs(4548).geometry.to_numpy()
    return float(np.max(shapely.hausdorff_distance(back, METRES.geometry.to_numpy())))


@pytest.mark.parametrize("name", WRONG)
def test_what_the_numbers_contradict_is_corrected_and_said(name, tmp_path):
    """A declared CRS that is off by the order of the axes, the zone's number or its unit leaves one reading."""
    source = read(written(WRONG[name], tmp_path), bounds=BOUNDS)
    assert away(source) < 0.01
    assert set(source.notes["code"]) & {"source.crs_corrected", "source.axes_swapped"}
    assert (source.notes["severity"] == "warning").any()


@pytest.mark.parametrize(
    ("frame", "datum"),
    [(METRES, None), (PREFIXED, None), (DEGREES, None), (UTM, None), (moved(DEGREES, to_gcj), None)],
    ids=["metres", "zone in the eastings", "degrees", "UTM", "GCJ-02"],
)
def test_a_range_alone_settles_nothing(frame, datum, tmp_path):
    """Without .prj three datums give the same numbers: the ranking is shown, with the flag that settles it."""
    with pytest.raises(CrsError) as refused:
        read(written(frame, tmp_path, crs=False), bounds=BOUNDS, datum=datum)
    assert refused.value.details["flag"] == "--crs"
    scores = [one.score for one in refused.value.details["ranking"]]
    assert len(scores) >= 2
    assert scores == sorted(scores, reverse=True)
    assert "--crs" in str(refused.value)
    assert refused.value.details["ranking"][0].value in str(refused.value)


@pytest.mark.parametrize(
    "frame",
    [METRES, PREFIXED, DEGREES, UTM, moved(DEGREES, to_gcj), moved(DEGREES, to_bd), moved(METRES, swap)],
    ids=["metres", "zone in the eastings", "degrees", "UTM", "GCJ-02", "BD-09", "north first"],
)
def test_a_trusted_layer_settles_what_is_unsaid(frame, tmp_path):
    """Lines that lie on those of a trusted layer in one reading, and in no other, decide."""
    source = read(written(frame, tmp_path, crs=False), bounds=BOUNDS, fit={"blocks": METRES})
    assert away(source) < 0.01
    assert source.decided("crs").how == "evidence"


@pytest.mark.parametrize(
    ("frame", "declared"),
    [(UTM, 4548), (METRES, 32650), (moved(DEGREES, to_gcj), 4326), (moved(DEGREES, to_bd), 4490)],
    ids=["UTM as CGCS2000", "CGCS2000 as UTM", "GCJ-02 as WGS 84", "BD-09 as CGCS2000"],
)
def test_a_trusted_layer_outweighs_a_wrong_declaration(frame, declared, tmp_path):
    """A wrong .prj that a range cannot betray is betrayed by the lines, and a person is told."""
    wrong = frame.set_crs(declared, allow_override=True)
    source = read(written(wrong, tmp_path), bounds=BOUNDS, fit={"blocks": METRES})
    assert away(source) < 0.01
    assert not source.notes.empty


def test_a_layer_that_shares_no_line_is_left_as_declared(tmp_path):
    """Circles among blocks fit nothing, wherever they are put: the declaration stands."""
    middles = METRES.geometry.representative_point().buffer(20)
    circles = gpd.GeoDataFrame({"name": METRES["name"]}, geometry=middles, crs=4548)
    source = read(written(circles, tmp_path), bounds=BOUNDS, fit={"blocks": METRES})
    assert source.decided("crs").how == "declared"
    assert source.notes.empty


def test_a_datum_that_is_not_vouched_for_is_never_settled(tmp_path):
    """Xian 1980 is 100 m or so from CGCS2000: it fits as nothing that we can transform, so it is refused."""
    off = moved(METRES, lambda x, y: (x + 115.0, y - 60.0))
    with pytest.raises(CrsError) as refused:
        read(written(off, tmp_path, crs=False), bounds=BOUNDS, fit={"blocks": METRES})
    assert any("Xian" in one.value or "2384" in one.value for one in refused.value.details["ranking"])


def test_identical_coordinates_are_one_explanation(tmp_path):
    """CGCS2000 in degrees and WGS 84 put the numbers at the same place: one line of the ranking names both."""
    with pytest.raises(CrsError) as refused:
        read(written(DEGREES, tmp_path, crs=False), bounds=BOUNDS)
    together = [one.value for one in refused.value.details["ranking"] if "4490" in one.value]
    assert len(together) == 1
    assert "4326" in together[0]


def test_a_flag_settles_what_was_asked(tmp_path):
    """The flag that the refusal names loads the file where it is, axes included."""
    source = read(written(moved(METRES, swap), tmp_path, crs=False), crs="EPSG:4548", bounds=BOUNDS)
    assert away(source) < 0.01
    assert source.decided("crs").how == "given"
    assert source.decided("axes").value == "north first"
    named = read(written(DEGREES, tmp_path, crs=False), datum="CGCS2000", bounds=BOUNDS)
    assert away(named) < 0.01


def test_elsewhere_is_no_fault_of_the_declaration(tmp_path):
    """Shanghai lies outside the district in every reading: what is declared stands, and validation says the rest."""
    city = moved(DEGREES, lambda x, y: (x + 5.5, y - 8.8))
    assert pyproj.CRS(city.crs).to_epsg() == 4490
    source = read(written(city, tmp_path), bounds=BOUNDS)
    assert source.decided("crs").how == "declared"
