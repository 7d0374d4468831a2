"""A receiver's check finds each fault that a package can have, by its own code."""

from __future__ import annotations

import json
import shutil
import zipfile

import fiona
import pytest
import shapefile
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from gis import archives, findings
from gis.publish import delivery, verification
from tests.unit.publish import handmade


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a sound package."""
    folder = tmp_path_factory.mktemp("sound")
    frames = handmade.layers()
    options = {"catalogue": handmade.book(), "profile": "city", "author": "规划分局", "date": "2026-11-23"}
    report = delivery.write(frames, folder / "out.zip", **options)
    archives.extract(report.path, folder / "files")
    return folder / "files"


@pytest.fixture
def files(sound, tmp_path):
    """A copy to be spoilt."""
    return shutil.copytree(sound, tmp_path / "files")


def verified(files, signed=True):
    """Pack spoilt files again, with digests of the spoilt content unless the fault is about digests, and verify."""
    path = files / "manifest.json"
    if signed and path.exists() and path.read_bytes()[:1] == b"{":
        manifest = json.loads(path.read_text("utf-8"))
        for name in manifest["members"]:
            if (files / name).exists():
                manifest["members"][name]["sha256"] = archives.digest(files / name)
        path.write_text(json.dumps(manifest), encoding="utf-8")
    return delivery.verify(archives.pack(files, files.parent / "spoilt.zip"))


def patched(path, offset, new):
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(new)] = new
    path.write_bytes(raw)


def cell(path, field, row=0):
    """The offset of a cell in a DBF and its width."""
    raw = path.read_bytes()
    start, length = int.from_bytes(raw[8:10], "little"), int.from_bytes(raw[10:12], "little")
    offset = 1
    for number in range((start - 33) // 32):
        head = raw[32 + number * 32 :][:32]
        if head[:11].split(b"\0")[0] == field.encode():
            return start + row * length + offset, head[16]
        offset += head[16]
    raise KeyError(field)


def set_cell(files, name, field, content, row=0):
    offset, width = cell(files / name, field, row)
    patched(files / name, offset, content.ljust(width))


def rename_field(files):
    patched(files / "GXXM.dbf", (files / "GXXM.dbf").read_bytes().index(b"XMMC\0"), b"XMNAME")


def chinese_field(files):
    patched(files / "GXXM.dbf", (files / "GXXM.dbf").read_bytes().index(b"XMMC\0"), "项目名称".encode("gbk"))


def rewrite_shapes(files, shapes, kind=shapefile.POLYGON):
    """Replace the geometries of the projects, keeping the table."""
    with shapefile.Writer(shp=files / "GXXM.shp", shx=files / "GXXM.shx", shapeType=kind) as writer:
        for item in shapes:
            writer.shape(item)


def bow_tie(files):
    x, y = handmade.EAST, handmade.NORTH
    tie = [[[x, y], [x + 10, y + 10], [x + 10, y], [x, y + 10], [x, y]]]
    rewrite_shapes(files, [{"type": "Polygon", "coordinates": tie}, handmade.square().__geo_interface__])


def to_lines(files):
    line = {"type": "LineString", "coordinates": [[handmade.EAST, handmade.NORTH], [handmade.EAST + 9, handmade.NORTH]]}
    rewrite_shapes(files, [line, line], shapefile.POLYLINE)


def moved_corner(files):
    rewrite_shapes(files, [handmade.ring().__geo_interface__, handmade.square(0, 0, 90).__geo_interface__])


def other_crs(files):
    with fiona.open(files / "x.shp", "w", "ESRI Shapefile", {"geometry": "Point", "properties": {}}, "EPSG:4527"):
        pass
    shutil.copy(files / "x.prj", files / "GXXM.prj")
    for path in files.glob("x.*"):
        path.unlink()


def fewer_rows(files):
    path = files / "GDZD.dbf"
    patched(path, 4, (0).to_bytes(4, "little"))


def dropped_from_dictionary(files):
    path = files / "dictionary.csv"
    lines = path.read_text("utf-8-sig").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if ",XMMC," not in line), encoding="utf-8-sig")


def narrower_dictionary(files):
    path = files / "dictionary.csv"
    text = path.read_text("utf-8-sig")
    path.write_text(text.replace("Project name,文本,100", "Project name,文本,90"), encoding="utf-8-sig")


# what is done to the package, the code that must be found, and the layer or member it must name
SEEDED = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "package.manifest_missing", "manifest.json"),
    "broken manifest": (
        lambda f: (f / "manifest.json").write_bytes(b"["),
        "package.manifest_broken",
        "manifest.json",
    ),
    "manifest of another make": (
        lambda f: (f / "manifest.json").write_bytes(b"[1]"),
        "package.manifest_broken",
        "manifest.json",
    ),
    "no dictionary": (lambda f: (f / "dictionary.csv").unlink(), "package.dictionary_missing", "dictionary.csv"),
    "broken dictionary": (
        lambda f: (f / "dictionary.csv").write_bytes(b"\xff\xfe"),
        "package.dictionary_broken",
        "dictionary.csv",
    ),
    "no .shx": (lambda f: (f / "GXXM.shx").unlink(), "package.member_missing", "GXXM"),
    "no .dbf": (lambda f: (f / "GXXM.dbf").unlink(), "package.member_missing", "GXXM"),
    "no .prj": (lambda f: (f / "GXXM.prj").unlink(), "package.member_missing", "GXXM"),
    "no .cpg": (lambda f: (f / "GXXM.cpg").unlink(), "package.member_missing", "GXXM"),
    "extra member": (lambda f: (f / "notes.txt").write_bytes(b"hi"), "package.member_extra", "notes.txt"),
    "language byte": (lambda f: patched(f / "GXXM.dbf", 29, b"\0"), "package.language_byte", "GXXM"),
    "code page": (lambda f: (f / "GXXM.cpg").write_bytes(b"UTF-8"), "package.code_page", "GXXM"),
    "unknown field": (rename_field, "package.field_unknown", "GXXM"),
    "missing field": (rename_field, "package.field_missing", "GXXM"),
    "Chinese field name": (chinese_field, "package.field_name", "GXXM"),
    "field not explained": (dropped_from_dictionary, "package.field_unknown", "GXXM"),
    "other width": (narrower_dictionary, "package.field_type", "GXXM"),
    "rows of the table": (fewer_rows, "package.rows", "GDZD"),
    "geometry type": (to_lines, "package.geometry_type", "GXXM"),
    "coordinate system": (other_crs, "package.crs", "GXXM"),
    "invalid geometry": (bow_tie, "package.geometry_invalid", "GXXM"),
    "area": (moved_corner, "package.area", "GXXM"),
    "repeated identifier": (
        lambda f: set_cell(f, "GXXM.dbf", "BSM", b"110109031000000002"),
        "package.duplicate",
        "GXXM",
    ),
    "repeated key": (lambda f: set_cell(f, "GXXM.dbf", "XMBH", b"XM-010"), "package.duplicate", "GXXM"),
    "blank key": (lambda f: set_cell(f, "GXXM.dbf", "XMBH", b""), "package.duplicate", "GXXM"),
    "unknown code": (lambda f: set_cell(f, "GXXM.dbf", "XMLX", b"99"), "package.code", "GXXM"),
    "UTF-8 in a GBK table": (
        lambda f: set_cell(f, "GXXM.dbf", "XMMC", "大峪街".encode() + "\u2116".encode("utf-8")[:2]),
        "package.text",
        "GXXM",
    ),
    "garbled long ago": (
        lambda f: set_cell(f, "GXXM.dbf", "XMMC", "锟斤拷锟斤拷".encode("gbk")),
        "package.text",
        "GXXM",
    ),
    "cut shapes": (lambda f: (f / "GXXM.shp").write_bytes(b"\0" * 10), "package.damaged", "GXXM"),
    "cut table": (lambda f: (f / "GMTJ.dbf").write_bytes(b"\x03"), "package.damaged", "GMTJ"),
}


@pytest.mark.parametrize(("spoil", "code", "place"), SEEDED.values(), ids=SEEDED)
def test_each_seeded_fault_is_found(files, spoil, code, place):
    """With its own code, the place, and a sentence in both languages."""
    spoil(files)
    found = verified(files)
    assert (code, place) in set(zip(found["code"], found["layer"], strict=True)), found.to_string()
    for lang in ("zh", "en"):
        texts = handmade.book().words("findings", lang)
        assert set(found["code"]) <= set(texts)
        assert all(findings.sentence(row, texts) for row in found.to_dict("records"))


def test_a_changed_byte_is_found_by_its_digest(files):
    """Even where nothing else could tell."""
    set_cell(files, "GXXM.dbf", "XMMC", "乙厂房更旧".encode("gbk"))
    assert verified(files, signed=False)[["code", "layer"]].to_numpy().tolist() == [["package.hash", "GXXM.dbf"]]


@pytest.mark.parametrize("names", ["*.shp", "*.dbf", "GXXM.*", "*"])
def test_capitals_of_a_zip_tool_change_nothing(files, names):
    """They are said; the members are checked under the names that the manifest has."""
    for path in sorted(files.glob(names)):
        path.rename(path.with_name(path.name.upper()))
    found = verified(files, signed=False)
    assert set(found["code"]) == {"package.member_case"}
    assert set(found["severity"]) == {"info"}


def test_a_member_that_leaves_the_folder_is_found(files, tmp_path):
    """It is reported and never unpacked; the rest is still checked."""
    packed = archives.pack(files, tmp_path / "a.zip")
    raw = packed.read_bytes().replace(b"readme.txt", b"../../evil")
    packed.write_bytes(raw)
    found = delivery.verify(packed)
    assert found["code"].tolist() == ["package.path", "package.member_missing"]
    assert not list(tmp_path.rglob("evil"))


def test_a_sound_package_has_no_finding(files):
    """Nothing is found where nothing is wrong."""
    assert verified(files).empty


def test_the_same_table_shape_whatever_is_found(files):
    """Columns and types of the findings table."""
    assert list(verified(files).columns) == list(findings.COLUMNS)


@pytest.mark.parametrize("content", [b"", b"no zip"], ids=["empty", "text"])
def test_what_is_no_package_is_a_finding(tmp_path, content):
    """Bad data is never an exception here."""
    (tmp_path / "a.zip").write_bytes(content)
    assert verification.verify(tmp_path / "a.zip")["code"].tolist() == ["package.damaged"]


def test_a_package_of_another_house_is_checked_as_far_as_it_goes(tmp_path):
    """No manifest, no dictionary, no .cpg, language byte 0: said once each; valid shapes are not complained about."""
    (tmp_path / "in").mkdir()
    with shapefile.Writer(str(tmp_path / "in" / "a"), encoding="gbk") as writer:
        writer.field("BSM", "C", 18)
        writer.record("1")
        writer.shape(box(0, 0, 1, 1).__geo_interface__)
    codes = delivery.verify(archives.pack(tmp_path / "in", tmp_path / "a.zip"))["code"]
    missing = ["package.manifest_missing", "package.dictionary_missing", *["package.member_missing"] * 2]
    assert codes.tolist() == [*missing, "package.language_byte"]


def test_junk_is_only_mentioned(files):
    """A receiver's file manager may have looked into the folder."""
    (files / "Thumbs.db").write_bytes(b"x")
    assert verified(files)[["code", "severity"]].to_numpy().tolist() == [["package.member_junk", "info"]]


