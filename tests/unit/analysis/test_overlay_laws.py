"""Laws of the ledger that hold for any layers."""

from __future__ import annotations

import itertools
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.analysis import overlay

AT = np.array([440_000.0, 4_420_000.0])
NAMES = ("block", "unit", "project")

whole = st.integers(0, 15)
boxes = st.builds(lambda x, y, w, h: shapely.box(x, y, x + w + 1, y + h + 1), whole, whole, whole, whole)
# any place and any turn: slivers of every width come up
loose = st.builds(
    lambda shape, angle, dx: shapely.affinity.translate(shapely.affinity.rotate(shape, angle), dx),
    boxes,
    st.floats(0, 90),
    st.floats(0, 1),
)
clean_layers = st.lists(st.lists(boxes, max_size=4), min_size=2, max_size=3)
noisy_layers = st.lists(st.lists(st.one_of(boxes, loose), max_size=4), min_size=2, max_size=3)


def frames(layers, at=AT):
    result = {}
    for name, shapes in zip(NAMES, layers, strict=False):
        keys = pd.Series([f"{name[0]}{n}" for n in range(len(shapes))], dtype="str")
        placed = [shapely.transform(shape, lambda c: c + at) for shape in shapes]
        result[name] = gpd.GeoDataFrame({f"{name}_id": keys}, geometry=gpd.GeoSeries(placed, crs=4548))
    return result


def keyed(table):
    keys = [column for column in table.columns if column.endswith("_id")]
    return dict(zip(table[keys].itertuples(index=False, name=None), table.area_m2, strict=True))


def total(frame_or_union):
    return shapely.union_all(frame_or_union).area


@settings(max_examples=60)
@given(noisy_layers)
def test_accounts_balance(layers):
    """Own area = cells + given - received for every feature; transfers that are named add up to those booked."""
    book = overlay.ledger(frames(layers), tolerance=0.5)
    cells = {}
    for name in NAMES[: len(layers)]:
        for ids, area in zip(book.cells[f"{name}_ids"], book.cells.area_m2, strict=True):
            for feature in ids:
                cells.setdefault(feature, []).append(area)
    for row in book.balance.itertuples():
        assert row.cells_m2 == pytest.approx(math.fsum(cells.get(row.feature, [])), abs=1e-9)
        assert abs(row.own_m2 - row.cells_m2 - row.given_m2 + row.received_m2) < 0.01
    for column, side in (("given_m2", "giver"), ("received_m2", "receiver")):
        named = book.slivers.dropna(subset=[side]).area_m2.sum()
        assert named == pytest.approx(book.balance[column].sum(), abs=1e-3)


@settings(max_examples=60)
@given(noisy_layers)
def test_no_feature_is_lost_and_no_ground_invented(layers):
    """Every feature keeps some ground, and cells never exceed what was drawn."""
    given_frames = frames(layers)
    book = overlay.ledger(given_frames, tolerance=0.5)
    assert (book.balance.cells_m2 > 0).all()
    drawn = [shape for frame in given_frames.values() for shape in frame.geometry]
    assert book.cells.area_m2.sum() <= total(drawn) + 1e-6 if drawn else len(book.cells) == 0


@settings(max_examples=60)
@given(clean_layers)
def test_clean_tuples_are_the_intersections(layers):
    """Without noise: the same tuples as intersecting everything with everything, each area the same."""
    given_frames = frames(layers)
    book = overlay.ledger(given_frames, tolerance=0.5)
    truth = {}
    for rows in itertools.product(*(frame.itertuples() for frame in given_frames.values())):
        common = rows[0].geometry
        for row in rows[1:]:
            common = common.intersection(row.geometry)
        if common.area > 0:
            truth[tuple(row[1] for row in rows)] = common.area
    found = keyed(book.meetings)
    assert found.keys() == truth.keys()
    assert all(abs(found[key] - truth[key]) < 1e-6 for key in truth)
    assert len(book.slivers) == 0


@settings(max_examples=40)
@given(clean_layers)
def test_layer_order_is_only_precedence(layers):
    """Where nothing is a sliver, layers in another order give the same tuples, areas and cells bit for bit."""
    forward = frames(layers)
    backward = dict(reversed(forward.items()))
    one, two = (overlay.ledger(each, tolerance=0.5) for each in (forward, backward))
    columns = one.meetings.columns.tolist()
    keys = [column for column in columns if column.endswith("_id")]
    other = two.meetings[columns].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(one.meetings, other, check_exact=True)
    assert sorted(one.cells.area_m2) == sorted(two.cells.area_m2)


