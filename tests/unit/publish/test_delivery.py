"""A delivery holds exactly what was meant, or it does not come into being."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
import shutil
import subprocess

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon

from gis import archives, findings
from gis.errors import (
    CatalogueError,
    CrsError,
    DeliveryError,
    EmptyError,
    FrameError,
    RowsRefused,
    UnknownNameError,
    UsageError,
)
from gis.publish import delivery, receivers, shapefiles, withheld
from gis.settings import Settings
from tests.unit.publish import handmade

DAY = datetime.date(2026, 11, 23)


def deliver(out, frames=None, **options):
    options = {"catalogue": handmade.book(), "profile": "city", "author": "规划分局", "date": DAY} | options
    return delivery.write(handmade.layers() if frames is None else frames, out, **options)


def unpacked(path, folder):
    archives.extract(path, folder)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package, its report and its files."""
    folder = tmp_path_factory.mktemp("delivery")
    report = deliver(folder / "out.zip", synthetic=True)
    return report, unpacked(report.path, folder / "files")


def read(files, name):
    return pyogrio.read_dataframe(files / name)


# --- what a package holds


def test_each_layer_has_its_five_files_and_a_table_two(package):
    """Shapefiles are whole, the layer without geometry is a lone table."""
    _, files = package
    names = {path.name for path in files.iterdir()}
    assert {f"{layer}{part}" for layer in ("GXXM", "GDZD", "GXDY", "DL") for part in shapefiles.PARTS} <= names
    assert {name for name in names if name.startswith("GMTJ")} == {"GMTJ.dbf", "GMTJ.cpg"}
    assert {"manifest.json", "dictionary.csv", "dictionary.xlsx", "readme.txt"} <= names
    assert all(name.isascii() for name in names)


def test_military_and_confidential_rows_stay_here_and_are_counted(package):
    """丙院 is nowhere in the package; the report, the manifest and the readme say that one row stayed."""
    report, files = package
    assert report.layers.set_index("layer").loc["projects", ["rows", "withheld"]].tolist() == [2, 1]
    assert json.loads((files / "manifest.json").read_text("utf-8"))["withheld"]["rows"] == 1
    assert "涉密及军属要素 1 条" in (files / "readme.txt").read_text("utf-8-sig")
    assert not [path.name for path in files.iterdir() if "丙院".encode("gbk") in path.read_bytes()]


def test_profile_may_include_them(tmp_path):
    """A receiver that may have confidential rows gets all of them."""
    receiver = receivers.read("city", handmade.book())
    report = deliver(tmp_path / "a.zip", profile=dataclasses.replace(receiver, include_confidential=True))
    assert report.layers.set_index("layer").loc["projects", ["rows", "withheld"]].tolist() == [3, 0]


def test_rows_are_numbered_by_key(package):
    """BSM is district, layer and the place of the key in order; leading zeros stay."""
    _, files = package
    table = read(files, "GXXM.shp")
    assert table["XMBH"].tolist() == ["XM-002", "XM-010"]
    assert table["BSM"].tolist() == ["110109031000000001", "110109031000000002"]
    assert read(files, "GDZD.shp")["ZDBH"].tolist() == ["0071"]


def test_values_come_in_delivery_form(package):
    """Codes are the receiver's, booleans one character, blanks blank, areas on the ellipsoid beside the plane."""
    _, files = package
    second = read(files, "GXXM.shp").iloc[1]
    assert second[["XMLX", "XMZT", "SFXM", "XZQDM", "XZQMC"]].tolist() == ["01", "01", "1", "110109", "门头沟区"]
    assert (second["HS"], second["PFMJ"], second["PMMJ"]) == (120, 12345.68, 20000.0)
    # 144 ppm larger in the plane at 116.1E (domain.md §6.1)
    assert second["MJ"] == pytest.approx(20000 / (1 + 144e-6), abs=0.1)
    assert second[["GXDYBH", "BMBZ", "RKRQ"]].isna().all()


