"""Every format comes in as it is, or is refused with one sentence that says what to do."""

from __future__ import annotations

import json
import zipfile

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import xlsxwriter

from gis.errors import CrsError, EmptyError, GisError, SourceError, UnknownNameError, UsageError
from gis.intake.read import read
from tests.unit.intake.handmade import square

NAME = [("名称".encode("gbk"), "C", 20)]
GBK = [["大峪街道".encode("gbk")]]
DEGREES = "POINT (116.10 39.94)"


def codes(source) -> list[str]:
    return list(source.notes["code"])


def test_gbk_without_cpg_is_read_by_its_code_page_byte(shapefile):
    """LDID 0x4D and no .cpg is the usual Chinese delivery."""
    source = read(shapefile(NAME, GBK, ldid=0x4D))
    assert list(source.frame["名称"]) == ["大峪街道"]
    assert source.decided("encoding").how == "LDID"


def test_utf8_without_cpg_is_told_and_noted(shapefile):
    """A guess that the bytes prove is no guess, but it is on the list."""
    source = read(shapefile([("名称".encode(), "C", 30)], [["大峪街道".encode()]]))
    assert list(source.frame["名称"]) == ["大峪街道"]
    assert codes(source) == ["source.encoding_unsaid"]


def test_a_wrong_cpg_is_detected(shapefile):
    """UTF-8 marked as GBK is read right, with a warning."""
    source = read(shapefile([("名称".encode(), "C", 30)], [["大峪街道".encode()]], cpg="GBK"))
    assert list(source.frame["名称"]) == ["大峪街道"]
    assert codes(source) == ["source.encoding_wrong"]


def test_a_text_cut_in_a_character_is_noted(shapefile):
    """Chinese cut at the width of the field by a careless writer."""
    source = read(shapefile([(b"MC", "C", 7)], [["大峪街道".encode("gbk")]], ldid=0x4D))
    assert list(source.frame["MC"]) == ["大峪街"]
    assert codes(source) == ["source.text_cut"]


def test_a_missing_table_is_named(shapefile):
    """A shapefile without attributes is not a smaller shapefile."""
    path = shapefile(NAME, GBK)
    path.with_suffix(".dbf").unlink()
    with pytest.raises(SourceError, match=r"\.dbf"):
        read(path)


def test_parts_with_capital_suffixes_are_found(shapefile):
    """Files from Windows are often called .DBF."""
    path = shapefile(NAME, GBK, ldid=0x4D)
    path.with_suffix(".dbf").rename(path.with_suffix(".DBF"))
    with_capitals = [file.name for file in path.parent.iterdir()]
    assert "区界.DBF" in with_capitals
    assert list(read(path).frame["名称"]) == ["大峪街道"]


def test_shapes_and_rows_must_be_as_many(shapefile):
    """A table of another file beside the shapes is refused."""
    path = shapefile(NAME, GBK * 2, ldid=0x4D, shapes=[square()])
    with pytest.raises(SourceError, match="1 shapes but 2 rows"):
        read(path)


def test_a_cut_shp_is_damaged(shapefile):
    """A download that broke off is refused before anything is read from it."""
    path = shapefile(NAME, GBK)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="damaged"):
        read(path)


def test_no_crs_is_refused_unless_given(shapefile):
    """The flag that settles it is in the sentence, and settles it."""
    path = shapefile(NAME, GBK, ldid=0x4D, crs=None)
    with pytest.raises(CrsError, match="--crs"):
        read(path)
    source = read(path, crs="EPSG:4548")
    assert source.frame.crs.to_epsg() == 4548
    assert source.decided("crs").how == "given"


def test_a_declared_crs_may_be_overridden_with_a_warning(shapefile):
    """The caller knows better than the .prj, and the list says so."""
    source = read(shapefile(NAME, GBK, ldid=0x4D), crs="EPSG:4547")
    assert source.frame.crs.to_epsg() == 4547
    assert codes(source) == ["source.crs_overridden"]


def write_geojson(path, coordinates, properties=None):
    feature = {"type": "Feature", "properties": properties or {"编号": "0701"}}
    feature["geometry"] = {"type": "Point", "coordinates": coordinates}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return path


def test_geojson_is_in_degrees_by_its_standard(tmp_path):
    """Codes stay text, and the CRS is known to come from the standard."""
    source = read(write_geojson(tmp_path / "a.geojson", [116.1, 39.94]))
    assert list(source.frame["编号"]) == ["0701"]
    assert (source.decided("crs").value, source.decided("crs").how) == ("EPSG:4326", "standard")


