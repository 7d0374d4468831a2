"""The ledger on named specimens: who meets, what is left over, and what is refused."""

from __future__ import annotations

import doctest

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis.analysis import overlay
from gis.errors import CrsError, FrameError, UnknownNameError, UsageError

AT = np.array([440_000.0, 4_420_000.0])
SQUARE = shapely.box(0, 0, 100, 100)
EAST = shapely.box(100, 0, 200, 100)
RING = SQUARE.difference(shapely.box(30, 30, 70, 70))
YARD = shapely.box(30, 30, 70, 70)
MULTI = shapely.MultiPolygon([shapely.box(10, 10, 20, 20), shapely.box(90, 40, 110, 60), shapely.box(300, 0, 310, 10)])
BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def layer(name, *shapes, crs=4548, keys=None, at=AT):
    keys = [f"{name[0].upper()}{n}" for n in range(len(shapes))] if keys is None else keys
    placed = [shape and shapely.transform(shape, lambda c: c + at) for shape in shapes]
    return gpd.GeoDataFrame({f"{name}_id": pd.Series(keys, dtype="str")}, geometry=placed, crs=crs)


def ledger(tolerance=0.5, facets=False, **layers):
    frames = {name: layer(name, *shapes) for name, shapes in layers.items()}
    return overlay.ledger(frames, tolerance=tolerance, facets=facets)


def areas(frame):
    keys = [column for column in frame.columns if column.endswith("_id")]
    return {tuple(row[key] for key in keys): round(row["area_m2"], 6) for _, row in frame.iterrows()}


@pytest.mark.parametrize(
    ("unit", "meetings", "open_ground"),
    [
        ([SQUARE], {("B0", "U0"): 10_000}, {}),
        ([YARD], {("B0", "U0"): 1_600}, {("B0",): 8_400}),
        ([RING], {("B0", "U0"): 8_400}, {("B0",): 1_600}),
        ([RING, YARD], {("B0", "U0"): 8_400, ("B0", "U1"): 1_600}, {}),
        ([EAST], {}, {("B0",): 10_000}),
        ([shapely.box(99.8, 0, 200, 100)], {}, {("B0",): 10_000}),
        ([MULTI], {("B0", "U0"): 300}, {("B0",): 9_700}),
        ([], {}, {("B0",): 10_000}),
    ],
    ids=["same", "inside", "ring", "ring and yard", "touching", "sliver", "multipart", "empty layer"],
)
def test_block_and_units(unit, meetings, open_ground):
    """A unit meets the block by the ground they share; the rest of the block is in no unit."""
    book = ledger(block=[SQUARE], unit=unit)
    assert areas(book.meetings) == meetings
    assert areas(book.residual("block", "unit")) == open_ground


def test_three_layers_meet_in_tuples():
    """A row names one feature of each layer, with the share of each one's ground."""
    across, yard = shapely.box(50, 0, 150, 100), shapely.box(80, 0, 120, 50)
    row = ledger(block=[SQUARE, EAST], unit=[across], project=[yard]).meetings
    assert row.columns.tolist() == [
        "block_id", "unit_id", "project_id", "area_m2", "block_share", "unit_share", "project_share"
    ]
    assert areas(row) == {("B0", "U0", "P0"): 1_000, ("B1", "U0", "P0"): 1_000}
    assert row.loc[0, ["block_share", "unit_share", "project_share"]].tolist() == [0.1, 0.1, 0.5]


def test_cells_partition_the_ground():
    """Each cell names who is there; ground outside a layer has a missing id and an empty tuple."""
    cells = ledger(block=[SQUARE], unit=[shapely.box(50, 0, 150, 100)]).cells
    assert cells.columns.tolist() == ["block_id", "block_ids", "unit_id", "unit_ids", "area_m2"]
    found = {(b, u): area for b, u, area in zip(cells.block_ids, cells.unit_ids, cells.area_m2, strict=True)}
    assert found == {(("B0",), ()): 5_000, (("B0",), ("U0",)): 5_000, ((), ("U0",)): 5_000}
    assert cells.unit_id.isna().tolist() == [not ids for ids in cells.unit_ids]


def test_layers_may_overlap_themselves():
    """Where catchments overlap by design a cell lists all of them; meetings say they must not be summed."""
    book = ledger(block=[SQUARE], catchment=[shapely.box(0, 0, 60, 100), shapely.box(40, 0, 100, 100)])
    found = dict(zip(book.cells.catchment_ids, book.cells.area_m2, strict=True))
    assert found == {("C0",): 4_000, ("C0", "C1"): 2_000, ("C1",): 4_000}
    assert book.cells.catchment_id.isna().sum() == 1
    assert areas(book.meetings) == {("B0", "C0"): 6_000, ("B0", "C1"): 6_000}
    assert book.meetings.attrs["overlapping"] == ["catchment"] == list(book.overlapping)


def test_pairs_of_a_larger_ledger():
    """Two of three layers are paired whatever the third does, and a layer alone is its own total."""
    book = ledger(block=[SQUARE, EAST], unit=[shapely.box(50, 0, 150, 100)], project=[YARD])
    assert areas(book.pairs("unit", "block")) == {("U0", "B0"): 5_000, ("U0", "B1"): 5_000}
    assert areas(book.pairs("block")) == {("B0",): 10_000, ("B1",): 10_000}
    assert areas(book.residual("block")) == {("B0",): 4_200, ("B1",): 5_000}


def test_unknown_layers_of_a_ledger_are_refused():
    """A layer that the ledger does not have is named together with those it has."""
    with pytest.raises(UnknownNameError, match=r"no layer 'parcel'; it has block, unit"):
        ledger(block=[SQUARE], unit=[YARD]).pairs("block", "parcel")


