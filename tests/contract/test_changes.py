"""Change sets, history, the past, stale edits, restoring and retiring."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal

from gis.errors import RowsRefused, StaleEditError, UnknownNameError, UsageError
from gis.store import open_store


def renamed(frame: gpd.GeoDataFrame, key: str, name: str) -> gpd.GeoDataFrame:
    return frame.assign(name=frame["name"].where(frame["block_id"] != key, name))


def test_a_change_set_says_who_why_when_and_how_much(filled, who):
    """Counts tell new, changed and unchanged rows apart."""
    frame = filled.read("blocks")
    change = filled.put("blocks", renamed(frame, "MC00-0001", "新"), **who)
    assert (change.number, change.author, change.reason) == (3, "li", "test")
    assert change.counts == {"inserted": 0, "updated": 1, "unchanged": 2}
    assert abs(change.at - datetime.now(UTC)) < timedelta(minutes=5)
    last = filled.changes().iloc[-1]
    assert last[["number", "author", "operation", "layer", "updated"]].tolist() == [3, "li", "put", "blocks", 1]


def test_a_row_equal_to_its_base_is_no_edit(filled, who):
    """Putting back what was read changes nothing and adds nothing to history."""
    change = filled.put("blocks", filled.read("blocks"), **who)
    assert change.counts == {"inserted": 0, "updated": 0, "unchanged": 3}
    assert len(filled.history("blocks", "MC00-0001")) == 1


def test_rows_that_are_not_in_the_frame_stay(filled, who):
    """A frame is an edit, not the layer."""
    filled.put("blocks", filled.read("blocks").iloc[:1].assign(name="新"), **who)
    assert len(filled.read("blocks")) == 3


def test_new_rows_and_changed_rows_go_together(filled, box, who):
    """A new row has no version beside rows that have one."""
    frame = filled.read("blocks")
    new = gpd.GeoDataFrame({"block_id": ["MC00-0009"]}, geometry=[box(9)], crs=frame.crs)
    change = filled.put("blocks", pd.concat([renamed(frame, "MC00-0002", "新"), new], ignore_index=True), **who)
    assert change.counts == {"inserted": 1, "updated": 1, "unchanged": 2}


def test_two_analysts_who_edit_different_rows_both_keep_their_edits(filled, again, who):
    """Each puts the whole frame back; the rows that only the other one changed are no edit."""
    other = again()
    mine, theirs = filled.read("blocks"), other.read("blocks")
    filled.put("blocks", renamed(mine, "MC00-0001", "李改"), **who)
    other.put("blocks", renamed(theirs, "MC00-0002", "王改"), author="wang", reason="test")
    assert filled.read("blocks")["name"].tolist()[:2] == ["李改", "王改"]


def test_two_analysts_who_edit_the_same_row_are_told(filled, again, who):
    """The second one is refused and sees both versions, the other's name and the place."""
    other = again()
    mine, theirs = filled.read("blocks"), other.read("blocks")
    filled.put("blocks", renamed(mine, "MC00-0001", "李改"), **who)
    with pytest.raises(StaleEditError) as caught:
        other.put("blocks", renamed(theirs, "MC00-0001", "王改"), author="wang", reason="test")
    found = caught.value.findings.iloc[0]
    told = json.loads(found["parameters"])
    assert (told["author"], told["theirs"], told["yours"]) == ("li", {"name": "李改"}, {"name": "王改"})
    assert told["base"] != told["current"]
    assert pd.notna(found["x"])
    assert filled.read("blocks")["name"].iloc[0] == "李改"


def test_an_edit_of_a_row_that_was_retired_is_stale(filled, again, who):
    """A row does not come back by being edited."""
    frame = again().read("blocks")
    filled.retire("blocks", "MC00-0001", **who)
    with pytest.raises(StaleEditError):
        filled.put("blocks", renamed(frame, "MC00-0001", "新"), **who)
    assert len(filled.read("blocks")) == 2


def test_a_known_key_without_a_version_is_refused(filled, blocks, who):
    """Unless it is forced, a frame that was never read overwrites nothing."""
    with pytest.raises(RowsRefused) as caught:
        filled.put("blocks", renamed(blocks, "MC00-0001", "新"), **who)
    assert set(caught.value.findings["code"]) == {"edit.no_version"}
    change = filled.put("blocks", renamed(blocks, "MC00-0001", "新"), force=True, **who)
    assert change.counts == {"inserted": 0, "updated": 1, "unchanged": 2}