def test_a_hole_is_a_hole(package):
    """The hole's direction changes neither geometry nor area."""
    _, files = package
    first = read(files, "GXXM.shp").iloc[0]
    assert first["PMMJ"] == 9950.0
    assert first["geometry"].equals(handmade.ring())


@pytest.mark.parametrize(("name", "kind"), [("GXDY.shp", "Polygon"), ("DL.shp", "LineString"), ("GDZD.shp", "Point")])
def test_geometry_type_is_kept(package, name, kind):
    """Also where a layer has no rows."""
    assert pyogrio.read_info(package[1] / name)["geometry_type"] == kind


def test_integers_with_blanks_stay_integers(package):
    """The field has no decimals and the blank is blank for pyshp, which sees the bytes."""
    _, files = package
    (table,) = [item for item in shapefiles.readers(files / "GXXM", spatial=True) if item.reader == "pyshp"]
    assert table.values["HS"] == [None, 120]
    assert ("HS", "N", 10, 0) in shapefiles.header(files / "GXXM.dbf").fields


def test_dictionary_explains_every_field(package):
    """Each field of each table, with its Chinese, width and codes."""
    _, files = package
    rows = list(csv.DictReader(io.StringIO((files / "dictionary.csv").read_text("utf-8-sig"))))
    for name in ("GXXM", "GDZD", "GMTJ"):
        fields = [field[0] for field in shapefiles.header(files / f"{name}.dbf").fields]
        assert [row["字段名"] for row in rows if row["图层"] == name] == fields
    (kind,) = [row for row in rows if (row["图层"], row["字段名"]) == ("GXXM", "XMLX")]
    assert kind["中文名称"] == "项目类型" and kind["代码表"].startswith("01=老旧小区")


def test_dictionary_is_also_a_workbook(package):
    """The same rows, as text."""
    _, files = package
    sheet = pd.read_excel(files / "dictionary.xlsx", engine="calamine", dtype=str, keep_default_na=False)
    table = pd.read_csv(files / "dictionary.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(sheet, table)


def test_manifest_names_everything(package):
    """Digests of all members but itself, rows, CRS, areas, author, catalogue and the notice of sample data."""
    _, files = package
    manifest = json.loads((files / "manifest.json").read_text("utf-8"))
    told = {name: item["sha256"] for name, item in manifest["members"].items()}
    assert told == {p.name: archives.digest(p) for p in files.iterdir() if p.name != "manifest.json"}
    assert manifest["crs"]["code"] == "EPSG:4548" and manifest["areas"] == {"MJ": "ellipsoidal", "PMMJ": "planar"}
    told = [manifest[name] for name in ("author", "date", "notice")]
    assert told == ["规划分局", "2026-11-23", "示例数据,非真实情况"]
    assert manifest["catalogue"] == handmade.book().digest


def test_sample_data_says_so_in_every_row(package):
    """The remark of each row and the readme carry the notice."""
    _, files = package
    assert set(read(files, "GXXM.shp")["BZ"]) == {"示例数据,非真实情况"}
    assert "示例数据,非真实情况" in (files / "readme.txt").read_text("utf-8-sig")


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="scripts/test installs gdal-bin")
def test_another_gdal_shows_chinese(package):
    """The system's ogrinfo, with and without the .cpg."""
    _, files = package
    for target in ("GXXM.shp", "GMTJ.dbf"):
        shown = subprocess.run(["ogrinfo", "-al", files / target], capture_output=True, encoding="utf-8", check=True)
        assert "门头沟区" in shown.stdout
    bare = files.parent / "bare"
    shutil.copytree(files, bare, ignore=shutil.ignore_patterns("*.cpg"))
    shown = subprocess.run(["ogrinfo", "-al", bare / "GXXM.shp"], capture_output=True, encoding="utf-8", check=True)
    assert "乙厂房更新" in shown.stdout