def test_facets_are_the_cells_drawn():
    """Facets carry the cells' rows, the layers' CRS and place, and areas equal to the cells'."""
    book = ledger(facets=True, block=[SQUARE, EAST], unit=[shapely.box(50, 0, 150, 100)], project=[MULTI])
    assert book.facets.drop(columns="geometry").equals(book.cells)
    assert book.facets.crs.to_epsg() == 4548
    assert book.facets.area.to_numpy() == pytest.approx(book.cells.area_m2.to_numpy())
    assert book.facets.total_bounds.tolist() == [440_000, 4_420_000, 440_310, 4_420_100]
    assert ledger(block=[SQUARE]).facets is None


@pytest.mark.parametrize("name", ["meetings", "cells", "balance", "slivers", "findings"])
def test_tables_have_their_columns_when_nothing_is_there(name):
    """Two empty layers give empty tables with the same columns and types."""
    nothing, something = ledger(block=[], unit=[]), ledger(block=[SQUARE], unit=[shapely.box(50, 0, 100.1, 100)])
    assert len(getattr(nothing, name)) == 0
    pd.testing.assert_series_equal(getattr(nothing, name).dtypes, getattr(something, name).dtypes)


def test_row_order_and_other_columns_do_not_matter():
    """Rows in another order, on another index and with more columns give the same tables bit for bit."""
    units = layer("unit", RING, YARD, shapely.box(99.9, 0, 150, 33.3))
    shuffled = units.iloc[[2, 0, 1]].assign(name="x")
    one, two = (overlay.ledger({"block": layer("block", SQUARE), "unit": u}, tolerance=0.5) for u in (units, shuffled))
    for table in ("meetings", "cells", "balance", "slivers", "findings"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(two, table), check_exact=True)


def test_inputs_are_not_modified():
    """The frames that came are the frames that stay, Z values included."""
    blocks = layer("block", SQUARE)
    blocks = blocks.set_geometry(shapely.force_3d(blocks.geometry, 30.0))
    before = blocks.copy(deep=True)
    overlay.ledger({"block": blocks}, tolerance=0.5)
    pd.testing.assert_frame_equal(blocks, before)
    assert blocks.geometry.iloc[0].has_z


def test_lineage_tells_inputs_and_parameters():
    """Lineage holds a fingerprint of each layer, the tolerance and the precedence."""
    record = ledger(block=[SQUARE], unit=[YARD]).lineage
    assert set(record.inputs) == {"block", "unit"}
    assert dict(record.parameters) == {"tolerance_m": 0.5, "precedence": ["block", "unit"]}
    assert record.inputs["unit"] != ledger(block=[SQUARE], unit=[RING]).lineage.inputs["unit"]


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (layer("unit", SQUARE, crs=None), CrsError, "unit has no coordinate reference system"),
        (layer("unit", SQUARE, crs=4490), CrsError, "unit is in EPSG:4490"),
        (layer("unit", SQUARE, crs=4547), CrsError, "unit is in EPSG:4547 but EPSG:4548"),
        (layer("plot", SQUARE), FrameError, "lacks unit_id; it has plot_id, geometry"),
        (layer("unit", SQUARE, EAST, keys=["U1", None]), FrameError, "1 rows have no unit_id"),
        (layer("unit", SQUARE, EAST, keys=["U1", "U1"]), FrameError, "repeats U1"),
        (layer("unit", SQUARE).assign(unit_id=7), FrameError, "keys are text"),
        (layer("unit", SQUARE, None), FrameError, "no geometry in U1"),
        (layer("unit", SQUARE, shapely.Polygon()), FrameError, "no geometry in U1"),
        (layer("unit", SQUARE, shapely.LineString([(0, 0), (9, 9)])), FrameError, "no polygon in U1"),
        (layer("unit", SQUARE, BOW_TIE), FrameError, r"U1 \(Self-intersection at 440005.000, 4420005.000\); repair"),
        (pd.DataFrame({"unit_id": ["U1"]}), FrameError, "a GeoDataFrame is needed"),
        (gpd.GeoDataFrame({"unit_id": ["U1"]}), FrameError, "a GeoDataFrame is needed"),
    ],
)
def test_layers_that_cannot_be_accounted_for_are_refused(frame, error, words):
    """The message names the layer, the feature, the place and what is allowed."""
    with pytest.raises(error, match=words):
        overlay.ledger({"block": layer("block", SQUARE), "unit": frame}, tolerance=0.5)


def test_every_invalid_feature_is_named():
    """All faulty features are named at once, the first five in words."""
    ties = layer("unit", *[BOW_TIE] * 7)
    with pytest.raises(FrameError, match="and 2 more") as caught:
        overlay.ledger({"unit": ties}, tolerance=0.5)
    assert caught.value.details["features"] == ties.unit_id.tolist()


@pytest.mark.parametrize("tolerance", [0, -0.5, float("nan"), float("inf"), "0.5", None, True])
def test_tolerances_that_are_no_width_are_refused(tolerance):
    """A tolerance is a positive number of metres."""
    with pytest.raises(UsageError, match="above 0"):
        overlay.ledger({"block": layer("block", SQUARE)}, tolerance=tolerance)


def test_no_layer_is_refused():
    """An account of nothing is a mistake of the caller."""
    with pytest.raises(UsageError, match="no layer"):
        overlay.ledger({}, tolerance=0.5)


def test_the_example_in_the_docstring_runs():
    """What the documentation shows is what happens."""
    assert doctest.testmod(overlay) == (0, 8)