def test_force_overwrites_a_stale_row(filled, who):
    """Whoever forces answers for it; the other's version stays in history."""
    frame = filled.read("blocks")
    filled.put("blocks", renamed(frame, "MC00-0001", "a"), **who)
    filled.put("blocks", renamed(frame, "MC00-0001", "b"), force=True, **who)
    assert filled.history("blocks", "MC00-0001")["name"].tolist() == ["永定", "a", "b"]


def test_the_past_by_number_and_by_time(filled, blocks, who):
    """Every change set's state can be read again, by number or by a moment between two."""
    before = datetime.now(UTC)
    filled.put("blocks", renamed(filled.read("blocks"), "MC00-0001", "新"), **who)
    filled.retire("blocks", ["MC00-0003"], **who)
    old = filled.read("blocks", as_of=2)
    assert_geodataframe_equal(old, filled.read("blocks", as_of=before))
    assert old["name"].iloc[0] == "永定"
    assert filled.read("blocks", as_of=1).empty
    assert len(filled.read("blocks", as_of=3)) == 3
    assert_geodataframe_equal(filled.read("blocks", as_of=4), filled.read("blocks"))
    assert filled.read("blocks", as_of=2, where={"block_id": "MC00-0003"})["block_id"].tolist() == ["MC00-0003"]


@pytest.mark.parametrize("as_of", [datetime(2026, 1, 1), datetime.max, pd.NaT, pd.NA, -1, 99, True, "2", 1.5])
def test_a_moment_that_means_nothing_is_refused(filled, who, as_of):
    """A datetime without time zone, a missing one, an unknown number, text."""
    with pytest.raises(UsageError):
        filled.read("blocks", as_of=as_of)
    with pytest.raises(UsageError):
        filled.restore("blocks", "MC00-0001", as_of, **who)


def test_history_shows_every_state(filled, who):
    """Insert, update and retire, each with its change set; the retired row shows what it was."""
    filled.put("blocks", renamed(filled.read("blocks"), "MC00-0001", "新"), **who)
    filled.retire("blocks", "MC00-0001", author="wang", reason="撤销")
    found = filled.history("blocks", "MC00-0001")
    assert found["operation"].tolist() == ["insert", "update", "retire"]
    assert found["change"].tolist() == [2, 3, 4]
    assert found["name"].tolist() == ["永定", "新", "新"]
    assert found["author"].tolist() == ["li", "li", "wang"]
    assert str(found["at"].dt.tz) == "UTC"


def test_restoring_brings_back_a_state(filled, who):
    """After a change and after a retirement alike; shape and all."""
    first = filled.read("blocks").drop(columns="_version")
    filled.put("blocks", renamed(filled.read("blocks"), "MC00-0001", "新"), **who)
    filled.retire("blocks", "MC00-0001", **who)
    change = filled.restore("blocks", "MC00-0001", 2, **who)
    assert change.operation == "restore"
    found = filled.read("blocks", where={"block_id": "MC00-0001"}).drop(columns="_version")
    assert_geodataframe_equal(found, first.iloc[:1])


def test_restoring_what_never_was_is_refused(filled, who):
    """An unknown key, and a moment before the feature came."""
    with pytest.raises(UnknownNameError):
        filled.restore("blocks", "MC00-0009", 2, **who)
    with pytest.raises(UsageError):
        filled.restore("blocks", "MC00-0001", 1, **who)
    assert len(filled.changes()) == 2


def test_restoring_keeps_references_whole(store, units, projects, who):
    """A project does not come back pointing at a unit that is gone."""
    store.put("units", units, **who)
    store.put("projects", projects, **who)
    store.retire("projects", "P1", **who)
    store.retire("units", "U1", **who)
    with pytest.raises(RowsRefused):
        store.restore("projects", "P1", 3, **who)


def test_retiring_unknown_keys_changes_nothing(filled, who):
    """One unknown key keeps the known ones in place."""
    with pytest.raises(UnknownNameError, match="MC00-0009"):
        filled.retire("blocks", ["MC00-0001", "MC00-0009"], **who)
    assert len(filled.read("blocks")) == 3


