"""Other programs: edits that history sees, edits that it misses, and taking those in."""

from __future__ import annotations

import sqlite3

import psycopg2
import pytest
from geopandas.testing import assert_geodataframe_equal

from gis.errors import AdoptionNeededError, CrsError, RowsRefused


def drop_triggers(store) -> None:
    """Drop the triggers of blocks, as careless tools do."""
    on = "" if store.name.endswith(".gpkg") else f" ON {store.home.table('blocks')}"
    for event in ("insert", "update", "delete"):
        store.home.run(f"DROP TRIGGER gis_blocks_{event}{on}")


def test_edits_of_other_programs_are_recorded(filled, outside, again):
    """Insert, update, delete and a changed key, by nobody we know; no finding comes of it."""
    outside(
        "UPDATE blocks SET name = 'changed' WHERE block_id = 'MC00-0001'",
        "DELETE FROM blocks WHERE block_id = 'MC00-0002'",
        "UPDATE blocks SET block_id = 'MC00-0033' WHERE block_id = 'MC00-0003'",
        "UPDATE blocks SET name = name",
    )
    store = again()
    assert store.findings().empty
    assert store.history("blocks", "MC00-0001")["author"].tolist() == ["li", "outside"]
    assert store.history("blocks", "MC00-0002")["operation"].tolist() == ["insert", "retire"]
    assert store.history("blocks", "MC00-0003")["operation"].tolist() == ["insert", "retire"]
    assert store.history("blocks", "MC00-0033")["operation"].tolist() == ["insert"]
    seen = store.changes().query("operation == 'outside'")
    assert seen[["inserted", "updated", "retired"]].sum().tolist() == [1, 1, 2]


def test_an_edit_of_another_program_makes_ours_stale(filled, outside, who):
    """The row's version moves, whoever moved it."""
    frame = filled.read("blocks")
    outside("UPDATE blocks SET name = 'theirs' WHERE block_id = 'MC00-0001'")
    with pytest.raises(RowsRefused, match=r"edit\.stale"):
        filled.put("blocks", frame.assign(name="ours"), **who)


def test_a_missing_trigger_stops_writing_until_it_is_adopted(filled, again, who):
    """Reading goes on; adopting makes the triggers anew and notes that nothing differed."""
    drop_triggers(filled)
    store = again()
    assert store.findings()["code"].tolist() == ["store.trigger_missing"]
    frame = store.read("blocks")
    with pytest.raises(AdoptionNeededError, match="blocks"):
        store.put("blocks", frame.assign(name="新"), **who)
    change = store.adopt(**who)
    assert set(change.counts.values()) == {0}
    assert store.put("blocks", frame.assign(name="新"), **who).counts["updated"] == 3


def test_a_trigger_that_vanishes_while_the_store_is_open_is_noticed(filled, who):
    """Every write looks before it writes."""
    frame = filled.read("blocks")
    drop_triggers(filled)
    with pytest.raises(AdoptionNeededError):
        filled.put("blocks", frame.assign(name="新"), **who)


def test_differences_become_one_change_set(filled, outside, again, who):
    """What was done behind history's back is counted, refused, then recorded."""
    drop_triggers(filled)
    outside(
        "UPDATE blocks SET name = 'changed' WHERE block_id = 'MC00-0001'",
        "DELETE FROM blocks WHERE block_id = 'MC00-0002'",
        "UPDATE blocks SET block_id = 'MC00-0033' WHERE block_id = 'MC00-0003'",
    )
    store = again()
    found = store.findings().set_index("code")["parameters"]
    assert found["store.rows_differ"] == '{"added": 1, "changed": 1, "missing": 2}'
    change = store.adopt(**who)
    assert change.counts == {"inserted": 1, "updated": 1, "retired": 2}
    assert store.findings().empty
    assert store.read("blocks", as_of=change.number - 1)["name"].iloc[0] == "永定"
    assert store.history("blocks", "MC00-0002")["operation"].tolist() == ["insert", "retire"]


def test_differences_can_be_thrown_away(filled, outside, again, who):
    """With discard the last recorded state comes back."""
    before = filled.read("blocks").drop(columns="_version")
    drop_triggers(filled)
    outside("DELETE FROM blocks")
    store = again()
    assert set(store.adopt(discard=True, **who).counts.values()) == {0}
    assert_geodataframe_equal(store.read("blocks").drop(columns="_version"), before)
    assert store.findings().empty


def test_an_overwritten_layer_is_found_read_and_adopted(filled, overwrite, again, who):
    """A table written anew keeps its rows; a column of its own moves to `extra`."""
    frame = filled.read("blocks")[["block_id", "name", "geometry"]]
    overwrite(frame.iloc[:2].assign(name=["a", "b"], colour=["red", None]), "blocks")
    store = again()
    assert {"store.columns_changed", "store.trigger_missing"} <= set(store.findings()["code"])
    assert store.read("blocks")["name"].tolist() == ["a", "b"]
    with pytest.raises(AdoptionNeededError):
        store.retire("blocks", "MC00-0001", **who)
    change = store.adopt(**who)
    assert change.counts == {"inserted": 0, "updated": 2, "retired": 1}
    assert store.findings().empty
    assert store.read("blocks")["extra"].tolist()[0] == '{"colour": "red"}'
    again().put("blocks", store.read("blocks").assign(name="新"), **who)


def test_rows_that_no_layer_can_hold_are_not_adopted(filled, overwrite, again, who):
    """A repeated key stays outside; the last state can be taken back."""
    frame = filled.read("blocks")[["block_id", "name", "geometry"]]
    overwrite(frame.assign(block_id="MC00-0001"), "blocks")
    store = again()
    with pytest.raises(RowsRefused) as caught:
        store.adopt(**who)
    assert set(caught.value.findings["code"]) == {"row.duplicate_key"}
    store.adopt(discard=True, **who)
    assert store.read("blocks")["block_id"].tolist() == ["MC00-0001", "MC00-0002", "MC00-0003"]


def test_a_layer_in_another_crs_is_neither_read_nor_adopted(filled, overwrite, again, who):
    """Degrees are not taken for metres."""
    overwrite(filled.read("blocks")[["block_id", "geometry"]].to_crs(4490), "blocks")
    store = again()
    with pytest.raises(CrsError, match="4490"):
        store.read("blocks")
    with pytest.raises(CrsError, match="discard"):
        store.adopt(**who)
    store.adopt(discard=True, **who)
    assert len(store.read("blocks")) == 3


def test_a_dropped_layer_is_a_finding(filled, outside, again, who):
    """Other layers stay readable; adopting retires the rows, and history brings them back."""
    outside("DROP TABLE blocks")
    store = again()
    assert store.findings()["code"].tolist() == ["store.table_missing"]
    assert store.read("units").empty
    assert store.adopt(**who).counts == {"inserted": 0, "updated": 0, "retired": 3}
    store.restore("blocks", "MC00-0001", 2, **who)
    assert store.read("blocks")["name"].tolist() == ["永定"]


def test_an_overwritten_result_is_simply_replaced(store, outside, again):
    """Derived layers have no history to tear."""
    outside("DROP TABLE cells")
    other = again()
    assert other.findings().empty
    other.replace("cells", store.read("votes").rename(columns={"vote_id": "cell_id"})[["cell_id"]])
    assert other.read("cells").empty


def test_other_programs_cannot_store_another_type(filled, outside):
    """The tables check types themselves."""
    with pytest.raises((sqlite3.IntegrityError, psycopg2.Error)):
        outside("UPDATE blocks SET residents = 'many'")