@pytest.mark.parametrize(
    ("coordinates", "advice"), [([423000, 4423000], "--crs"), ([39.94, 116.1], "swapped")], ids=["metres", "lat, lon"]
)
def test_geojson_that_cannot_be_degrees_is_refused(tmp_path, coordinates, advice):
    """Local metres and swapped axes in a GeoJSON that claims nothing."""
    with pytest.raises(CrsError, match=advice):
        read(write_geojson(tmp_path / "a.geojson", coordinates))


def test_metres_in_geojson_load_when_the_crs_is_given(tmp_path):
    """What the standard forbids, people do; the flag makes it right."""
    source = read(write_geojson(tmp_path / "a.geojson", [423000, 4423000]), crs="EPSG:4548")
    assert source.frame.crs.to_epsg() == 4548


def test_degrees_said_to_be_metres_are_refused(shapefile):
    """A .prj copied from another layer."""
    path = shapefile(NAME, GBK, ldid=0x4D, shapes=[shapely.box(116.1, 39.9, 116.2, 40.0)])
    with pytest.raises(CrsError, match="look like degrees"):
        read(path)


def test_a_shifted_datum_is_undone_once_with_a_record(tmp_path):
    """GCJ-02 from a commercial map comes back to the ground (domain.md §6.2)."""
    source = read(write_geojson(tmp_path / "a.geojson", [116.1063278, 39.9413982]), datum="gcj02")
    point = source.frame.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((116.10, 39.94), abs=1e-6)
    assert codes(source) == ["datum.undone"]


@pytest.mark.parametrize("datum", [None, "WGS84"])
def test_a_file_with_the_marks_of_datav_needs_a_word(tmp_path, datum):
    """It is refused until somebody says which datum it is in."""
    marks = {"adcode": 110109, "childrenNum": 0, "acroutes": [100000]}
    path = write_geojson(tmp_path / "a.json", [116.1, 39.94], marks)
    if datum is None:
        with pytest.raises(CrsError, match="--datum GCJ-02"):
            read(path)
    else:
        assert read(path, datum=datum).decided("datum").value == "WGS84"


def write_gpkg(path, layers=("街区",), **columns):
    for layer in layers:
        frame = gpd.GeoDataFrame(columns or {"DM": ["001"]}, geometry=[square()], crs="EPSG:4548")
        pyogrio.write_dataframe(frame, path, layer=layer)
    return path


def test_one_layer_needs_no_name(tmp_path):
    """A GeoPackage with one layer is that layer."""
    assert list(read(write_gpkg(tmp_path / "a.gpkg")).frame["DM"]) == ["001"]


def test_several_layers_need_a_name(tmp_path):
    """The sentence lists what there is; the name settles it."""
    path = write_gpkg(tmp_path / "a.gpkg", ("街区", "单元"))
    with pytest.raises(UsageError, match="街区, 单元"):
        read(path)
    assert read(path, layer="单元").inner == "单元"


def test_an_unknown_layer_is_refused_with_the_list(tmp_path):
    """Like every unknown name."""
    with pytest.raises(UnknownNameError, match="街区"):
        read(write_gpkg(tmp_path / "a.gpkg"), layer="地块")


def test_whole_numbers_beside_blanks_stay_whole(tmp_path):
    """A GeoPackage column of integers with nulls does not come back as floats."""
    frame = gpd.GeoDataFrame(
        {"hs": pd.array([2**53 + 1, None], dtype="Int64")}, geometry=[square(), square(1)], crs="EPSG:4548"
    )
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    assert read(tmp_path / "a.gpkg").frame["hs"].iloc[0] == 2**53 + 1


TABLES = {
    "UTF-8": "编号,经度,纬度\n0701,116.1,39.94\n".encode(),
    "UTF-8 with a mark": "\ufeff编号,经度,纬度\n0701,116.1,39.94\n".encode(),
    "GB18030": "编号,经度,纬度\n0701,116.1,39.94\n".encode("gb18030"),
    "UTF-16": "编号,经度,纬度\n0701,116.1,39.94\n".encode("utf-16"),
    "tabs": "编号\t经度\t纬度\n0701\t116.1\t39.94\n".encode(),
    "WKT": f"编号,wkt\n0701,{DEGREES}\n".encode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_csv_keeps_codes_as_text_and_finds_its_places(tmp_path, name):
    """Chinese headers, in whatever encoding; leading zeros stay."""
    path = tmp_path / "poi.csv"
    path.write_bytes(TABLES[name])
    source = read(path, crs="EPSG:4490")
    assert list(source.frame["编号"]) == ["0701"]
    assert source.frame.geometry.iloc[0].wkt == "POINT (116.1 39.94)"


def test_csv_with_coordinates_does_not_say_its_crs(tmp_path):
    """Degrees may be shifted: somebody has to say."""
    path = tmp_path / "poi.csv"
    path.write_bytes(TABLES["UTF-8"])
    with pytest.raises(CrsError, match="--datum GCJ-02"):
        read(path)
    assert read(path, datum="GCJ-02").decided("crs").value == "EPSG:4326"


def test_a_row_without_a_place_keeps_its_values(tmp_path):
    """Blank coordinates are blank geometry; a word in their place is noted."""
    path = tmp_path / "poi.csv"
    path.write_text("编号,lon,lat\n1,116.1,39.94\n2,,\n3,不详,39.9\n", encoding="utf-8")
    source = read(path, crs="EPSG:4490")
    assert list(source.frame.geometry.isna()) == [False, True, True]
    assert codes(source) == ["source.places_unreadable"]


def write_workbook(path, sheets):
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell)
    return path


