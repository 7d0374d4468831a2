"""One answer from either tier: the kernels, and GEOS where nothing is compiled; and the laws that hold in both."""

from __future__ import annotations

import dataclasses
import itertools
import math
from contextlib import contextmanager

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import compiled
from gis.analysis import balance, ground, overlay
from gis.analysis.settlement import settle
from gis.analysis.ties import ties
from gis.errors import FrameError
from gis.geometry import areas
from tests.unit.analysis import test_overlay as specimens
from tests.unit.analysis.test_overlay_laws import AT, clean_layers, frames, keyed, noisy_layers, noisy_town

TIERS = ["kernels", "geos"]
TABLES = ("meetings", "cells", "balance", "slivers")
SHELL = shapely.Polygon([(0, 0), (100, 0), (100, 100), (0, 100)], [[(100, 50), (80, 60), (80, 40)]])
CASES = {
    "same": {"block": [specimens.SQUARE], "unit": [specimens.SQUARE]},
    "ring and yard": {"block": [specimens.SQUARE], "unit": [specimens.RING, specimens.YARD]},
    "multipart": {"block": [specimens.SQUARE, specimens.EAST], "unit": [specimens.MULTI]},
    "stray": {"block": [specimens.SQUARE, specimens.EAST], "unit": [shapely.box(0, 0, 100.2, 100)]},
    "gap": {"block": [specimens.SQUARE], "unit": [shapely.box(0, 0, 50, 100), shapely.box(50.3, 0, 100, 100)]},
    "double cover": {"block": [specimens.SQUARE], "unit": [shapely.box(0, 0, 50.3, 100), shapely.box(50, 0, 100, 100)]},
    "narrow": {"block": [specimens.SQUARE], "unit": [shapely.box(10, 10, 10.1, 90)]},
    "overlapping": {"catchment": [shapely.Point(x, 0).buffer(80) for x in (0, 50, 90)], "block": [specimens.SQUARE]},
    "empty": {"block": [specimens.SQUARE], "unit": []},
    "hole touches": {"block": [SHELL], "unit": [shapely.box(50, 0, 150, 100), shapely.box(80, 40, 100, 60)]},
    "point twice": {
        "block": [shapely.Polygon([(0, 0), (0, 0), (100, 0), (100, 50), (100, 50), (100, 100), (0, 100)])],
        "unit": [shapely.Polygon([(50, 50), (150, 50), (150, 50), (150, 150), (50, 150)])],
    },
    "three": {
        "block": [specimens.SQUARE, specimens.EAST], "unit": [shapely.box(50, 0, 150, 100)],
        "project": [shapely.box(80, 0, 120, 50), shapely.affinity.rotate(specimens.YARD, 30)],
    },
}  # fmt: skip


@contextmanager
def tier(name):
    """Measure with the kernels, or as a machine does that has none."""
    if name == "kernels":
        with compiled.insisted():
            yield
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "ready", lambda edges: False)
            yield


def case(name):
    return {layer: specimens.layer(layer, *shapes) for layer, shapes in CASES[name].items()}


def summed(table):
    """Return the areas of a table by everything in a row that is a name."""
    names = [column for column in table.columns if table[column].dtype.kind not in "fc"]
    rows = table[names].astype(object).where(table[names].notna(), None).itertuples(index=False, name=None)
    found = {}
    for key, area in zip(rows, table.filter(like="_m2").to_numpy(), strict=True):
        found[key] = found.get(key, 0.0) + area
    return found


def assert_alike(one, other, within=1e-6):
    """Compare all tables of two ledgers: equal keys, areas within a square millimetre."""
    for name in TABLES:
        a, b = summed(getattr(one, name)), summed(getattr(other, name))
        assert a.keys() == b.keys(), name
        assert all(np.abs(a[key] - b[key]).max() < within for key in a), name
    assert one.overlapping == other.overlapping
    assert one.findings[["code", "layer", "feature"]].equals(other.findings[["code", "layer", "feature"]])


# --- the same answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_specimens_have_one_ledger(name):
    """Either tier gives the same rows, areas and findings, and draws the same facets."""
    books = {}
    for each in TIERS:
        with tier(each):
            books[each] = overlay.ledger(case(name), tolerance=0.5, facets=True)
    assert_alike(*books.values())
    fast, slow = (book.facets.geometry.to_numpy() for book in books.values())
    assert shapely.is_valid(fast).all()
    assert shapely.is_valid(slow).all()
    assert shapely.area(shapely.symmetric_difference(fast, slow)).max(initial=0) < 1e-6


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty"])
def test_specimens_have_one_common_ground(name):
    """Either tier finds the same tuples as drawn."""
    layers = case(name)
    if len(layers) < 2:
        return
    found = {}
    for each in TIERS:
        with tier(each):
            found[each] = overlay.common_ground(layers)
    fast, slow = found.values()
    pd.testing.assert_frame_equal(fast, slow, check_exact=False, rtol=0, atol=1e-6)


