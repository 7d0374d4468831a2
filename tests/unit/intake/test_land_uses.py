"""Codes of land use: the whole guide, Beijing's letters through their crosswalk, and codes that no list has."""

from __future__ import annotations

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis import catalogue
from gis.intake import conform, validate
from gis.intake.read import read
from gis.publish import delivery, style
from gis.settings import Settings
from gis.workflow import intake, outputs

BOOK = catalogue.read()
PARCELS = BOOK.layer("parcels")
SETTINGS = Settings(bounds=None)


def file(folder, *uses, name="parcels.gpkg"):
    """Write a parcel beside each other of every use."""
    shapes = [shapely.box(430_000 + 20 * n, 4_420_000, 430_010 + 20 * n, 4_420_010) for n in range(len(uses))]
    frame = gpd.GeoDataFrame(
        {"DKBH": [f"D{n}" for n in range(len(uses))], "YDYHFLDM": list(uses)}, geometry=shapes, crs="EPSG:4548"
    )
    pyogrio.write_dataframe(frame, folder / name)
    return folder / name


def conformed(folder, *uses):
    made = conform.conform(read(file(folder, *uses)), PARCELS, settings=SETTINGS, catalogue=BOOK)
    return made, validate.validate(made.frame, PARCELS, catalogue=BOOK, settings=SETTINGS)


def test_the_list_has_three_tiers():
    """24 classes of two digits, 111 of four, 40 of six; each below one that is listed."""
    codes = [item.code for item in BOOK.code_list("land_uses")]
    assert [sum(len(code) == size for code in codes) for size in (2, 4, 6)] == [24, 111, 40]
    assert all(len(code) == 2 or code[:-2] in codes for code in codes)
    assert {"1301", "1202", "070102", "090101", "060102", "2302"} <= set(codes)


def test_a_code_is_counted_where_the_one_above_it_is():
    """Class and colour go down the tree."""
    classes = BOOK.code_list("land_uses").values("class")
    assert all(classes[code] == classes[code[:-2]] for code in classes if len(code) > 2 and code[:2] != "07")
    assert classes["070102"] == "residential" and classes["1301"] == "utility" and "0101" not in classes


LETTERS = {"R2": "0701", "A33": "080403", "B4": "09", "F3": "09", "U": "13", "X": "16", "S4": "1208", "r2": "0701"}


@pytest.mark.parametrize(("letter", "code"), LETTERS.items())
def test_letters_are_read_through_the_crosswalk(tmp_path, letter, code):
    """One code where there is one, else the class that holds all; a finding names document, code and rows."""
    made, found = conformed(tmp_path, letter, "0701", letter)
    assert made.frame["land_use"].tolist() == [code, "0701", code]
    noted = made.findings[made.findings["code"] == "columns.crosswalk"]
    assert "DB11/996" in noted["parameters"].iloc[0] and '"count": 2' in noted["parameters"].iloc[0]
    assert not (found["severity"] == "error").any()


TWICE = {
    "0701 城镇住宅用地": "0701",
    "0701城镇住宅用地": "0701",
    "\uff10\uff17\uff10\uff11\uff08城镇住宅用地\uff09": "0701",
    "城镇住宅用地(0701)": "0701",
    "R2 二类居住用地": "0701",
    "r2-二类居住用地": "0701",
    "A33(中小学用地)": "080403",
    "G1公园绿地": "1401",
}


@pytest.mark.parametrize(("use", "code"), TWICE.items())
def test_a_code_with_its_title_is_the_code(tmp_path, use, code):
    """Where both mean the same; through the crosswalk that is said."""
    made, found = conformed(tmp_path, use)
    assert made.frame["land_use"].tolist() == [code]
    assert ("columns.crosswalk" in set(made.findings["code"])) == use[0].isalpha() & use[0].isascii()
    assert not (found["severity"] == "error").any()


@pytest.mark.parametrize("use", ["0701 商业用地", "R2 城子住宅", "城镇住宅用地(0901)", "0701 R2", "0701 待定"])
def test_a_code_with_another_title_waits(tmp_path, use):
    """Which of the two is meant, a person must say."""
    made, found = conformed(tmp_path, use)
    assert made.frame["land_use"].tolist() == [use]
    assert "row.code" in set(found["code"])


@pytest.mark.parametrize("use", ["F1", "M4", "U1", "1399", "0799", "079901"])
def test_what_no_list_has_is_kept_with_a_finding(tmp_path, use):
    """A mix without shares, a letter without crosswalk, a number not listed: never guessed, never lost."""
    made, found = conformed(tmp_path, use)
    assert made.frame["land_use"].tolist() == [use]
    assert found[["code", "severity", "feature"]].to_numpy().tolist() == [["row.code_unlisted", "warning", "D0"]]
    assert use in found["parameters"].iloc[0]


@pytest.mark.parametrize("use", ["701", "80403", "居", "R2/B1"])
def test_what_does_not_look_like_a_code_waits(tmp_path, use):
    """A lost zero or another text is a fault of the row."""
    assert conformed(tmp_path, use)[1]["code"].tolist() == ["row.code"]


def test_unlisted_codes_are_stored_drawn_and_delivered(tmp_path):
    """The dictionary of the delivery says that they are unlisted, and its own check agrees."""
    with intake.init(tmp_path / "s.gpkg", settings=SETTINGS) as store:
        taken = intake.load(store, [file(tmp_path, "1301", "R2", "F1", "0101")], settings=SETTINGS)
        assert [(one.accepted, one.quarantined) for one in taken] == [(4, 0)]
        assert "row.code_unlisted" in set(intake.check(store)["code"])
        assert outputs.write_map(store, tmp_path / "m.html", edition="internal").drawn == {"parcels": 4}
        report = outputs.deliver(store, tmp_path / "d.zip")
    assert report.findings["code"].tolist() == ["delivery.code_unlisted"]
    assert delivery.verify(report.path).empty


def test_a_code_of_no_class_is_drawn_plain():
    """Farmland has no colour of the built town."""
    assert "0101" not in style.class_of(PARCELS, BOOK) and style.class_of(PARCELS, BOOK)["070101"] == "residential"
