"""Slivers: noise of digitising changes hands by rule, and every transfer is in the books."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis.analysis import overlay

AT = np.array([440_000.0, 4_420_000.0])
WEST, EAST = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)


def layer(name, *shapes):
    keys = pd.Series([f"{name[0].upper()}{n}" for n in range(len(shapes))], dtype="str")
    placed = [shapely.transform(shape, lambda c: c + AT) for shape in shapes]
    return gpd.GeoDataFrame({f"{name}_id": keys}, geometry=placed, crs=4548)


def ledger(tolerance=0.5, **layers):
    return overlay.ledger({name: layer(name, *shapes) for name, shapes in layers.items()}, tolerance=tolerance)


def transfers(book):
    columns = book.slivers[["layer", "giver", "receiver"]].astype(object)
    rows = columns.where(columns.notna(), None).itertuples(index=False, name=None)
    return list(zip(rows, book.slivers.area_m2.round(6), strict=True))


def account(book, feature):
    row = book.balance.set_index("feature").loc[feature]
    return [round(float(row[name]), 6) for name in ("own_m2", "cells_m2", "given_m2", "received_m2")]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        # U0 reaches 0.2 m into the eastern block, where U1 leaves room for it
        ((shapely.box(0, 0, 100.2, 100), shapely.box(100.2, 0, 200, 100)), [(("unit", "U0", "U1"), 20)]),
        # a gap of 0.2 m between the units, all of it in the eastern block
        ((WEST, shapely.box(100.2, 0, 200, 100)), [(("unit", None, "U1"), 20)]),
        # both units claim 0.2 m of the eastern block
        ((shapely.box(0, 0, 100.2, 100), EAST), [(("unit", "U0", None), 20)]),
        # the units reach 0.2 m beyond the blocks
        ((WEST, shapely.box(100, 0, 200, 100.2)), [(("unit", "U1", None), 20)]),
    ],
    ids=["stray", "gap", "double cover", "outside"],
)
def test_a_noisy_line_follows_the_layer_named_first(units, expected):
    """Each block is whole in its own unit, and the sliver's giver and receiver are named with its area."""
    book = ledger(block=[WEST, EAST], unit=units)
    assert book.meetings[["block_id", "unit_id"]].to_numpy().tolist() == [["B0", "U0"], ["B1", "U1"]]
    assert book.meetings.area_m2.tolist() == pytest.approx([10_000, 10_000])
    assert transfers(book) == expected
    assert len(book.residual("block", "unit")) == len(book.residual("unit", "block")) == 0


def test_accounts_name_what_was_given_and_received():
    """Own area = cells + given - received, feature by feature."""
    book = ledger(block=[WEST, EAST], unit=[shapely.box(0, 0, 100.2, 100), shapely.box(100.2, 0, 200, 100)])
    assert account(book, "U0") == [10_020, 10_000, 20, 0]
    assert account(book, "U1") == [9_980, 10_000, 0, 20]
    assert account(book, "B1") == [10_000, 10_000, 0, 0]


def test_precedence_is_the_order_of_layers():
    """With the units named first their line stands and the blocks give way."""
    book = ledger(unit=[shapely.box(0, 0, 100.2, 100), shapely.box(100.2, 0, 200, 100)], block=[WEST, EAST])
    assert transfers(book) == [(("block", "B1", "B0"), 20)]
    assert account(book, "U0") == [10_020, 10_020, 0, 0]


@pytest.mark.parametrize(("reach", "pairs"), [(0.4, 2), (0.6, 3)])
def test_width_decides_not_area(reach, pairs):
    """A common strip counts when it is wider than the tolerance, however small or large its area."""
    book = ledger(block=[WEST, EAST], unit=[shapely.box(0, 0, 100 + reach, 100), shapely.box(100 + reach, 0, 200, 100)])
    assert len(book.meetings) == pairs


def test_pairs_that_meet_somewhere_meet_everywhere():
    """A unit that truly enters the eastern block keeps its sliver of the same block elsewhere."""
    cross = shapely.union_all([shapely.box(0, 0, 100.2, 100), shapely.box(100, 0, 150, 20)])
    book = ledger(block=[WEST, EAST], unit=[cross])
    assert book.meetings.area_m2.tolist() == pytest.approx([10_000, 1_016])
    assert len(book.slivers) == 0


