"""CRSs that are the same, transforms that are let through, and those that are refused."""

from __future__ import annotations

import geopandas as gpd
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as some

from gis import crs
from gis.errors import CrsError

# invented numbers: a grid that names no datum, and a bureau's own on CGCS2000
OWN = "+proj=tmerc +lat_0=39.5 +lon_0=116.2 +k=1 +x_0=200000 +y_0=100000 +ellps=GRS80 +units=m +no_defs"
OWN_WKT = (
    'PROJCS["bureau grid",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",'
    'SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",116.25],PARAMETER["scale_factor",1],'
    'PARAMETER["false_easting",300000],PARAMETER["false_northing",-4000000],UNIT["metre",1]]'
)


def frame(system, *shapes):
    return gpd.GeoDataFrame(geometry=list(shapes or [shapely.Point(116.1, 39.94)]), crs=system)


@pytest.mark.parametrize("text", ["EPSG:4548", "epsg:4548", OWN_WKT], ids=["code", "lower case", "WKT"])
def test_a_crs_is_known_by_code_or_wkt(text):
    """And always in metres here."""
    assert crs.parse(text).axis_info[0].unit_name == "metre"


def test_a_wkt_file_is_read(tmp_path):
    """The bureau's own grid stays outside the repository."""
    path = tmp_path / "own.wkt"
    path.write_text(OWN_WKT, encoding="utf-8")
    assert crs.label(crs.parse(str(path))) == "bureau grid"


@pytest.mark.parametrize("text", ["EPSG:999999", "4548x", "PROJCS[broken 300000", "nowhere.wkt"])
def test_what_names_no_crs_is_refused(text):
    """With an example of what would."""
    with pytest.raises(CrsError):
        crs.parse(text)


def test_a_broken_grid_is_never_repeated_in_a_message():
    """Its parameters may be secret (domain.md fact 13)."""
    with pytest.raises(CrsError) as caught:
        crs.parse(OWN_WKT.replace('"Transverse_Mercator"', '"No such"')[:-20])
    assert "300000" not in str(caught.value)


def test_a_prj_round_trip_is_the_same_crs(tmp_path):
    """`==` says otherwise (traps.md)."""
    pyogrio.write_dataframe(frame("EPSG:4548", shapely.Point(423000, 4423000)), tmp_path / "a.shp")
    back = pyogrio.read_dataframe(tmp_path / "a.shp").crs
    assert crs.same(back, crs.parse("EPSG:4548"))


@pytest.mark.parametrize("other", ["EPSG:4527", "EPSG:4547", "EPSG:2384", "EPSG:32650", "EPSG:4490", None])
def test_another_crs_is_not_the_same(other):
    """Zone prefix, next zone, Xian80, UTM, degrees, none."""
    assert not crs.same(crs.parse(other) if other else None, crs.parse("EPSG:4548"))