@pytest.mark.parametrize("noise", [0.0005, 0.02, 0.08])
@pytest.mark.parametrize("seed", range(4))
def test_noisy_towns_have_one_ledger(seed, noise):
    """Slivers change hands alike, whoever cut them."""
    blocks, units, _ = noisy_town(seed, noise)
    with tier("kernels"):
        fast = overlay.ledger({"block": blocks, "unit": units}, tolerance=0.5)
    with tier("geos"):
        slow = overlay.ledger({"block": blocks, "unit": units}, tolerance=0.5)
    assert_alike(fast, slow)


@settings(max_examples=40)
@given(noisy_layers)
def test_any_layers_have_one_common_ground(layers):
    """Tuples as drawn: the same in both tiers but for ground that is no wider than rounding."""
    found = []
    for each in TIERS:
        with tier(each):
            found.append(keyed(overlay.common_ground(frames(layers))))
    for key in found[0].keys() | found[1].keys():
        assert abs(found[0].get(key, 0) - found[1].get(key, 0)) < 1e-6


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty"])
def test_plain_kernels_settle_as_compiled_ones(name):
    """On one and the same cut the accounts are equal to the last bit, whoever runs the kernels of the analysis."""
    with tier("geos"):
        cut = ground.cut(ground.read(case(name)))
    plain, fast = (
        settled(dataclasses.replace(cut, run=run)) for run in (compiled.as_plain, compiled.as_compiled)
    )
    for table in ("cells", "balance", "slivers"):
        one, other = (getattr(balance, table)(account) for account in (plain, fast))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def settled(cut):
    known = ties(cut.faces, cut.layer_of, len(cut.layers), 0.5, lambda asked: cut.wide(asked, 0.5), cut.run)
    return balance.account(cut, settle(cut.faces, known, cut.run))


# --- laws of both tiers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=30)
@given(layers=clean_layers, turn=st.floats(0, 360))
def test_turning_moves_no_ground(each, layers, turn):
    """Turned about a point the layers share the same ground, row by row."""
    one = frames(layers)
    two = {name: frame.set_geometry(frame.geometry.rotate(turn, origin=tuple(AT))) for name, frame in one.items()}
    with tier(each):
        a, b = keyed(overlay.common_ground(one)), keyed(overlay.common_ground(two))
    for key in a.keys() | b.keys():
        assert abs(a.get(key, 0) - b.get(key, 0)) < 1e-5


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=30)
@given(layers=noisy_layers, east=st.integers(-400_000, 90_000), north=st.integers(-4_000_000, 1_000_000))
def test_whole_metres_change_no_bit(each, layers, east, north):
    """Shapes on a lattice of 1/256 m moved by whole metres have the same rows to the last bit."""
    snapped = [[shapely.transform(shape, lambda xy: np.round(xy * 256) / 256) for shape in layer] for layer in layers]
    kept = [[shape for shape in layer if shape.is_valid and shape.area > 0] for layer in snapped]
    with tier(each):
        one, two = (overlay.common_ground(frames(kept, at)) for at in (AT, AT + np.array([east, north])))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=30)
@given(layers=noisy_layers, random=st.randoms(use_true_random=False))
def test_order_of_rows_and_layers_is_nothing(each, layers, random):
    """Rows in any order give the same bits; layers in any order the same tuples and areas."""
    one = frames(layers)
    mixed = {name: frame.sample(frac=1, random_state=random.randrange(2**32)) for name, frame in one.items()}
    turned = dict(random.sample(list(one.items()), len(one)))
    with tier(each):
        a, b, c = (overlay.common_ground(given_layers) for given_layers in (one, mixed, turned))
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    c = keyed(c[a.columns])
    for key, area in keyed(a).items():
        assert abs(area - c.pop(key, 0)) < 1e-6
    assert all(area < 1e-6 for area in c.values())


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=20)
@given(layers=noisy_layers)
def test_workers_do_not_show(each, layers):
    """One, two or three threads: the same rows to the last bit, of tuples, of pairs and of a ledger."""
    given_frames = frames(layers)
    with tier(each):
        tuples = [overlay.common_ground(given_frames, workers=workers) for workers in (1, 2, 3)]
        books = [overlay.ledger(given_frames, tolerance=0.5, facets=True, workers=workers) for workers in (1, 2, 3)]
        first = next(iter(given_frames.values())).geometry.to_numpy()
        pairs = [areas.pair_areas(first, workers=workers) for workers in (1, 2, 3)]
    for a, b in itertools.pairwise(tuples):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    for a, b in itertools.pairwise(books):
        for table in TABLES:
            pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table), check_exact=True)
        assert a.facets.to_wkb().equals(b.facets.to_wkb())
    for a, b in itertools.pairwise(pairs):
        assert all(np.array_equal(*columns) for columns in zip(a, b, strict=True))


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=30)
@given(layers=clean_layers, columns=st.integers(1, 5), rows=st.integers(1, 5), turn=st.sampled_from([0, 30, 7.3]))
def test_a_partition_sums_to_what_it_cuts(each, layers, columns, rows, turn):
    """Whatever it is cut into, a feature's ground is the sum of its pieces."""
    xs, ys = np.linspace(-60, 90, columns + 1), np.linspace(-60, 90, rows + 1)
    cells = [shapely.box(a, b, c, d) for a, c in itertools.pairwise(xs) for b, d in itertools.pairwise(ys)]
    turned = [shapely.affinity.rotate(cell, turn, origin=(15, 15)) for cell in cells]
    given_frames = frames([layers[0], turned])
    with tier(each):
        table = overlay.common_ground(given_frames)
    sums = table.groupby("block_id").area_m2.agg(math.fsum)
    whole = given_frames["block"].set_index("block_id").area
    assert sums.to_dict() == pytest.approx(whole.to_dict(), abs=1e-6)


