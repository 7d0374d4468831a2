"""Editions of the public map: kept in the same run, listed, and the way back for comments."""

from __future__ import annotations

import hashlib
import re

import pandas as pd
import pytest

import gis as face
from gis import errors
from gis.workflow import editions, outputs
from gis.workflow.intake import Hints

NUMBER = re.compile(r"公示版本 (\d{8}-[0-9a-f]{6})")


@pytest.fixture
def edition(store, tmp_path) -> str:
    """Return the name of the edition of a page made from the store."""
    return outputs.write_map(store, tmp_path / "map.html").edition


def test_a_public_map_is_kept_and_listed(gis, store_path, tmp_path):
    """The command says which edition it made; the store keeps what page it was, and whose each number is."""
    code, out, _ = gis("map", store_path, tmp_path / "map.html")
    edition = NUMBER.search(out)[1]
    assert code == 0 and edition in (tmp_path / "map.html").read_text(encoding="utf-8")
    code, out, _ = gis("editions", store_path)
    assert code == 0 and edition in out and "2026" in out
    code, out, _ = gis("editions", store_path, edition)
    assert code == 0 and re.search(r"地块 +552 +\S+", out) and not re.search(r"地块 +553 ", out)


def test_an_internal_map_is_no_edition(gis, store_path, tmp_path):
    """It shows true keys and leaves nothing to keep."""
    code, out, _ = gis("map", store_path, tmp_path / "in.html", "--internal")
    assert code == 0 and "公示版本" not in out
    assert gis("editions", store_path)[1].strip().startswith("共 0 条")


def test_an_unknown_edition_is_refused_with_those_kept(gis, store_path, tmp_path):
    """One sentence, and the exit code of unknown names."""
    gis("map", store_path, tmp_path / "map.html")
    code, _, said = gis("editions", store_path, "20200101-abcdef")
    assert code == errors.UnknownNameError.exit_code and "20200101-abcdef" in said and "it keeps" in said


def test_the_record_says_which_page_it_was(store, tmp_path):
    """Hash of the file, days and name of the consultation; the same page again is the same edition, once."""
    for name in ("a.html", "b.html"):
        report = outputs.write_map(store, tmp_path / name)
    kept = face.edition(store)
    assert kept["edition_id"].tolist() == [report.edition]
    assert kept["sha256"].tolist() == [hashlib.sha256((tmp_path / "a.html").read_bytes()).hexdigest()]
    assert kept["features"].tolist() == [len(face.edition(store, report.edition))]


def test_editions_stand_side_by_side(store, tmp_path):
    """A page that says something else is another edition; the numbers of the first are what they were."""
    first = outputs.write_map(store, tmp_path / "a.html").edition
    before = face.edition(store, first)
    stops = store.read("stations").iloc[:1]
    store.put("stations", stops.assign(name="新站"), author="t", reason="改名")
    second = outputs.write_map(store, tmp_path / "b.html").edition
    assert set(face.edition(store)["edition_id"]) == {first, second} and first != second
    pd.testing.assert_frame_equal(face.edition(store, first), before)
    # by place alone: what is drawn is where it was
    pd.testing.assert_frame_equal(face.edition(store, second), before)


CASES = {
    # name: (layer, number, feature) as written -> (layer, feature) as stored, finding
    "a title": (("地块", 37, None), ("parcels", None), None),
    "a name": (("parcels", 37, None), ("parcels", None), None),
    "no layer, many that have the number": ((None, 1, None), (None, "-"), "comment.layer_unknown"),
    "no layer, one that has the number": ((None, 552, None), ("parcels", None), None),
    "no such layer": (("地坪", 37, None), ("地坪", "-"), "comment.layer_unknown"),
    "no such number": (("地块", 553, None), ("地块", "-"), "comment.number_unknown"),
    "another feature": (("地块", 37, "DK-X"), ("地块", "DK-X"), "comment.feature_differs"),
    "no number": (("地块", None, None), ("地块", "-"), None),
}


@pytest.mark.parametrize("name", CASES)
def test_comments_find_back(store, edition, gis, tmp_path, name):
    """A comment that quotes edition and number is stored with the feature that it means; else a finding says why."""
    (layer, number, feature), (stored, key), code = CASES[name]
    row = {"意见编号": "Y1", "对应图层": layer, "对应要素": feature, "意见内容": "好", "X": 500000, "Y": 4398000}
    row |= {"公示版本": edition, "本版编号": number}
    pd.DataFrame([row]).to_csv(tmp_path / "comments.csv", index=False)
    taken = face.load(store, [tmp_path / "comments.csv"], hints=hints())
    kept = store.read("comments").set_index("comment_id").loc["Y1"]
    numbers = face.edition(store, edition)
    of_lot = numbers[numbers["layer"].eq("parcels") & numbers["number"].eq(number)]["feature"]
    wanted = {None: of_lot.iloc[0] if len(of_lot) else None, "-": None}.get(key, key)
    assert (none(kept["feature_layer"]), none(kept["feature_id"])) == (stored, wanted)
    said = [one for one in taken[0].findings["code"] if one.startswith("comment.")]
    assert said == ([code] if code else [])


def test_an_edition_that_nobody_kept_is_said(store, tmp_path):
    """The comment is stored; what it means is open."""
    row = {
        "意见编号": "Y1",
        "对应图层": "地块",
        "意见内容": "好",
        "X": 500000,
        "Y": 4398000,
        "公示版本": "x",
        "本版编号": 3,
    }
    pd.DataFrame([row]).to_csv(tmp_path / "comments.csv", index=False)
    (taken,) = face.load(store, [tmp_path / "comments.csv"], hints=hints())
    assert "comment.edition_unknown" in set(taken.findings["code"]) and taken.accepted == 1


def hints():
    return Hints(crs="EPSG:4548")


def none(value):
    return None if pd.isna(value) else value


def test_what_is_not_asked_is_not_read(store):
    """Other layers pass by as they are."""
    frame = store.read("projects")
    same, found = editions.traced(store, "projects", frame)
    assert same is frame and found.empty
