"""What a station's sheet says of figures known in part, and its further pages: nothing is lost in silence."""

from __future__ import annotations

import pandas as pd

from gis.publish import paper, station_sheet, wording
from tests.unit.publish import handmade
from tests.unit.publish.test_station_sheet import draw, everything, results, texts


def partial():
    """What is known in part of the second band and of a gap."""
    columns = ["layer", "feature", "field", "least", "lacking"]
    rows = [
        ("station_results", "Z1-10-raw", "residents", 12_345.9, 3),
        ("station_programmes", "J0", "residents", 7.0, 1),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_what_is_known_in_part_is_said_as_the_workbook_says_it():
    """At least so much, rounded down, with so many lacking; what follows from it is undetermined."""
    given = results()
    at_ten = given["station_result_id"] == "Z1-10-raw"
    given["residents"] = given["residents"].mask(at_ten)
    said = texts(draw(everything() | {"station_results": given, "partial_sums": partial()}))
    assert "≥ 12,345(缺 3 项)" in said and "暂无法判定" in said


def pages(tmp_path, frames):
    """Draw a sheet as pictures and return how many there are."""
    station_sheet.write(tmp_path / "图.png", "Z1", frames, catalogue=handmade.book())
    return sorted(path.name for path in tmp_path.glob("*.png"))


def test_what_has_no_room_follows_on_further_pages(tmp_path):
    """Forty projects and a long note: all rows on the second page; a shorter programme takes the page away again."""
    assert pages(tmp_path, everything(titles=[f"项目{n}" for n in range(40)])) == ["图.2.png", "图.png"]
    assert pages(tmp_path, everything(titles=["甲"])) == ["图.png"]


LONG = "自住建部门移交的老旧小区综合整治与社区公共服务设施补短板联合实施项目(一期、二期、三期及市政管线改造)"


def test_every_text_that_is_cut_stands_whole_on_a_further_page():
    """Names of the station, an entrance, a project and a department, longer than any room."""
    frames = everything(name=LONG, titles=(LONG + "甲", "乙厂房更新"))
    frames["entrances"] = frames["entrances"].assign(name=LONG + "口")
    frames["station_programmes"] = frames["station_programmes"].assign(lead=LONG + "局")
    options = dict.fromkeys(("about", "scale", "font"))
    sheets = station_sheet._sheets("Z1", frames, catalogue=handmade.book(), synthetic=False, **options)
    assert len(sheets) > 1
    # lines of a cell follow each other
    said = "".join(text for sheet in sheets[1:] for text in texts(sheet.figure))
    for whole in (LONG, LONG + "口", LONG + "甲", LONG + "局"):
        assert whole in said


def test_notes_that_find_no_room_stand_whole_on_a_further_page():
    """Sources, rows that wait and gaps in the data may be long: none is lost, none runs into the signatures."""
    about = paper.TitleBlock(sources="甲、" * 300, waiting="更新项目 3 行" * 80, remarks="步行网络缺坡度" * 80)
    options = {"catalogue": handmade.book(), "synthetic": False, "scale": None, "font": None}
    first, *more = station_sheet._sheets("Z1", everything(), about=about, **options)
    said = "".join(text for sheet in more for text in texts(sheet.figure)).replace(" ", "")
    words = handmade.book().words("station_sheet")
    for name, value in (("sources", about.sources), ("waiting", about.waiting), ("remarks", about.remarks)):
        assert f"{words[name]}:{value}".replace(" ", "") in said
    lowest = min(y for y in (text.get_position()[1] for text in first.page.texts) if y > station_sheet.SIGNED.top)
    assert lowest >= station_sheet.NOTES.bottom - 1.5


def test_an_item_without_a_name_goes_by_its_kind():
    """No dash stands where a name would."""
    frames = everything()
    rows = frames["station_programmes"]
    frames["station_programmes"] = rows.assign(title=rows["title"].mask(rows["item"] == "stock"))
    said = texts(draw(frames))
    title = wording.kinds(handmade.book())["office"]
    assert title in said and not any(text.startswith("— ·") for text in said)
