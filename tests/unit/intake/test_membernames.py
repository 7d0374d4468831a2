"""Names inside a zip: every encoding that reads them is weighed, the doubt is listed, the decision is on the record."""

from __future__ import annotations

import json
import zipfile

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis import catalogue, findings
from gis.errors import SourceError, UsageError
from gis.intake import membernames, recipes
from gis.intake.read import read


class Named(zipfile.ZipInfo):
    """A member whose name is written as these bytes, without the UTF-8 flag."""

    raw = b""

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits & ~0x800


def zipped(path, names, content=b"name,lon,lat\n1,116.1,39.9\n"):
    """Write a zip; a name given as text is marked as UTF-8, one given as bytes is not marked."""
    with zipfile.ZipFile(path, "w") as archive:
        for place, name in enumerate(names):
            item = zipfile.ZipInfo(name) if isinstance(name, str) else Named(f"{place}")
            if isinstance(name, bytes):
                item.raw = name
            archive.writestr(item, content)
    return path


NAMES = {
    # name: (names as stored, encoding, how, whether there is a doubt)
    "ASCII": (["a.csv"], None, "ASCII only", False),
    "marked": (["更新单元.csv"], None, "declared", False),
    "GBK": (["更新单元.csv".encode("gbk")], "gb18030", "tried", False),
    "UTF-8 without the mark": (["更新单元.csv".encode()], "utf-8", "tried", False),
    "second level of GB2312": (["鑫源.csv".encode("gbk")], "gb18030", "tried", False),
    "the first PC's accents": (["Bâtiment.csv".encode("cp437")], "cp437", "tried", False),
    "an accent that may be Chinese": (["café.csv".encode()], "gb18030", "tried", True),
    "marked and not": (["街区.csv", "更新单元.csv".encode("gbk")], "gb18030", "tried", False),
    "two in different encodings": (["街区图.csv".encode(), "更新单元.csv".encode("gbk")], None, None, None),
}


@pytest.mark.parametrize(("names", "encoding", "how", "doubtful"), NAMES.values(), ids=NAMES)
def test_names_are_weighed(names, encoding, how, doubtful, tmp_path):
    """All names of a zip that do not say their encoding have one."""
    path = zipped(tmp_path / "a.zip", names)
    if how is None:
        with pytest.raises(SourceError, match="cp437"):
            membernames.decide(path, None)
        return
    decided = membernames.decide(path, None)
    assert (decided.encoding, decided.how, decided.doubtful) == (encoding, how, doubtful)
    assert [one.score for one in decided.ranking] == sorted((one.score for one in decided.ranking), reverse=True)


def test_what_is_said_settles_names_that_it_reads(tmp_path):
    """And speaks of texts alone where it does not."""
    doubtful = zipped(tmp_path / "a.zip", ["café.csv".encode()])
    assert read(doubtful, crs="EPSG:4490", encoding="UTF-8").decided("member").value == "café.csv"
    chinese = zipped(tmp_path / "b.zip", ["更新单元.csv".encode("gbk")])
    assert membernames.decide(chinese, "UTF-8").encoding == "gb18030"


def test_the_doubt_is_a_finding_and_the_decision_is_in_the_recipe(tmp_path):
    """With both readings, worded in both languages."""
    source = read(zipped(tmp_path / "a.zip", ["café.csv".encode()]), crs="EPSG:4490")
    (doubt,) = source.notes.loc[source.notes["code"] == "source.names_doubtful"].to_dict("records")
    assert "caf" not in doubt["parameters"] and "茅" in doubt["parameters"] and "é" in doubt["parameters"]
    for lang in ("zh", "en"):
        assert "é" in findings.sentence(doubt, catalogue.read().words("findings", lang))
    kept = json.loads(recipes.save(recipes.of(source, "units"), tmp_path / "recipes").read_text(encoding="utf-8"))
    assert {"matter": "names", "value": "gb18030", "how": "tried"} in kept["decisions"]


def test_a_refusal_lists_the_readings(tmp_path):
    """Of several members none is named, and their names are in doubt."""
    path = zipped(tmp_path / "a.zip", ["café.csv".encode(), "thé.csv".encode()])
    with pytest.raises(UsageError, match="--encoding") as refused:
        read(path, crs="EPSG:4490")
    assert {one.value for one in refused.value.details["ranking"]} == {"utf-8", "gb18030", "cp437"}


def test_a_shapefile_is_found_by_its_name_in_code_page_437(tmp_path):
    """All its parts bear the same name, read the same way."""
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(440_000, 4_420_000)], crs="EPSG:4548")
    pyogrio.write_dataframe(frame, tmp_path / "plain.shp")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(tmp_path.glob("plain.*")):
            item = Named(part.name)
            item.raw = f"Bâtiment{part.suffix}".encode("cp437")
            archive.writestr(item, part.read_bytes())
    assert read(path).decided("member").value == "Bâtiment.shp"