def test_residuals_are_tested_piece_by_piece():
    """A true gap on one side does not excuse a slit on the other."""
    book = ledger(block=[WEST], unit=[shapely.box(0, 0, 30, 100), shapely.box(30.2, 0, 70, 100)])
    assert book.residual("block", "unit").area_m2.tolist() == pytest.approx([3_000])
    assert transfers(book) == [(("unit", None, "U0"), 20)]


def test_longest_border_decides_then_the_key():
    """The slit goes to the unit with most of its border; with equal borders to the smaller key."""
    units = [shapely.box(0, 0, 30, 40), shapely.box(0, 40, 30, 100), shapely.box(30.2, 0, 100, 100)]
    long_east = ledger(block=[WEST], unit=units)
    assert {receiver for (_, _, receiver), _ in transfers(long_east)} == {"U2"}
    equal = ledger(block=[WEST], unit=[shapely.box(30.2, 0, 100, 100), shapely.box(0, 0, 30, 100)])
    assert {receiver for (_, _, receiver), _ in transfers(equal)} == {"U0"}


def test_own_layer_slivers_are_settled_too():
    """Two blocks that overlap by noise share the strip out by rule, also in the layer named first."""
    book = ledger(block=[shapely.box(0, 0, 100.2, 100), EAST])
    assert transfers(book) == [(("block", "B1", None), 20)]
    assert book.overlapping == ()


def test_a_feature_narrower_than_the_tolerance_is_kept_with_a_finding():
    """A strip that would vanish keeps its largest tuple, and the finding says where."""
    book = ledger(block=[WEST, EAST], project=[shapely.box(20, 50, 100, 50.3), shapely.box(100, 80, 190, 80.3)])
    assert book.meetings.project_id.tolist() == ["P0", "P1"]
    assert book.meetings.project_share.tolist() == [1.0, 1.0]
    assert book.findings[["code", "layer", "feature"]].to_numpy().tolist() == [
        ["overlay.narrow", "project", "P0"],
        ["overlay.narrow", "project", "P1"],
    ]
    assert book.findings.y.tolist() == pytest.approx([4_420_050.15, 4_420_080.15])


def test_a_narrow_feature_across_two_blocks_keeps_the_larger_part():
    """Only the largest tuple is kept; the rest is given away and booked."""
    book = ledger(block=[WEST, EAST], project=[shapely.box(20, 50, 130, 50.3)])
    assert list(zip(book.meetings.block_id, book.meetings.project_id, strict=True)) == [("B0", "P0")]
    assert account(book, "P0") == [33, 24, 9, 0]


def test_a_sliver_between_slivers_waits_for_its_neighbours():
    """Slits that touch no settled face are settled after the ones around them."""
    slits = [shapely.box(0, 0, 50, 100), shapely.box(50.1, 0, 50.2, 100), shapely.box(50.3, 0, 100, 100)]
    book = ledger(block=[WEST], unit=[slits[0], slits[2]], project=[slits[1]])
    assert book.pairs("block", "unit").area_m2.sum() == pytest.approx(10_000)
    assert len(book.residual("block", "unit")) == 0


def test_edges_of_three_layers_fall_together():
    """Three layers drawn apart with centimetres of noise agree on two tuples."""
    project = [shapely.box(0.03, 0.02, 99.95, 50.02), shapely.box(100.06, 0.01, 199.97, 100.03)]
    unit = [shapely.box(-0.04, 0, 100.05, 100.02), shapely.box(99.98, 0.05, 200.02, 99.96)]
    book = ledger(block=[WEST, EAST], unit=unit, project=project)
    assert list(book.meetings[["block_id", "unit_id", "project_id"]].itertuples(index=False, name=None)) == [
        ("B0", "U0", "P0"),
        ("B1", "U1", "P1"),
    ]
    assert book.balance.difference_m2.abs().max() < 0.01


def test_places_of_slivers_lie_in_them():
    """The place named with a sliver is a point inside it, in the layers' own coordinates."""
    row = ledger(block=[WEST], unit=[shapely.box(50, 0, 100.2, 100)]).slivers.iloc[0]
    assert shapely.box(100, 0, 100.2, 100).contains(shapely.Point(row.x - AT[0], row.y - AT[1]))
