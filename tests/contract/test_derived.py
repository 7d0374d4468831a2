"""Derived layers are replaced whole or by parts, with lineage; a file's rows, quarantine and findings come together."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from gis import findings, lineage
from gis.errors import AdoptionNeededError, CrsError, RowsRefused, UsageError


@pytest.fixture
def cells() -> pd.DataFrame:
    rows = {"cell_id": ["C1", "C2"], "block_id": ["MC00-0001", None], "project_ids": ['["P1"]', "[]"]}
    return pd.DataFrame({**rows, "area_m2": [1.5, 2]})


@pytest.fixture
def issues() -> pd.DataFrame:
    values = {"row": 1, "value": -1, "low": "0", "high": "9"}
    first = findings.finding("row.range", "blocks", "MC00-0001", field="residents", at=(480_000, 4_420_000), **values)
    return findings.table([first, findings.finding("row.required", "blocks", None, row=2)])


@pytest.fixture
def quarantined() -> pd.DataFrame:
    rows = {"quarantine_id": ["blocks.shp:2"], "layer": ["blocks"], "row": [2], "reasons": ['["row.required"]']}
    return pd.DataFrame(rows)


def test_a_derived_layer_is_replaced_whole(store, cells):
    """The second result takes the first one's place."""
    store.replace("cells", cells)
    store.replace("cells", cells.iloc[1:])
    assert store.read("cells")["cell_id"].tolist() == ["C2"]
    assert store.changes()["operation"].tolist() == ["init", "replace", "replace"]


def test_lineage_is_kept(store, cells, blocks):
    """What a result was made from can be asked for; before there is a result there is none."""
    assert store.lineage("cells") is None
    store.replace("cells", cells, lineage=lineage.of("overlay.ledger", {"block": blocks}, tolerance=0.5))
    found = store.lineage("cells")
    assert (found["operation"], found["parameters"], found["change"]) == ("overlay.ledger", {"tolerance": 0.5}, 2)
    assert found["inputs"] == {"block": lineage.fingerprint(blocks)}


def test_faulty_results_are_refused_and_the_old_ones_stay(store, cells):
    """A repeated key and an unknown column."""
    store.replace("cells", cells)
    for bad in (cells.assign(cell_id="C1"), cells.assign(colour="red")):
        with pytest.raises(RowsRefused):
            store.replace("cells", bad)
    assert store.read("cells")["cell_id"].tolist() == ["C1", "C2"]


def test_base_and_derived_layers_are_told_apart(store, blocks, cells, who):
    """Base layers are edited, derived ones replaced; results have no past."""
    with pytest.raises(UsageError):
        store.replace("blocks", blocks)
    with pytest.raises(UsageError):
        store.put("cells", cells, **who)
    with pytest.raises(UsageError):
        store.read("cells", as_of=1)


def test_a_table_of_findings_becomes_points_with_sentences(store, issues, catalogue):
    """Numbers, sentences and places are added; a finding without a place has no point."""
    store.replace("findings", issues)
    found = store.read("findings")
    words, titles = catalogue.words("findings"), catalogue.titles()
    assert found["text"].tolist() == [findings.sentence(row, words, titles) for _, row in issues.iterrows()]
    assert found.geometry.isna().tolist() == [False, True]
    assert found["finding_id"].is_unique


def test_a_load_stores_rows_quarantine_and_findings_together(store, blocks, issues, quarantined, who):
    """One change set holds all three."""
    change = store.load("blocks", blocks, quarantined, issues, **who)
    assert change.counts == {"inserted": 3, "updated": 0, "unchanged": 0, "quarantine": 1, "findings": 2}
    assert (len(store.read("blocks")), len(store.read("quarantine")), len(store.read("findings"))) == (3, 1, 2)
    assert store.changes()["operation"].tolist() == ["init", "load"]


def test_a_load_that_is_refused_leaves_no_trace(store, blocks, issues, quarantined, who):
    """Neither quarantine nor findings are written when an accepted row breaks a rule."""
    with pytest.raises(RowsRefused):
        store.load("blocks", blocks.assign(residents=-1), quarantined, issues, **who)
    assert store.read("quarantine").empty
    assert store.read("findings").empty


def test_loading_a_file_twice_changes_nothing(store, blocks, issues, quarantined, who):
    """Rows that equal what is stored are no edit, and findings do not pile up."""
    store.load("blocks", blocks, quarantined, issues, **who)
    change = store.load("blocks", blocks, quarantined, issues, **who)
    assert (change.counts["inserted"], change.counts["updated"], change.counts["unchanged"]) == (0, 0, 3)
    assert len(store.read("findings")) == 2


def test_a_file_overwrites_edits_only_by_force(store, blocks, issues, quarantined, who):
    """A row that was edited since is refused, unless that is asked for."""
    store.load("blocks", blocks, quarantined, issues, **who)
    store.put("blocks", store.read("blocks").assign(name="新"), **who)
    with pytest.raises(RowsRefused):
        store.load("blocks", blocks, quarantined, issues, **who)
    assert store.load("blocks", blocks, quarantined, issues, force=True, **who).counts["updated"] == 3