def test_workbook_cells_become_the_text_that_a_person_sees(tmp_path):
    """A whole number has no point and no zero behind it."""
    rows = [["编号", "经度", "纬度", "户数"], ["0701", 116.1, 39.94, 12]]
    source = read(write_workbook(tmp_path / "a.xlsx", {"地块": rows, "空": []}), crs="EPSG:4490")
    assert source.frame.iloc[0][["编号", "户数"]].tolist() == ["0701", "12"]
    assert source.inner == "地块"


def test_workbook_with_two_sheets_needs_a_name(tmp_path):
    """As with layers."""
    rows = [["a"], ["1"]]
    with pytest.raises(UsageError, match="甲, 乙"):
        read(write_workbook(tmp_path / "a.xlsx", {"甲": rows, "乙": rows}))


def test_geoparquet_keeps_its_crs(tmp_path):
    """The CRS is declared in the file."""
    gpd.GeoDataFrame({"a": ["01"]}, geometry=[square()], crs="EPSG:4548").to_parquet(tmp_path / "a.parquet")
    source = read(tmp_path / "a.parquet")
    assert source.format == "GeoParquet"
    assert source.frame.crs.to_epsg() == 4548


def zipped(path, files, name):
    """Write a zip whose members are called `name` in GBK, without the flag that would say in which encoding."""
    stand_in = "x" * len(name.encode("gbk"))
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, f"{stand_in}{file.suffix}")
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), name.encode("gbk")))
    return path


def test_a_zipped_shapefile_with_gbk_member_names_is_read(shapefile, tmp_path):
    """Zips from Windows name their members in GBK and do not say so."""
    path = shapefile(NAME, GBK, ldid=0x4D)
    source = read(zipped(tmp_path / "delivery.zip", sorted(tmp_path.glob(f"{path.stem}.*")), "更新单元"))
    assert list(source.frame["名称"]) == ["大峪街道"]
    assert source.decided("member").value == "更新单元.shp"


def test_a_zip_with_two_shapefiles_needs_a_name(shapefile, tmp_path):
    """The member's stem is its name."""
    for stem in ("a", "b"):
        shapefile(NAME, GBK, ldid=0x4D, stem=stem)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for file in sorted(tmp_path.glob("[ab].*")):
            archive.write(file, file.name)
    with pytest.raises(UsageError, match=r"a\.shp, b\.shp"):
        read(tmp_path / "two.zip")
    assert read(tmp_path / "two.zip", layer="b").decided("member").value == "b.shp"


# what a caller says -> the member
CALLED = {
    "b": "成果/b.shp",
    "b.shp": "成果/b.shp",
    "成果/b.shp": "成果/b.shp",
    "a.shp": "a.shp",
    "旧/a.shp": "旧/a.shp",
}


@pytest.mark.parametrize("name", CALLED)
def test_a_member_of_a_folder_in_a_zip_is_known_by_its_name(shapefile, tmp_path, name):
    """As a person reads it, with or without its folder; the whole path is surer than its end."""
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for folder, stem in (("成果/", "b"), ("", "a"), ("旧/", "a")):
            path = shapefile([(b"N", "N", 9)], [[b"1"]], stem=stem)
            for part in path.parent.glob(f"{stem}.*"):
                if part.suffix != ".zip":
                    archive.write(part, f"{folder}{part.name}")
    assert read(tmp_path / "p.zip", layer=name).decided("member").value == CALLED[name]


