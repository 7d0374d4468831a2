"""The fields of placemarks come by their own names, whatever folders are called."""

from __future__ import annotations

import json
import zipfile

import pytest

from gis.errors import CrsError, GisError
from gis.intake.read import read
from gis.settings import Settings

BOUNDS = Settings().bounds


def placemark(name, east, /, **fields):
    data = "".join(f'<Data name="{key}"><value>{value}</value></Data>' for key, value in fields.items())
    point = f"<Point><coordinates>{east},39.9,0</coordinates></Point>"
    return f"<Placemark><name>{name}</name><ExtendedData>{data}</ExtendedData>{point}</Placemark>"


def folder(name, *content):
    return f"<Folder><name>{name}</name>{''.join(content)}</Folder>"


def written(tmp_path, *content, document="图", suffix=".kml"):
    head = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
    text = f"{head}<Document><name>{document}</name>{''.join(content)}</Document></kml>"
    path = tmp_path / f"a{suffix}"
    if suffix.endswith("kmz"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", text)
            archive.writestr("files/icon.png", b"x")
    else:
        path.write_text(text, encoding="utf-8")
    return path


ONE = placemark("一", 116.1, 统筹主体="区住建委", 批复面积="37969")
TWO = placemark("二", 116.2, 统筹主体="区城管委", 批复面积="100")


@pytest.mark.parametrize("document", ["更新单元", "图"])
@pytest.mark.parametrize(
    "before", ["", placemark("零", 116.0, 别的="x")], ids=["", "a placemark of the document's own"]
)
def test_a_folder_called_like_its_document(tmp_path, document, before):
    """Two fields of four letters each stay two, and keep their values."""
    path = written(
        tmp_path, before, folder("更新单元", ONE, TWO), folder("站点", placemark("x", 116.3)), document=document
    )
    # GDAL numbers the second of a name
    layer = "更新单元 (#2)" if before and document == "更新单元" else "更新单元"
    frame = read(path, layer=layer).frame
    assert list(frame["统筹主体"]) == ["区住建委", "区城管委"]
    assert list(frame["批复面积"]) == ["37969", "100"]


def test_folders_within_folders_and_of_one_name(tmp_path):
    """Each is a layer of its own, and that others are called the same is said."""
    path = written(tmp_path, folder("A", ONE, folder("A", TWO)), folder("B"))
    source = read(path, layer="A")
    assert list(source.frame["统筹主体"]) == ["区住建委"]
    assert "source.same_name" in set(source.notes["code"])
    assert list(read(path, layer="A (#2)").frame["统筹主体"]) == ["区城管委"]


def test_a_field_that_is_there_twice_keeps_both_values(tmp_path):
    """No value is lost for being the second of its name."""
    data = '<Data name="主体"><value>甲</value></Data><Data name="主体"><value>乙</value></Data>'
    point = "<Point><coordinates>116.1,39.9</coordinates></Point>"
    path = written(tmp_path, f"<Placemark><ExtendedData>{data}</ExtendedData>{point}</Placemark>")
    source = read(path)
    assert list(source.frame["主体"]) == ["甲;乙"]
    assert "source.fields_repeated" in set(source.notes["code"])


@pytest.mark.parametrize("name", ["Name", "name", "NAME"])
def test_a_field_called_like_what_every_placemark_has(tmp_path, conformed, name):
    """Both stay: the field under its name, which names the row, and the placemark's own beside it."""
    source = read(written(tmp_path, placemark("一", 116.1, **{name: "别名", "facility_id": "1"})))
    assert (list(source.frame[name]), list(source.frame["Placemark.Name"])) == (["别名"], ["一"])
    assert conformed(source, "facilities").frame["name"].tolist() == ["别名"]


def test_links_to_other_files_are_said(tmp_path):
    """What lies elsewhere is not there, and nobody should believe it is."""
    link = "<NetworkLink><Link><href>more.kml</href></Link></NetworkLink>"
    notes = read(written(tmp_path, ONE, link)).notes
    assert json.loads(notes.loc[notes["code"] == "source.links_not_followed", "parameters"].iloc[0]) == {"count": 1}


def test_a_kmz_is_read(tmp_path):
    """It is a zip with a KML in it; pictures beside it are none of ours."""
    assert list(read(written(tmp_path, ONE, suffix=".kmz")).frame["统筹主体"]) == ["区住建委"]


@pytest.mark.parametrize("suffix", [".ovkml", ".ovkmz"])
def test_files_of_ovital_are_gcj02(tmp_path, suffix):
    """Since 9.3.0 its own formats are shifted: refused with that reason, undone when confirmed."""
    path = written(tmp_path, ONE, suffix=suffix)
    with pytest.raises(CrsError, match=r"Ovital.*GCJ-02.*--datum") as caught:
        read(path, bounds=BOUNDS)
    assert caught.value.details["ranking"][0].value == "EPSG:4326, GCJ-02"
    moved = read(path, datum="GCJ-02").frame
    assert 0.002 < 116.1 - moved.geometry.x.iloc[0] < 0.02
    assert read(path, datum="WGS84").frame.geometry.x.iloc[0] == 116.1


def test_a_kmz_that_is_none_is_refused(tmp_path):
    """With a sentence, not a trace."""
    path = tmp_path / "a.kmz"
    path.write_bytes(b"no zip")
    with pytest.raises(GisError):
        read(path)