def test_geographic_delivery(tmp_path):
    """In EPSG:4490 the ellipsoidal area is the same and the planar one is still measured in metres."""
    receiver = dataclasses.replace(receivers.read("city", handmade.book()), crs="EPSG:4490")
    report = deliver(tmp_path / "a.zip", profile=receiver)
    table = read(unpacked(report.path, tmp_path / "files"), "GXXM.shp")
    assert table.crs.to_epsg() == 4490
    assert table["PMMJ"].tolist() == pytest.approx([9950, 20000], abs=0.01)


def test_a_bureaus_own_grid_keeps_its_parameters(tmp_path):
    """The package names a local grid without the numbers that define it."""
    wkt = handmade.projects().crs.to_wkt().replace('False easting",500000', 'False easting",314159')
    wkt = wkt.replace("CGCS2000 / 3-degree Gauss-Kruger CM 117E", "某市地方坐标系").replace(',ID["EPSG",4548]', "")
    receiver = dataclasses.replace(receivers.read("city", handmade.book()), crs=wkt)
    report = deliver(tmp_path / "a.zip", profile=receiver)
    files = unpacked(report.path, tmp_path / "files")
    assert "某市地方坐标系" in (files / "GXXM.prj").read_text("utf-8")
    assert not [path.name for path in files.iterdir() if b"314159" in path.read_bytes()]


def test_district_and_clearance_come_from_the_receiver(tmp_path):
    """Another district's code leads the identifiers; the record of the secrecy review is in the manifest."""
    settings = Settings(district_code="990101", district_name="示例区")
    receiver = receivers.read("city", handmade.book(), settings=settings, clearance={"审查表编号": "2026-7"})
    files = unpacked(deliver(tmp_path / "a.zip", profile=receiver).path, tmp_path / "files")
    assert read(files, "GDZD.shp")["BSM"].tolist() == ["990101040000000001"]
    assert json.loads((files / "manifest.json").read_text("utf-8"))["clearance"] == {"审查表编号": "2026-7"}


def test_same_rows_give_the_same_bytes(tmp_path):
    """Whatever order the rows came in."""
    turned = handmade.layers(projects=handmade.projects().iloc[::-1].reset_index(drop=True))
    assert deliver(tmp_path / "a.zip").sha256 == deliver(tmp_path / "b.zip", turned).sha256


def test_inputs_are_not_modified(tmp_path):
    """The frames handed in stay as they were."""
    frames = handmade.layers()
    deliver(tmp_path / "a.zip", frames)
    for name, frame in handmade.layers().items():
        pd.testing.assert_frame_equal(pd.DataFrame(frames[name]), pd.DataFrame(frame))


def test_what_is_no_field_does_not_leave_and_is_named(tmp_path):
    """The free columns of intake and the version of the store stay here."""
    frames = {"stations": handmade.stations().assign(extra="{}", _version=3), "comments": handmade.frame("comments")}
    report = deliver(tmp_path / "a.zip", frames)
    manifest = json.loads(archives.read(report.path, "manifest.json"))
    assert manifest["layers"][0]["columns_left_out"] == ["_version", "extra"]
    # that there are comments is told to the house, not to the receiver
    assert report.left_out == ("comments",) and "comments" not in json.dumps(manifest)


def test_no_row_names_one_that_is_withheld(tmp_path):
    """A hut on a secret lot goes without the key of the lot; a door goes with the station that it belongs to."""
    lot = {"parcel_id": "DK-SECRET", "land_use": "15", "confidential": True}
    lots = handmade.frame("parcels", [lot], [handmade.square()])
    huts = handmade.frame("buildings", [{"building_id": "JZ-1", "parcel_id": "DK-SECRET"}], [handmade.square(5, 5, 9)])
    report = deliver(tmp_path / "a.zip", {"parcels": lots, "buildings": huts})
    assert report.layers.set_index("layer")[["rows", "withheld"]].to_numpy().tolist() == [[0, 1], [1, 0]]
    found = report.findings[report.findings["code"] == "delivery.reference_withheld"]
    assert found[["layer", "field", "severity"]].to_numpy().tolist() == [["buildings", "parcel_id", "info"]]
    assert json.loads(found["parameters"].iloc[0]) == {"rows": 1, "target": "parcels"}
    content = b"".join(archives.read(report.path, member.name) for member in archives.members(report.path))
    assert b"DK-SECRET" not in content and b"JZ-1" in content


