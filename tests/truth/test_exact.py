"""Overlays by exact truth, on both engines: pairs, tuples, shares, cells and their shapes, family by family."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.analysis import overlay
from tests.truth.exact import cities
from tests.truth.exact.arithmetic import Shapes, clipped
from tests.truth.exact.cases import CASES, case
from tests.truth.exact.engines import ENGINES, engine
from tests.truth.exact.grids import FAMILIES as GRIDS
from tests.truth.exact.grids import counted
from tests.truth.exact.judging import NOISE, unit
from tests.truth.exact.running import run
from tests.truth.exact.specimens import FAMILIES, Specimen, make

# specimens of a family that are looked at in every run; `scripts/bench exact` looks at as many as one likes
NUMBERS = range(2)
# specimens that `scripts/bench exact` found wrong: staircases over half a continent, 39 million metres from the origin
FOUND = [("long_outlines", 500_000_006), ("long_outlines", 500_000_008)]
# faults that are written out
SHOWN = 3
CONVEX = ("along", "upright", "level", "fan", "leaning", "hairlines", "sheer", "boxes")


@pytest.fixture(scope="module")
def specimen():
    """Make specimens once for both engines, for their truth is what takes long."""
    made = {}

    def get(family, number):
        if (family, number) not in made:
            made[family, number] = make(family, number)
        return made[family, number]

    return get


def nothing_wrong(verdict):
    """Fail with a count by judge and kind, and the first faults with their shapes as WKT, the truth and the answer."""
    assert verdict.judged
    if verdict.faults:
        kinds = Counter(f"{fault.judge}: {fault.kind}" for fault in verdict.faults)
        said = [f"{len(verdict.faults)} of {verdict.judged} wrong", *(f"{n} x {kind}" for kind, n in kinds.items())]
        pytest.fail("\n".join([*said, *map(str, verdict.faults[:SHOWN])]), pytrace=False)


# --- the truth ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", CONVEX)
def test_two_ways_of_truth_agree(family, specimen):
    """Whole numbers below edges give what cutting in fractions gives."""
    for number in NUMBERS:
        made = specimen(family, number)
        for (i, j), area in made.within.items():
            assert area == pytest.approx(float(clipped(made.shapes[i], made.shapes[j])), rel=1e-14, abs=1e-30)


@pytest.mark.parametrize("family", [family for family in GRIDS if family != "long_outlines"])
def test_truth_counts_cells(family, specimen):
    """Tuples of whole cells have the ground of their cells, but for noise along their outlines."""
    for number in NUMBERS:
        made = specimen(family, number)
        cells = {key: n * made.grid.cell_m2 for key, n in counted(made.grid.layers).items() if min(key) >= 0}
        for key in cells.keys() | made.tuples.keys():
            noise = NOISE * unit(made) * made.around(key)
            assert made.tuples.get(key, 0.0) == pytest.approx(cells.get(key, 0.0), abs=noise)


@pytest.mark.parametrize("away", cities.AWAY)
def test_truth_of_a_city_is_whole_metres(away):
    """What comes back from another CRS shares what it shared when it was drawn, to a square centimetre."""
    drawn = cities.drawn(np.random.default_rng(away))
    here, there = (Specimen("city", 0, layers).within for layers in (drawn, cities.returned(drawn, away)))
    assert all(area == round(area) for area in here.values())
    assert all(there.get(key, 0.0) == pytest.approx(here.get(key, 0.0), abs=1e-4) for key in there.keys() | here.keys())


def test_truth_of_three_shapes_by_hand():
    """A box, the diamond around its corner, and a box that cuts off two sides of what they share."""
    diamond = shapely.Polygon([(4, 0), (0, 4), (-4, 0), (0, -4)])
    exact = Shapes([shapely.box(0, 0, 4, 4), diamond, shapely.box(1, 1, 9, 9)])
    assert [exact.area(n) for n in range(3)] == [16.0, 32.0, 64.0]
    assert [exact.area(0, 1), exact.area(0, 2), exact.area(1, 2)] == [8.0, 9.0, 2.0]
    assert exact.area(0, 1, 2) == exact.area(2, 0, 1) == 2.0


def test_truth_of_holes_and_parts_by_hand():
    """A frame and two boxes that touch in a corner, one of them in the frame's hole."""
    frame = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6))
    parts = shapely.MultiPolygon([shapely.box(4, 4, 6, 6), shapely.box(6, 6, 8, 8)])
    exact = Shapes([frame, parts])
    assert [exact.area(0), exact.area(1), exact.area(0, 1)] == [72.0, 8.0, 4.0]


# --- specimens that were wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_truth_of_a_case(name):
    """What shapes of a case share by whole numbers is what is written beside them."""
    made, truth = case(name)
    assert {key: area for key, area in made.tuples.items() if area > 1e-5} == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_case(name, engine_name):
    """No pair, tuple, cell or shape of it is wrong, whichever engine measures."""
    nothing_wrong(run([case(name)[0]], engine_name))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("family", "number"), FOUND)
def test_what_was_found_wrong(family, number, name, specimen):
    """A specimen that was wrong once is right on both engines."""
    nothing_wrong(run([specimen(family, number)], name))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("strip", [0.05, 1e-9])
def test_three_that_meet_two_by_two_only(name, strip):
    """Three layers share a strip narrower than the tolerance, and two by two much more: no meeting, and it is settled.

    a and b share x = 110 to 120 m; c lies in both, but in b beside a, in a beside b, and on the strip.
    """
    shapes = {
        "a": shapely.box(100, 0, 120, 20),
        "b": shapely.box(110, 0, 130, 20),
        "c": shapely.multipolygons([shapely.box(100, 0, 110 + strip, 20), shapely.box(120, 0, 130, 20)]),
    }
    layers = {
        key: gpd.GeoDataFrame({f"{key}_id": [key.upper()]}, geometry=[shape], crs=4548) for key, shape in shapes.items()
    }
    with engine(name):
        book = overlay.ledger(layers, tolerance=0.5, facets=True)
    assert book.meetings.empty
    assert book.slivers["area_m2"].sum() == pytest.approx(20 * strip, abs=1e-6)
    assert all(len(book.pairs(*pair)) == 1 for pair in ("ab", "ac", "bc"))
    assert book.cells["area_m2"].sum() == pytest.approx(600.0, abs=1e-6)
    assert book.facets.geometry.area.tolist() == pytest.approx(book.facets["area_m2"].tolist(), abs=1e-6)
    assert book.balance["difference_m2"].abs().max() < 1e-6


# --- families -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("family", FAMILIES)
def test_family(family, name, specimen):
    """Nothing is lost, invented or measured wrongly, and a cell's shape is the ground that it stands for."""
    numbers = NUMBERS[:1] if family == "long_outlines" else NUMBERS
    nothing_wrong(run([specimen(family, number) for number in numbers], name))