@settings(max_examples=40)
@given(noisy_layers, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(layers, random):
    """Rows in any order give the same tables bit for bit."""
    one = frames(layers)
    two = {name: frame.sample(frac=1, random_state=random.randrange(2**32)) for name, frame in one.items()}
    a, b = (overlay.ledger(each, tolerance=0.5) for each in (one, two))
    for table in ("meetings", "cells", "balance", "slivers"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table), check_exact=True)


@settings(max_examples=40)
@given(clean_layers, st.integers(-400_000, 400_000), st.integers(-4_000_000, 4_000_000))
def test_place_does_not_matter(layers, east, north):
    """The same shapes elsewhere have the same tuples, areas to the last bit when moved by whole metres."""
    one = overlay.ledger(frames(layers), tolerance=0.5)
    two = overlay.ledger(frames(layers, AT + np.array([east, north])), tolerance=0.5)
    pd.testing.assert_frame_equal(one.meetings, two.meetings, check_exact=True)


@settings(max_examples=40)
@given(st.lists(boxes, min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 4))
def test_a_partition_sums_to_the_whole(shapes, columns, rows):
    """Cut into a grid of units, a block's pieces add up to the block and nothing is left in no unit."""
    xs, ys = np.linspace(0, 36, columns + 1), np.linspace(0, 36, rows + 1)
    grid = [shapely.box(a, b, c, d) for a, c in itertools.pairwise(xs) for b, d in itertools.pairwise(ys)]
    book = overlay.ledger(frames([shapes, grid]), tolerance=0.1)
    sums = book.meetings.groupby("block_id").area_m2.sum()
    assert sums.tolist() == pytest.approx([shape.area for shape in shapes], abs=1e-6)
    assert len(book.residual("block", "unit")) == 0


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.0005, 0.08))
def test_settling_twice_changes_nothing(seed, noise):
    """Units drawn anew from their settled cells follow the blocks' lines: nothing is left to settle."""
    blocks, units, _ = noisy_town(seed, noise)
    book = overlay.ledger({"block": blocks, "unit": units}, tolerance=0.5, facets=True)
    drawn_anew = book.facets.dissolve("unit_id").reset_index()[["unit_id", "geometry"]]
    again = overlay.ledger({"block": blocks, "unit": drawn_anew}, tolerance=0.5)
    assert keyed(again.meetings) == pytest.approx(keyed(book.meetings), abs=1e-4)
    assert again.slivers.area_m2.sum() < 1e-3


def noisy_town(seed, noise):
    """Four by four blocks that tile a square, and four units digitised apart from them."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0), indexing="ij")
    points = np.stack([x, y], axis=-1) * 120 + rng.uniform(-20, 20, (5, 5, 2)) + AT
    corners = [(i, j) for i in range(4) for j in range(4)]
    shapes = [shapely.Polygon(points[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]]) for i, j in corners]
    keys = pd.Series([f"b{i}{j}" for i, j in corners], dtype="str")
    blocks = gpd.GeoDataFrame({"block_id": keys}, geometry=shapes, crs=4548)
    owner = np.array([f"u{i // 2}{j // 2}" for i, j in corners])
    units = []
    for name in sorted(set(owner)):
        ring = shapely.get_coordinates(shapely.segmentize(shapely.union_all(blocks.geometry[owner == name]), 40))[:-1]
        units.append((name, shapely.Polygon(ring + rng.normal(0, noise, ring.shape))))
    table = gpd.GeoDataFrame(units, columns=["unit_id", "geometry"], geometry="geometry", crs=4548)
    return blocks, table, dict(zip(keys, owner, strict=True))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.0001, 0.08))
def test_noise_never_puts_a_block_in_two_units(seed, noise):
    """Each block lies whole in its own unit, whatever the hand that drew the unit did."""
    blocks, units, truth = noisy_town(seed, noise)
    book = overlay.ledger({"block": blocks, "unit": units}, tolerance=0.5)
    assert dict(zip(book.meetings.block_id, book.meetings.unit_id, strict=True)) == truth
    assert len(book.meetings) == len(truth)
    assert book.meetings.block_share.tolist() == [1.0] * len(truth)