@pytest.mark.parametrize("each", TIERS)
@settings(max_examples=30)
@given(layers=noisy_layers)
def test_pairs_are_symmetric(each, layers):
    """What one layer shares with another, that one shares with it; within a layer each pair comes once."""
    left, right = (frame.geometry.to_numpy() for frame in itertools.islice(frames(layers).values(), 2))
    with tier(each):
        one, two = areas.pair_areas(left, right), areas.pair_areas(right, left)
        within, full = areas.pair_areas(left), areas.pair_areas(left, left)
    a, b = ({(i, j): area for i, j, area in zip(*each_side, strict=True)} for each_side in (one, two))
    for i, j in a.keys() | {(i, j) for j, i in b}:
        assert abs(a.get((i, j), 0) - b.get((j, i), 0)) < 1e-6
    upper = {(i, j): area for i, j, area in zip(*full, strict=True) if i < j}
    inner = {(i, j): area for i, j, area in zip(*within, strict=True)}
    for pair in upper.keys() | inner.keys():
        assert abs(upper.get(pair, 0) - inner.get(pair, 0)) < 1e-6
    diagonal = {i: area for i, j, area in zip(*full, strict=True) if i == j}
    assert diagonal == pytest.approx(dict(enumerate(shapely.area(left))), abs=1e-6)


@pytest.mark.parametrize("each", TIERS)
@pytest.mark.parametrize("seed", range(3))
def test_settling_what_was_settled_changes_nothing(each, seed):
    """Units drawn anew from their settled cells leave nothing to settle, and the books balance both times."""
    blocks, units, _ = noisy_town(seed, 0.05)
    with tier(each):
        book = overlay.ledger({"block": blocks, "unit": units}, tolerance=0.5, facets=True)
        anew = book.facets.dissolve("unit_id").reset_index()[["unit_id", "geometry"]]
        again = overlay.ledger({"block": blocks, "unit": anew}, tolerance=0.5)
    assert keyed(again.meetings) == pytest.approx(keyed(book.meetings), abs=1e-4)
    assert again.slivers.area_m2.sum() < 1e-3
    assert max(book.balance.difference_m2.abs().max(), again.balance.difference_m2.abs().max()) < 0.01


@pytest.mark.parametrize("each", TIERS)
@pytest.mark.parametrize("fault", ["bow-tie", "nan", "inf", "overlapping parts", "hole outside"])
def test_invalid_features_are_refused_never_measured(each, fault):
    """One bad feature among good ones stops ledger and common ground in either tier; the message names it."""
    bad = {
        "bow-tie": specimens.BOW_TIE,
        "nan": shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)]),
        "inf": shapely.Polygon([(0, 0), (10, 0), (np.inf, 10)]),
        "overlapping parts": shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]),
        "hole outside": shapely.Polygon(specimens.SQUARE.exterior.coords, [[(200, 0), (210, 0), (210, 10)]]),
    }[fault]
    if fault == "nan":
        bad = shapely.transform(bad, lambda xy: np.where(xy == [10, 10], np.nan, xy))
    layers = {"block": specimens.layer("block", specimens.SQUARE)}
    layers["unit"] = gpd.GeoDataFrame({"unit_id": ["fine", "bad"]}, geometry=[specimens.YARD, bad], crs=4548)
    with tier(each), np.errstate(invalid="ignore"):
        for question in (overlay.common_ground, lambda given_layers: overlay.ledger(given_layers, tolerance=0.5)):
            with pytest.raises(FrameError, match="bad") as caught:
                question(layers)
            assert caught.value.details["features"] == ["bad"]