REFUSED = {
    "missing": ("nowhere.shp", None, SourceError, "no file"),
    "empty": ("a.geojson", b"", EmptyError, "0 bytes"),
    "no rows": ("a.csv", b"a,b\n", EmptyError, "no rows"),
    "drawing": ("a.dwg", b"AC1027", SourceError, "DXF"),
    "rar": ("a.rar", b"Rar!", SourceError, r"\.zip"),
    "7z": ("a.7z", b"7z", SourceError, r"\.zip"),
    "unknown suffix": ("a.xyz", b"1 2 3", SourceError, "not a format"),
    "part of a shapefile": ("a.dbf", b"x", SourceError, r"name the \.shp"),
    "not a shapefile": ("a.shp", b"x" * 200, SourceError, "missing"),
    "broken JSON": ("a.geojson", b"{", SourceError, "cannot be read"),
    "broken JSON, .json": ("a.json", b"{", SourceError, "cannot be read"),
    "not a GeoPackage": ("a.gpkg", b"SQLite format 3\0" + b"x" * 200, SourceError, "cannot be read"),
    "not a workbook": ("a.xlsx", b"PK\x03\x04", SourceError, "workbook"),
    "not a zip": ("a.zip", b"PK\x03\x04", SourceError, "zip"),
    "not Parquet": ("a.parquet", b"PAR1", SourceError, "cannot be read"),
    "column twice": ("a.csv", b"a,a\n1,2\n", SourceError, "twice"),
    "ragged": ("a.csv", b"a,b\n1,2\n1,2,3\n", SourceError, "as a table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_one_sentence(tmp_path, name):
    """One line, the file's name in it, and a class that decides the exit code."""
    file, content, error, said = REFUSED[name]
    path = tmp_path / file
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said) as caught:
        read(path)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_a_file(tmp_path):
    """A geodatabase is the only folder that is a file."""
    with pytest.raises(SourceError, match="folder"):
        read(tmp_path)


@pytest.mark.parametrize("datum", ["GCJ", "Mars"])
def test_an_unknown_datum_is_refused(tmp_path, datum):
    """With the list of those that exist."""
    with pytest.raises(UsageError, match="BD-09"):
        read(tmp_path / "a.csv", datum=datum)


# name in the folder of real files -> how it is read, and its rows, or the error and what it says, by its own facts
REAL = {
    "messy/gbk_ldid4d_shanghai_districts/区县界_area.shp": ({}, 17),
    "messy/sz.shp": ({}, (CrsError, "--crs")),
    "messy/shanghai_urban.csv": ({}, (CrsError, "--datum")),
    "messy/pyogrio/curve.gpkg": ({}, 1),
    "messy/pyogrio/poly_not_enough_points.shp.zip": ({}, 1),
    "messy/fiona/coutwildrnp.zip": ({}, 67),
    "messy/pyshp/blockgroups_multishapefile.zip": ({}, (UsageError, "say which")),
    "location/ServiceAreas_4.shp": ({}, (SourceError, r"\.dbf")),
    "planning/drl_dhm_plan_local_metres.geojson": ({}, (CrsError, "--crs")),
    "beijing/beijing_districts_tianditu.geojson": ({}, 16),
    "beijing/datav_gcj02_门头沟区.json": ({}, (CrsError, "GCJ-02")),
    "beijing/stops.txt": ({}, (UsageError, "entrances")),
    "beijing/streets_110109.csv": ({}, 13),
    "facility/services.parquet": ({}, 36),
    "overlay/geofileops/polygon-no-rows.gpkg": ({}, (EmptyError, "no rows")),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_load_or_are_refused_with_a_reason(realdata, name):
    """Each file does what its own facts ask for."""
    options, expected = REAL[name]
    if isinstance(expected, int):
        assert len(read(realdata / name, **options).frame) == expected
    else:
        with pytest.raises(expected[0], match=expected[1]):
            read(realdata / name, **options)


def test_shanghai_districts_have_their_names(realdata):
    """GBK with LDID 0x4D and no .cpg; administrative codes stay text."""
    frame = read(realdata / "messy/gbk_ldid4d_shanghai_districts/区县界_area.shp").frame
    assert {"宝山区", "杨浦区"} <= set(frame["NAME"])
    assert set(frame["ADMINCODE"].str.len()) == {6}


def test_no_real_file_fails_in_another_way(realdata):
    """Whatever is in the messy folder loads or raises one of our errors, in one line."""
    for path in sorted((realdata / "messy").rglob("*.*")):
        try:
            read(path)
        except GisError as error:
            assert "\n" not in str(error)


def test_junk_in_a_zip_is_ignored_and_said(tmp_path):
    """What file managers leave behind is no data, and a person can see that it was passed over."""
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[square()], crs=4548)
    frame.to_file(tmp_path / "blocks.gpkg", engine="pyogrio")
    package = tmp_path / "blocks.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(tmp_path / "blocks.gpkg", "blocks.gpkg")
        archive.writestr("Thumbs.db", b"x")
    source = read(package)
    assert codes(source) == ["source.junk_ignored"]
    assert "Thumbs.db" in source.notes["parameters"][0]
