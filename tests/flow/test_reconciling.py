"""Stored boundaries follow higher ones from the command line: one change set, every stretch listed, findings kept."""

from __future__ import annotations

import geopandas as gpd
import openpyxl
import pytest
import shapely

from gis.errors import EmptyError, UsageError
from gis.settings import Settings
from gis.workflow import intake, reconciling

WEST, SOUTH = 423_000.0, 4_423_000.0


def box(x0, y0, x1, y1):
    return shapely.box(WEST + x0, SOUTH + y0, WEST + x1, SOUTH + y1)


def frame(layer, names, shapes, **columns):
    return gpd.GeoDataFrame({f"{layer}_id": names, "name": names, **columns}, geometry=shapes, crs="EPSG:4548")


@pytest.fixture
def drawn(tmp_path):
    """Return the path of a store with two blocks of a hectare and units along them.

    U1 is a draft that stands 0.3 m short of its block in the west; U2 is registered and begins 0.2 m inside its block.
    """
    path = tmp_path / "drawn.gpkg"
    blocks = frame("block", ["MC00-0001", "MC00-0002"], [box(0, 0, 100, 100), box(100, 0, 200, 100)])
    shapes = [box(0.3, 0, 100, 100), box(100.2, 0, 200, 100)]
    units = frame("unit", ["U1", "U2"], shapes, status="delineated", authority=["draft", "registered"])
    with intake.init(path, settings=Settings()) as store:
        store.put("blocks", blocks, author="甲", reason="试")
        store.put("units", units, author="甲", reason="试")
    return path


def test_a_draft_follows_and_the_registered_unit_stays(gis, drawn, tmp_path):
    """30 m² come from the block's line in the west, 20 m² from U2's line; reason, sheet and finding are kept."""
    with intake.opened(drawn, Settings()) as store:
        before = store.read("units").set_index("unit_id").geometry
    sheet = tmp_path / "moves.xlsx"
    code, out, err = gis("--reason", "按控规校核", "reconcile", drawn, "units", "--to", "blocks", "--out", sheet)
    assert code == 0, err
    assert "1 个要素、4 段界线移动,增加 50.00 m²,减少 0.00 m²" in out and "街区 MC00-0001" in out
    with intake.opened(drawn, Settings()) as store:
        after = store.read("units").set_index("unit_id").geometry
        assert after["U1"].symmetric_difference(box(0, 0, 100.2, 100)).area == pytest.approx(0, abs=1e-6)
        assert shapely.equals_identical(after["U2"], before["U2"])
        assert store.changes().iloc[-1][["reason", "operation", "updated"]].tolist() == ["按控规校核", "put", 1]
        kept = store.read("findings", where={"origin": "reconcile"})
        assert kept[["code", "feature"]].values.tolist() == [["reconcile.locked_differ", "U2"]]
    book = openpyxl.load_workbook(sheet)
    assert book.sheetnames == ["界线移动", "问题清单"]
    rows = [[cell.value for cell in row] for row in book["界线移动"].iter_rows()]
    moved = {(row[3], row[4]): row[7:9] for row in rows if isinstance(row[0], int) and row[5] > 1}
    assert moved == {("街区", "MC00-0001"): [30, 0], ("更新单元", "U2"): [20, 0]}


def test_a_trial_stores_nothing_and_lists_the_same(drawn, tmp_path):
    """The stretches as lines, in the store's CRS; a second run then moves nothing."""
    out = tmp_path / "moves.gpkg"
    with intake.opened(drawn, Settings()) as store:
        changes = len(store.changes())
        trial = reconciling.reconcile(store, "units", to=["blocks"], wish=reconciling.Wish(file=out, dry=True))
        assert (trial.change, len(store.changes())) == (None, changes)
        lines = gpd.read_file(out)
        assert (lines.crs.to_epsg(), set(lines.geom_type)) == (4548, {"LineString"})
        assert lines["gained_m2"].sum() == pytest.approx(50)
        done = reconciling.reconcile(store, "units", to=["blocks"])
        assert done.moves.drop(columns="geometry").equals(trial.moves.drop(columns="geometry"))
        again = reconciling.reconcile(store, "units", to=["blocks"])
        assert (len(again.moves), again.changed, len(store.read("findings"))) == (0, 0, 1)


def test_the_tolerance_is_ours_to_choose(drawn):
    """With 0.1 m nothing is near enough to follow but what already lies there."""
    with intake.opened(drawn, Settings()) as store:
        assert reconciling.reconcile(store, "units", to=["blocks"], wish=reconciling.Wish(tolerance=0.1)).changed == 0


REFUSED = {
    "itself": ("units", ["units"], UsageError),
    "points": ("units", ["stations"], UsageError),
    "results": ("units", ["block_results"], UsageError),
    "nothing": ("units", [], UsageError),
    "an empty layer": ("projects", ["blocks"], EmptyError),
}


@pytest.mark.parametrize(("layer", "to", "error"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_lines_is_refused(drawn, layer, to, error):
    """Before anything is computed."""
    with intake.opened(drawn, Settings()) as store, pytest.raises(error):
        reconciling.reconcile(store, layer, to=to)