def test_what_others_refer_to_stays(store, units, projects, who):
    """A unit with projects cannot be retired; the projects are named."""
    store.put("units", units, **who)
    store.put("projects", projects, **who)
    with pytest.raises(RowsRefused) as caught:
        store.retire("units", ["U1", "U2"], **who)
    assert caught.value.findings["feature"].tolist() == ["P1"]
    assert store.retire("units", "U2", **who).counts == {"retired": 1}


def test_keys_may_be_swapped_in_one_frame(filled, who):
    """Two rows exchange their content; history follows the keys."""
    frame = filled.read("blocks")
    swapped = frame.assign(name=frame["name"].iloc[[2, 1, 0]].to_numpy())
    assert filled.put("blocks", swapped, **who).counts["updated"] == 2
    assert filled.history("blocks", "MC00-0001")["name"].iloc[-1].startswith("O'Neil")


@pytest.mark.parametrize("kind", ["another store", "a copy that went its own way", "an invention", "another feature"])
def test_a_version_is_of_its_store_and_its_feature(filled, catalogue, tmp_path, who, kind):
    """What was read elsewhere overwrites nothing here, though keys and counts be the same."""
    frame = filled.read("blocks")
    if kind == "another feature":
        frame["_version"] = frame["_version"].iloc[[1, 2, 0]].to_numpy()
    elif kind == "an invention":
        frame["_version"] = range(1, 4)
    else:
        with open_store(tmp_path / "other.gpkg", catalogue=catalogue, create=True) as other:
            other.put("blocks", frame.drop(columns="_version"), **who)
            frame = other.read("blocks")
            if kind.startswith("a copy"):
                other.put("blocks", frame.assign(name="there"), **who)
                filled.put("blocks", filled.read("blocks").assign(name="here"), **who)
                frame = other.read("blocks")
    with pytest.raises(StaleEditError) as caught:
        filled.put("blocks", frame.assign(name="新"), **who)
    assert set(caught.value.findings["code"]) == {"edit.other_version"}
    assert "新" not in filled.read("blocks")["name"].tolist()
    assert filled.put("blocks", frame.assign(name="新"), force=True, **who).counts["updated"] == 3


def test_a_version_survives_a_table_of_reals(filled, who):
    """A column with a gap becomes real on its way through pandas or a workbook."""
    frame = filled.read("blocks")
    frame["_version"] = frame["_version"].astype("float64")
    assert filled.put("blocks", frame.assign(name="新"), **who).counts["updated"] == 3
    assert (filled.read("blocks")["_version"] < 10**15).all()


@pytest.mark.parametrize("version", [1.5, "7", True, 2**63])
def test_a_version_that_is_none_is_refused(filled, who, version):
    """Half a version is no version."""
    frame = filled.read("blocks").drop(columns="_version").assign(_version=[version] * 3)
    with pytest.raises(UsageError, match="_version"):
        filled.put("blocks", frame, **who)


@pytest.mark.parametrize("key", [7, None, 1.5, b"MC00-0001"])
def test_keys_are_text(filled, who, key):
    """A number is no key: a sentence and no traceback."""
    for ask in (
        lambda: filled.history("blocks", key),
        lambda: filled.restore("blocks", key, 2, **who),
        lambda: filled.retire("blocks", key, **who),
        lambda: filled.retire("blocks", [key], **who),
    ):
        with pytest.raises(UsageError):
            ask()


@pytest.mark.parametrize("zone", [-12, 0, 14])
def test_the_ends_of_the_calendar_are_moments_too(filled, zone):
    """All of history lies before the last moment, none before the first."""
    offset = timezone(timedelta(hours=zone))
    assert len(filled.read("blocks", as_of=datetime.max.replace(tzinfo=offset))) == 3
    assert filled.read("blocks", as_of=datetime.min.replace(tzinfo=offset)).empty
    assert filled.read("blocks", as_of=datetime(300, 1, 1, tzinfo=offset)).empty


@pytest.mark.parametrize(("year", "rows"), [("-0044", 0), ("0000", 0), ("10000", 3), ("20000", 3)])
def test_moments_of_no_calendar_are_before_or_after_all(filled, year, rows):
    """pandas knows years that neither home can compare."""
    moment = pd.Timestamp(np.datetime64(f"{year}-03-15", "s")).tz_localize("UTC")
    assert len(filled.read("blocks", as_of=moment)) == rows