def test_a_row_stays_with_what_it_stands_on(tmp_path):
    """Where a reference is required, the row stays with the one that it names, and is counted."""
    book = handmade.book()
    receiver = receivers.read("city", book)
    stops = handmade.stations()
    receiver = dataclasses.replace(receiver, withhold={**receiver.withhold, "state": list(stops["state"].unique())})
    doors = handmade.frame("entrances", [{"entrance_id": "E1", "station_id": "0071"}], [Point(0, 0)])
    left = withheld.leaving({"stations": stops, "entrances": doors}, receiver, book)
    assert (left.withheld, len(left.frames["entrances"])) == ({"stations": len(stops), "entrances": 1}, 0)


def test_rows_that_wait_are_told_of_the_receivers_layers_alone(tmp_path):
    """How many comments wait is nothing to a receiver who gets no comments."""
    rows = [("Q1", "comments"), ("Q2", "projects")]
    held = pd.DataFrame(rows, columns=["quarantine_id", "layer"]).assign(reasons="[]", content="{}")
    report = deliver(tmp_path / "a.zip", handmade.layers() | {"quarantine": held})
    manifest = json.loads(archives.read(report.path, "manifest.json"))
    assert [one["layer"] for one in manifest["waiting"]] == ["projects"]
    assert "公众意见" not in archives.read(report.path, "readme.txt").decode("utf-8-sig")


# --- what is refused


REFUSED = {
    "letter outside GBK": ({"name": "𠮷祥里"}, "delivery.character", {"characters": "𠮷", "code_points": ["U+20BB7"]}),
    "another one": ({"name": "㐂"}, "delivery.character", {"characters": "㐂", "code_points": ["U+3402"]}),
    "square metre sign": ({"name": "5m²"}, "delivery.character", {"characters": "²", "code_points": ["U+00B2"]}),
    "NUL": ({"name": "a\0b"}, "delivery.character", {"characters": "␀", "code_points": ["U+0000"]}),
    "too long": ({"name": "街" * 51}, "delivery.width", {"bytes": 102, "width": 100}),
    "too long for any DBF": ({"extent_text": "街" * 128}, "delivery.width", {"bytes": 256, "width": 254}),
    "integer too long": ({"households": 12_345_678_901}, "delivery.number", {"width": 10}),
    "real too long": ({"approved_area_m2": 1e16}, "delivery.number", {"width": 18}),
    "infinite": ({"approved_area_m2": float("inf")}, "delivery.number", {"value": "inf"}),
    "unknown code": ({"project_type": "villa"}, "delivery.code", {"value": "villa"}),
    "key twice": ({"project_id": "XM-002"}, "delivery.key", {}),
}