HOSTILE = [
    {},
    {"layers": {}, "members": [], "areas": {}, "crs": {}},
    {"layers": [1], "members": {}, "areas": {}, "crs": {}},
    {"layers": [], "members": {"a": 1}, "areas": {}, "crs": {}},
    {"layers": [], "members": {}, "areas": {"MJ": "round"}, "crs": {}},
    {"layers": [], "members": {}, "areas": {}, "crs": "x"},
]


@pytest.mark.parametrize("content", HOSTILE)
def test_a_manifest_of_another_shape_is_broken(files, content):
    """Whatever it holds, it is a finding."""
    (files / "manifest.json").write_text(json.dumps({"format": verification.FORMAT} | content), encoding="utf-8")
    assert "package.manifest_broken" in set(verified(files, signed=False)["code"])


# each example unpacks and reads a whole package
@settings(max_examples=15)
@given(
    name=st.sampled_from(["GXXM.shp", "GXXM.shx", "GXXM.dbf", "GXXM.prj", "GMTJ.dbf", "dictionary.csv"]),
    place=st.floats(0, 1, exclude_max=True),
    new=st.binary(min_size=1, max_size=8),
)
def test_any_damage_is_found_and_none_raises(sound, tmp_path_factory, name, place, new):
    """Bytes changed anywhere end as findings, the digest at least."""
    files = shutil.copytree(sound, tmp_path_factory.mktemp("damaged") / "files")
    before = (files / name).read_bytes()
    patched(files / name, int(place * len(before)), new)
    found = verified(files, signed=False)
    assert ((files / name).read_bytes() == before) == found.empty


