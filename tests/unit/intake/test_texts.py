"""Texts that somebody misread and saved come back whole; those that are lost are named, and nothing else is touched."""

from __future__ import annotations

import pandas as pd
import pytest

from gis.intake import read as reading
from gis.intake import texts

MEANT = ["门头沟区新桥大街", "更新单元", "石龙经济开发区", None, "plain"]


def frame(values):
    return pd.DataFrame({"name": pd.Series(values, dtype="str"), "floors": range(len(values))})


def misread(read, meant):
    return [None if text is None else text.encode(meant).decode(read) for text in MEANT]


@pytest.mark.parametrize(("read", "meant"), [("latin-1", "utf-8"), ("latin-1", "gb18030"), ("gb18030", "utf-8")])
def test_what_was_misread_and_saved_is_led_back(read, meant):
    """Every text comes back as it was, blanks stay blank, and a person is told."""
    if read == "gb18030":
        # an odd number of bytes cannot be read as GB18030 at all
        values = ["门头沟区新桥", "更新单元", None, "plain"]
        spoiled = [None if text is None else text.encode(meant).decode(read) for text in values]
    else:
        values, spoiled = MEANT, misread(read, meant)
    back, notes = texts.led_back(frame(spoiled), "a.gpkg")
    assert [None if pd.isna(text) else text for text in back["name"]] == values
    assert [one["code"] for one in notes] == ["source.encoded_twice"]
    assert list(back["floors"]) == list(range(len(values)))


@pytest.mark.parametrize(
    "values", [["Bâtiment", "café", "Ñandú"], ["㐂𠮷"], ["Ульяновск"], MEANT, ["plain", "why?", "?"]]
)
def test_plain_text_is_never_led_anywhere(values):
    """Foreign and rare letters are no sign of a misreading, nor is a question."""
    before = frame(values)
    back, notes = texts.led_back(before, "a.gpkg")
    pd.testing.assert_frame_equal(back, before)
    assert notes == []


@pytest.mark.parametrize("lost", ["????", "新桥\ufffd大街", "？？", "??1", "??二期"])
def test_lost_text_is_named(lost):
    """Nothing brings it back: the column is named so that it is asked for again."""
    _, notes = texts.led_back(frame([lost, "更新单元"]), "a.gpkg")
    assert [one["code"] for one in notes] == ["source.text_lost"]


def garbled(text):
    """What UTF-8 becomes that was read as GB18030 and saved as GB18030 or UTF-8."""
    return text.encode("utf-8").decode("gb18030")


# name: (texts in the column, encoding of the file, codes about texts); ones of odd length cannot be garbled
DOUBTS = {
    "led back": (["门头沟区新桥", "更新单元"], "utf-8", ["source.encoded_twice"]),
    "read rightly after all": (["门头沟区新桥", "更新单元"], "gb18030", []),
    "most would come back": (["门头沟区新桥", "更新单元", "石龙经济开"], "utf-8", ["source.text_doubtful"]),
    "most would, in GB18030": (["门头沟区新桥", "更新单元", "石龙经济开"], "gb18030", ["source.text_doubtful"]),
}


@pytest.mark.parametrize(("values", "encoding", "codes"), DOUBTS.values(), ids=DOUBTS)
def test_the_same_text_is_doubted_once(values, encoding, codes, tmp_path):
    """By the reader or by the leading back, whichever knows more."""
    lines = [garbled(text) if len(text) % 2 == 0 else "㐂㐃㐄㐅" for text in values]
    rows = "\n".join(f"{text},116.1,39.9" for text in lines)
    path = tmp_path / "garbled.csv"
    path.write_bytes(f"name,lon,lat\n{rows}\n".encode(encoding))
    notes = reading.read(path, crs="EPSG:4490").notes
    assert [code for code in notes["code"] if code in {"source.text_doubtful", "source.encoded_twice"}] == codes