@pytest.mark.parametrize(("changes", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_its_row(tmp_path, changes, code, told):
    """A finding names row, key and field; nothing is written."""
    with pytest.raises(RowsRefused) as caught:
        deliver(tmp_path / "a.zip", handmade.layers(projects=handmade.projects(**changes)))
    found = caught.value.findings.iloc[0]
    assert (found["code"], found["feature"]) == (code, changes.get("project_id", "XM-010"))
    assert json.loads(found["parameters"]).items() >= told.items()
    assert not list(tmp_path.iterdir())


def test_all_faults_come_at_once(tmp_path):
    """Over all layers, in one table that the house can word in both languages."""
    stations = handmade.stations().assign(name="㐂" * 3)
    projects = handmade.projects(name="𠮷" * 3, project_type="villa", extent_text="长" * 200)
    with pytest.raises(RowsRefused, match="4 values") as caught:
        deliver(tmp_path / "a.zip", {"projects": projects, "stations": stations})
    for lang in ("zh", "en"):
        texts = handmade.book().words("findings", lang)
        assert all("—" not in findings.sentence(row, texts) for row in caught.value.findings.to_dict("records"))


def shaped(shape):
    frame = handmade.projects()
    frame.loc[0, "geometry"] = shape
    return frame


SHAPES = {
    "missing": (None, "missing"),
    "empty": (MultiPolygon(), "empty"),
    "point": (Point(0, 0), "type"),
    "line": (LineString([(0, 0), (1, 1)]), "type"),
    "bow-tie": (Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "invalid"),
    "infinite": (Polygon([(0, 0), (1, float("inf")), (1, 0)]), "not finite"),
}


@pytest.mark.parametrize(("shape", "reason"), SHAPES.values(), ids=SHAPES)
def test_geometry_that_cannot_be_delivered_is_refused(tmp_path, shape, reason):
    """With the reason."""
    with pytest.raises(RowsRefused) as caught:
        deliver(tmp_path / "a.zip", {"projects": shaped(shape)})
    assert caught.value.findings["code"].tolist() == ["delivery.geometry"]
    assert json.loads(caught.value.findings["parameters"][0])["reason"] == reason


def test_cutting_is_allowed_only_on_request(tmp_path):
    """Between characters, with a warning that shows what is left."""
    projects = handmade.projects(name="a" + "街" * 60)
    report = deliver(tmp_path / "a.zip", {"projects": projects}, cut=True)
    kept = read(unpacked(report.path, tmp_path / "files"), "GXXM.shp")["XMMC"].tolist()
    assert kept == ["乙厂房更新", "a" + "街" * 49]
    told = report.findings[["code", "severity", "feature"]].to_numpy().tolist()
    assert told == [["delivery.cut", "warning", "XM-010"]]


def test_spaces_around_texts_are_reported(tmp_path):
    """A DBF pads with spaces, so those of the value cannot come back."""
    report = deliver(tmp_path / "a.zip", {"projects": handmade.projects(name=" 甲 ")})
    assert report.findings["code"].tolist() == ["delivery.spaces"]


ERRORS = {
    "no CRS": ({"stations": handmade.stations().set_crs(None, allow_override=True)}, {}, CrsError),
    "degrees": ({"stations": handmade.stations().to_crs(4490)}, {}, CrsError),
    "missing column": ({"stations": handmade.stations().drop(columns="name")}, {}, FrameError),
    "no geometry": ({"stations": pd.DataFrame(handmade.stations().drop(columns="geometry"))}, {}, FrameError),
    "unknown layer": ({"villas": pd.DataFrame()}, {}, UnknownNameError),
    "nothing for this receiver": ({"comments": handmade.frame("comments")}, {}, EmptyError),
    "unknown profile": ({}, {"profile": "moon"}, UnknownNameError),
    "no date": ({}, {"date": "23.11.2026"}, UsageError),
}


@pytest.mark.parametrize(("frames", "options", "error"), ERRORS.values(), ids=ERRORS)
def test_wrong_calls_are_named_and_leave_nothing(tmp_path, frames, options, error):
    """Each cause has its own error."""
    with pytest.raises(error):
        deliver(tmp_path / "a.zip", frames or handmade.layers(), **options)
    assert not list(tmp_path.iterdir())


PROFILES = {
    "unknown key": ({"colour": "red"}, "colour"),
    "wrong type": ({"crs": 4548}, "crs"),
    "equal signs": ({"booleans": ["1", "1"]}, "booleans"),
    "unknown kind of area": ({"areas": {"MJ": "round"}}, r"areas\.MJ"),
    "number twice": (
        {"layers": [{"name": "units", "number": "0001"}, {"name": "blocks", "number": "0001"}]},
        r"layers\[1\]\.number",
    ),
    "layer without number": ({"layers": [{"name": "units"}]}, r"layers\[0\]"),
}


@pytest.mark.parametrize(("changes", "key"), PROFILES.values(), ids=PROFILES)
def test_a_broken_profile_names_file_and_key(changes, key):
    """And what is allowed."""
    with pytest.raises(CatalogueError, match=rf"profiles/city\.toml: key '{key}"):
        receivers.read(dict(handmade.book().profiles["city"]) | changes, handmade.book())


def test_feature_codes_are_delivered_only_where_given(tmp_path):
    """YSDM comes from the receiver's profile, never from us."""
    profile = dict(handmade.book().profiles["city"])
    profile["layers"] = [{"name": "stations", "number": "0400", "ysdm": "2090020620"}]
    files = unpacked(deliver(tmp_path / "a.zip", profile=profile).path, tmp_path / "files")
    assert read(files, "GDZD.shp")["YSDM"].tolist() == ["2090020620"]


@pytest.mark.parametrize("reader", ["_with_pyogrio", "_with_fiona", "_with_pyshp"])
def test_a_reader_that_sees_something_else_stops_the_delivery(tmp_path, monkeypatch, reader):
    """The old package stays; the error names reader, row and field."""
    truthful = getattr(shapefiles, reader)

    def lying(path, spatial):
        table = truthful(path, spatial)
        return dataclasses.replace(table, values={k: ["别的" for _ in v] for k, v in table.values.items()})

    monkeypatch.setattr(shapefiles, reader, lying)
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises(DeliveryError, match=rf"{reader[6:]}: row 1, BSM"):
        deliver(tmp_path / "a.zip", {"stations": handmade.stations()})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.zip", b"old")]


def test_moved_geometry_stops_the_delivery(tmp_path, monkeypatch):
    """A millimetre is enough."""
    truthful = shapefiles._with_pyshp

    def lying(path, spatial):
        table = truthful(path, spatial)
        moved = gpd.GeoSeries(table.shapes).translate(0.001).to_numpy()
        return dataclasses.replace(table, shapes=moved)

    monkeypatch.setattr(shapefiles, "_with_pyshp", lying)
    with pytest.raises(DeliveryError, match="another geometry"):
        deliver(tmp_path / "a.zip", {"stations": handmade.stations()})


# --- laws


GBK_TEXT = st.text(st.characters(codec="gbk", exclude_categories=["Cc", "Cs", "Zs"]), max_size=40)


# each example writes a whole package
@settings(max_examples=12)
@given(st.lists(GBK_TEXT, min_size=1, max_size=9))
def test_every_text_of_gbk_comes_back(tmp_path_factory, texts):
    """Three readers return what was written, for whatever GBK can hold."""
    rows = [{"station_id": f"{n:04}", "name": "x", "lines": text[:30]} for n, text in enumerate(texts)]
    stations = handmade.frame("stations", rows, [Point(1, 1)] * len(rows)).assign(state="operating")
    report = deliver(tmp_path_factory.mktemp("law") / "a.zip", {"stations": stations})
    assert report.layers["rows"].tolist() == [len(texts)]


@given(st.text(max_size=60), st.integers(1, 40))
def test_cutting_never_splits_a_character(text, width):
    """What is left is a beginning of the text and fits."""
    encodable = "".join(letter for letter in text if not shapefiles.unencodable(letter))
    kept = shapefiles.cut(encodable, width)
    assert encodable.startswith(kept) and len(kept.encode("gbk")) <= width


def test_code_lists_are_spelt_apart():
    """No two codes of a list have the same delivery code, or a receiver could not tell them apart."""
    for codes in handmade.book().codes.values():
        spelt = [code.delivery for code in codes]
        assert len(set(spelt)) == len(spelt), codes.name