def test_one_layer_s_findings_leave_another_s_alone(store, blocks, units, issues, quarantined, who):
    """Findings and quarantine are replaced layer by layer."""
    store.load("blocks", blocks, quarantined, issues, **who)
    store.load("units", units, quarantined.iloc[:0], findings.table(), **who)
    assert len(store.read("findings", where={"layer": "blocks"})) == 2
    assert len(store.read("quarantine")) == 1


def test_an_edit_brings_what_was_found_on_the_way(store, blocks, issues, who):
    """In the same change set; what the same origin said before about the layer goes, what others said stays."""
    store.replace("findings", issues, where={"origin": "check"})
    first = store.put("blocks", blocks, noted=("reconcile", issues), **who)
    assert (first.counts["inserted"], first.counts["findings"]) == (len(blocks), 2)
    store.put("blocks", store.read("blocks"), noted=("reconcile", issues.iloc[:1]), **who)
    assert sorted(store.read("findings")["origin"]) == ["check", "check", "reconcile"]
    store.put("blocks", store.read("blocks"), **who)
    assert len(store.read("findings")) == 3


def test_what_checks_found_goes_with_a_retired_feature(store, blocks, issues, who):
    """What an analysis found stays until it runs again; so does what is about the layer as a whole."""
    store.put("blocks", blocks, noted=("check", issues), **who)
    store.replace("findings", issues, where={"origin": "stations"})
    store.retire("blocks", "MC00-0001", **who)
    left = store.read("findings")
    assert sorted(left.loc[left["feature"].notna(), "origin"]) == ["stations"]
    assert sorted(left.loc[left["feature"].isna(), "origin"]) == ["check", "stations"]


CHANGED = {
    "added": (
        ["ALTER TABLE cells ADD COLUMN memo TEXT", "UPDATE cells SET memo = 'x' WHERE cell_id = 'C1'"],
        {"memo": 1},
    ),
    "renamed": (["ALTER TABLE cells RENAME COLUMN area_m2 TO mj"], {"mj": 2}),
    "dropped": (["ALTER TABLE cells DROP COLUMN area_m2"], {}),
}


@pytest.mark.parametrize("how", CHANGED)
@pytest.mark.parametrize("discard", [False, True])
def test_a_column_of_another_program_is_never_just_gone(store, cells, blocks, outside, again, who, how, discard):
    """It is named on opening; nothing is computed or written over it until it is adopted; rows stay."""
    store.replace("cells", cells)
    statements, dropped = CHANGED[how]
    outside(*statements)
    later = again()
    found = later.findings()
    assert found[["code", "layer"]].to_numpy().tolist() == [["store.result_changed", "cells"]]
    assert json.loads(found["parameters"].iloc[0])["unknown"] == list(dropped)
    # a session that was open all the while notices it before it writes
    for session in (store, later):
        with pytest.raises(AdoptionNeededError, match="cells"):
            session.replace("cells", cells)
    with pytest.raises(AdoptionNeededError, match="cells"):
        later.put("blocks", blocks, **who)
    assert later.read("cells")["cell_id"].tolist() == ["C1", "C2"]
    said = later.adopt(discard=discard, **who).findings
    assert set(said["code"]) <= {"store.column_dropped"}
    parameters = [json.loads(text) for text in said["parameters"]]
    assert {one["column"]: one["count"] for one in parameters} == dropped
    assert later.findings().empty
    assert again().findings().empty
    assert later.read("findings", where={"origin": "adopt"})["layer"].tolist() == ["cells"] * len(dropped)
    areas = [1.5, 2.0] if how == "added" else [None, None]
    assert later.read("cells")["area_m2"].astype(object).where(lambda values: values.notna(), None).tolist() == areas
    assert later.replace("cells", cells).counts["inserted"] == 2
    assert later.put("blocks", blocks, **who).counts["inserted"] == 3


def test_a_column_in_the_findings_themselves_is_named_there(store, issues, outside, again, who):
    """Results are made whole before anything is written about the others."""
    store.replace("findings", issues.assign(origin="check"))
    outside("ALTER TABLE findings ADD COLUMN seen TEXT", "ALTER TABLE blocks ADD COLUMN seen TEXT")
    outside("UPDATE findings SET seen = 'li'")
    later = again()
    assert sorted(later.findings()["layer"]) == ["blocks", "findings"]
    said = later.adopt(**who).findings
    assert said["code"].tolist() == ["store.column_dropped", "store.column_moved"]
    found = later.read("findings")
    assert found["origin"].value_counts().to_dict() == {"check": 2, "adopt": 2}
    assert "seen" in found.loc[found["code"] == "store.column_dropped", "text"].iloc[0]


def test_a_result_in_another_crs_is_not_taken_for_ours(store, issues, overwrite, again, who):
    """Degrees are not taken for metres: the rows go by discarding, and are computed again."""
    store.replace("findings", issues.iloc[:1].assign(origin="check"))
    frame = store.read("findings").drop(columns="_version").assign(**{"seen %s": "li"})
    overwrite(frame.to_crs(4490), "findings")
    later = again()
    assert later.findings()["code"].tolist() == ["store.result_changed"]
    with pytest.raises(CrsError, match="discard"):
        later.adopt(**who)
    said = later.adopt(discard=True, **who).findings
    assert said["code"].tolist() == ["store.result_emptied", "store.column_dropped"]
    assert [json.loads(text)["count"] for text in said["parameters"]] == [1, 1]
    assert later.read("findings", where={"origin": "check"}).empty
    assert again().findings().empty