REFUSED = {
    "none": (None, "EPSG:4548", "no coordinate reference system"),
    "degrees": ("EPSG:4490", None, "metres"),
    "another": ("EPSG:4547", "EPSG:4548", "EPSG:4547"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_in_another_crs_is_refused(name):
    """The message says which came and which is allowed."""
    came, wanted, said = REFUSED[name]
    with pytest.raises(CrsError, match=said):
        crs.require(frame(came), wanted)


def test_frames_must_share_their_crs():
    """The second frame is named."""
    with pytest.raises(CrsError, match="unit"):
        crs.require_same({"block": frame("EPSG:4548"), "unit": frame("EPSG:4547")})


def test_no_frames_share_nothing():
    """There is nothing to compare."""
    with pytest.raises(CrsError):
        crs.require_same({})


@pytest.mark.parametrize("old", ["EPSG:4610", "EPSG:2384", "EPSG:2363", "EPSG:4214", "EPSG:2436", "EPSG:4555"])
def test_old_datums_are_refused_in_both_directions(old):
    """Xian80 and Beijing54 need parameters that only the surveying office has."""
    for source, target in ((old, "EPSG:4548"), ("EPSG:4548", old), (old, "EPSG:4326")):
        with pytest.raises(CrsError, match="surveying office"):
            crs.transformer(crs.parse(source), crs.parse(target))


def test_an_old_datum_may_change_its_own_projection():
    """Within one datum nothing is guessed."""
    assert crs.to(frame("EPSG:4610"), "EPSG:2384").crs.to_epsg() == 2384


@pytest.mark.parametrize("system", ["EPSG:4548", "EPSG:4527", "EPSG:32650", "EPSG:4326", "EPSG:3857", OWN_WKT])
@given(lon=some.floats(115.42, 116.16), lat=some.floats(39.81, 40.17))
def test_there_and_back_is_the_same_place(system, lon, lat):
    """To a tenth of a millimetre, between CGCS2000, WGS 84 and a grid of the bureau's own."""
    back = crs.to(crs.to(frame("EPSG:4490", shapely.Point(lon, lat)), system), "EPSG:4490").geometry.iloc[0]
    assert (back.x, back.y) == pytest.approx((lon, lat), abs=1e-9)


def test_converting_keeps_rows_index_and_missing_shapes():
    """And drops heights."""
    came = gpd.GeoDataFrame(
        {"a": [1, 2]}, geometry=[None, shapely.Point(116.1, 39.9, 7)], index=[5, 3], crs="EPSG:4490"
    )
    moved = crs.to(came, "EPSG:4548")
    assert list(moved.index) == [5, 3]
    assert list(moved.geometry.isna()) == [True, False]
    assert not moved.geometry.has_z.any()


def test_a_grid_without_a_datum_is_refused():
    """An ellipsoid is not a datum: the shift between them is unknown."""
    with pytest.raises(CrsError):
        crs.transformer(pyproj.CRS(OWN), crs.parse("EPSG:4548"))


def test_ellipsoidal_area_is_smaller_than_planar_here():
    """By 144 ppm at 116.1E (domain.md §6.1)."""
    planar = gpd.GeoDataFrame(geometry=[shapely.box(423000, 4423000, 424000, 4424000)], crs="EPSG:4548")
    ratio = planar.geometry.area.iloc[0] / crs.ellipsoidal_area(planar).iloc[0] - 1
    assert ratio * 1e6 == pytest.approx(144, abs=4)


def test_ellipsoidal_area_of_nothing_is_missing():
    """A missing geometry has no area, not 0."""
    assert crs.ellipsoidal_area(gpd.GeoDataFrame(geometry=[None], crs="EPSG:4548")).isna().all()


def own(name: str, meridian: float = 116.3127, easting: float = 314159.25) -> pyproj.CRS:
    """Return a grid nobody has registered."""
    return pyproj.CRS(
        f'PROJCS["{name}",GEOGCS["local",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
        f'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",{meridian}],'
        f'PARAMETER["scale_factor",0.999917],PARAMETER["false_easting",{easting}],'
        'PARAMETER["false_northing",0],UNIT["metre",1]]'
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("某区独立坐标系", "某区独立坐标系"),
        ("Town grid, zone 2", "Town grid, zone 2"),
        ("某区2000独立坐标系", "某区2000独立坐标系"),
        ("一区", "一区"),
        ("grid 1980", "grid 1980"),
        ("CM=116.3127", "CM=…"),
        ("CM116", "CM…"),
        ("CM 116-18", "CM …-…"),
        ("中央经线一百一十六度", "中央经线…度"),
        ("FE314km", "FE…km"),
        ("１１６.3127", "…"),
        ("k0 999917", "k… …"),
        ("town 31415925", "town …"),
    ],
)
def test_a_name_leaves_without_the_numbers_that_tell_the_grid(name, shown):
    """Degrees and minutes, metres and kilometres, in digits of both widths and in Chinese; a zone or a year stays."""
    assert crs.label(own(name)) == crs.discreet(own(name)) == shown
    assert crs.tells(own(name)) == (name != shown)
    assert crs.identity(own(name)) == name


def test_a_grid_with_a_way_to_wgs_84_is_looked_into():
    """The projection of a bound CRS, and its shifts."""
    shifts = "298.257222101],TOWGS84[565.2,50.3,465.5,0,0,0,0]"
    bound = own("town").to_wkt("WKT1_GDAL").replace("298.257222101]", shifts)
    assert crs.label(pyproj.CRS(bound.replace('"town"', '"town 565"'))) == "town …"
    assert crs.label(pyproj.CRS(bound.replace('"town"', '"town 314"'))) == "town …"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00\x01"])
def test_a_file_that_is_no_text_is_refused(tmp_path, content):
    """In one sentence, without a word of what is in it."""
    (tmp_path / "grid.wkt").write_bytes(content)
    with pytest.raises(CrsError):
        crs.parse(str(tmp_path / "grid.wkt"))


@pytest.mark.parametrize(("code", "wanted"), [("EPSG:4548", True), ("EPSG:2227", False), ("EPSG:4326", False)])
def test_metres_are_told_from_feet_and_degrees(code, wanted):
    """A store measures in metres."""
    assert crs.in_metres(crs.parse(code)) == wanted