def repacked(files, out, rename=lambda name: name, extra=()):
    """Pack the files again as another program would name them."""
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(files.iterdir()):
            entry = zipfile.ZipInfo("x")
            # what a program writes that knows nothing of encodings
            entry.filename = rename(path.name).encode("gbk").decode("cp437")
            archive.writestr(entry, path.read_bytes())
        for name in extra:
            archive.writestr(name, b"x")
    return out


REPACKED = {
    "in a folder": (lambda name: f"成果/{name}", (), set()),
    "in a folder, with backslashes": (lambda name: f"成果\\{name}", (), set()),
    "in a folder in a folder": (lambda name: f"a/b/{name}", (), set()),
    "with indexes": (lambda name: name, ("GXXM.qix", "GXXM.shp.xml", "GXXM.sbn"), {"package.member_side"}),
    "with junk": (lambda name: name, ("Thumbs.db", "desktop.ini", "__MACOSX/._GXXM.shp"), {"package.member_junk"}),
    "beside something": (lambda name: f"成果/{name}", ("notes.txt",), {"package.member_extra"}),
    "style of nothing": (lambda name: name, ("other.qml",), {"package.member_extra"}),
}


@pytest.mark.parametrize(("rename", "extra", "codes"), REPACKED.values(), ids=REPACKED)
def test_a_package_that_was_packed_again_is_the_same_package(files, tmp_path, rename, extra, codes):
    """A folder around it, backslashes, indexes and junk spoil nothing; a foreign file is named."""
    found = delivery.verify(repacked(files, tmp_path / "again.zip", rename, extra))
    assert set(found["code"]) == codes
    assert set(found.loc[found["severity"] == "error", "code"]) <= {"package.member_extra"}


def test_a_changed_byte_is_found_in_a_folder_too(files, tmp_path):
    """The manifest is read wherever it lies."""
    patched(files / "GXXM.dbf", (files / "GXXM.dbf").read_bytes().index(b"XM-0"), b"YM")
    found = delivery.verify(repacked(files, tmp_path / "again.zip", lambda name: f"成果\\{name}"))
    assert "package.hash" in set(found["code"])
