"""Figures of three projects fall on two blocks: what is split, averaged, kept whole or named, checked by hand."""

from __future__ import annotations

import doctest
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from gis.analysis import apportionment, assignment, overlay
from gis.errors import CrsError, FrameError, UsageError

NONE = None
ESTIMATE = apportionment.ESTIMATE
KEYS = {"source": "project_id", "target": "block_id"}


def pairs(*rows, **columns):
    """Return pairs of project, block, m² and share."""
    table = pd.DataFrame(rows, columns=["project_id", "block_id", "area_m2", "project_share"])
    return table.astype({"project_id": "str", "block_id": "str"}).assign(**columns)


def projects(**fields):
    """Return projects P1, P2, ... with fields."""
    count = len(next(iter(fields.values())))
    return pd.DataFrame({"project_id": [f"P{n + 1}" for n in range(count)]} | fields)


def figures(frame, *columns):
    """Return rows of a result with None for what is missing."""
    return [[NONE if pd.isna(value) else value for value in row] for row in frame[list(columns)].to_numpy(dtype=object)]


# P1 lies by three quarters in B1, P2 in B1, P3 by half in B2 and by half in no block
PAIRS = pairs(
    ("P1", "B1", 300.0, 0.75), ("P1", "B2", 100.0, 0.25), ("P2", "B1", 200.0, 1.0), ("P3", "B2", 50.0, 0.5)
)  # fmt: skip

BY_AREA = [
    # 75 + 10, 25 + 3, and 3 in no block
    ("extensive", [100.0, 10.0, 6.0], [["B1", 85, ESTIMATE, 0], ["B2", 28, ESTIMATE, 0], [NONE, 3, ESTIMATE, 0]]),
    ("extensive", [NONE, 10.0, 6.0], [["B1", 10, NONE, 1], ["B2", 3, ESTIMATE, 1], [NONE, 3, ESTIMATE, 0]]),
    ("extensive", [NONE, NONE, 6.0], [["B1", NONE, NONE, 2], ["B2", 3, ESTIMATE, 1], [NONE, 3, ESTIMATE, 0]]),
    # 6.75 and 2.25 make 7 and 2; 2.5 and 2.5 make 3 for the block and 2 for none
    ("count", [9, 1, 5], [["B1", 8, ESTIMATE, 0], ["B2", 5, ESTIMATE, 0], [NONE, 2, ESTIMATE, 0]]),
    # (1 x 300 + 2 x 200) / 500, (1 x 100 + 4 x 50) / 150
    ("intensive", [1.0, 2.0, 4.0], [["B1", 1.4, ESTIMATE, 0], ["B2", 2, ESTIMATE, 0], [NONE, 4, ESTIMATE, 0]]),
    ("intensive", [NONE, 2.0, 4.0], [["B1", 2, NONE, 1], ["B2", 4, ESTIMATE, 1], [NONE, 4, ESTIMATE, 0]]),
]


@pytest.mark.parametrize(("kind", "values", "expected"), BY_AREA)
def test_by_area(kind, values, expected):
    """Each kind falls on blocks in its own way; what lacks a value is missing, never 0, and the total says so."""
    got = apportionment.apportion(PAIRS, projects(figure=values), {"figure": kind}, **KEYS)
    found = figures(got.totals, "block_id", "figure", "figure_basis", "figure_lacking")
    assert [row[:1] + row[2:] for row in found] == [row[:1] + row[2:] for row in expected]
    assert [row[1] for row in found] == pytest.approx([row[1] for row in expected])
    assert got.totals["area_m2"].tolist() == pytest.approx([500, 150, 50])


def test_parts_name_every_piece():
    """Below the totals stands each project's part, the ground in no block too, and what of it is an estimate."""
    things = projects(floor_m2=[100.0, 10.0, 6.0], households=[9, 1, 5], far=[1.0, 2.0, 4.0])
    kinds = {"floor_m2": "extensive", "households": "count", "far": "intensive"}
    got = apportionment.apportion(PAIRS, things, kinds, **KEYS).parts
    assert figures(got, "project_id", "block_id", "area_m2", "share", "floor_m2", "households", "far") == [
        ["P1", "B1", 300, 0.75, 75, 7, 1], ["P1", "B2", 100, 0.25, 25, 2, 1], ["P2", "B1", 200, 1, 10, 1, 2],
        ["P3", "B2", 50, 0.5, 3, 3, 4], ["P3", NONE, 50, 0.5, 3, 2, 4],
    ]  # fmt: skip
    assert figures(got, "floor_m2_basis") == [[ESTIMATE], [ESTIMATE], [NONE], [ESTIMATE], [ESTIMATE]]


def test_categories_share_the_ground():
    """Ground by category, the code with most ground, of equals the first; unknown codes are named, not counted."""
    shares = pairs(*((f"P{n + 1}", "B1", area, 1.0) for n, area in enumerate([300.0, 200.0, 100.0, 90.0])))
    got = apportionment.apportion(shares, projects(use=["08", "07", "07", NONE]), {"use": "category"}, **KEYS)
    assert figures(got.categories, "block_id", "field", "category", "area_m2", "share") == [
        ["B1", "use", "07", 300, 0.5], ["B1", "use", "08", 300, 0.5], ["B1", "use", NONE, 90, NONE]
    ]  # fmt: skip
    assert figures(got.totals, "use", "use_share", "use_lacking") == [["07", 0.5, 1]]


@pytest.mark.parametrize(("codes", "dtype"), [([7], "int64"), (["a"], "category"), ([True], object), (["07"], "str")])
def test_a_target_without_ground_has_no_category(codes, dtype):
    """Codes of any type stay what they are, also beside a target to which no ground falls."""
    shares = pairs(("P1", "B1", 300.0, 0.75), ("P1", "B2", 100.0, 0.25))
    things = projects(use=pd.Series(codes, dtype=dtype))
    got = apportionment.apportion(shares, things, {"use": "category"}, by="largest", **KEYS)
    assert figures(got.totals, "use", "use_share") == [[codes[0], 1], [NONE, NONE]]
    assert got.parts["use"].tolist() == codes


BY_WEIGHT = [
    # P1's floor area stands by nine tenths in B2
    ([10.0, 90.0, 5.0, 1.0, 3.0], [["B1", 20.0], ["B2", 91.5], [NONE, 4.5]]),
    # none of it stands outside the blocks
    ([50.0, 50.0, 5.0, 7.0, 0.0], [["B1", 60.0], ["B2", 56.0], [NONE, 0.0]]),
]


@pytest.mark.parametrize(("weight", "expected"), BY_WEIGHT)
def test_by_weight(weight, expected):
    """Another weight than ground decides the shares, also of what lies in no block."""
    shares = pd.concat([PAIRS, pairs(("P3", NONE, 50.0, 0.5))]).assign(floor=weight)
    things = projects(figure=[100.0, 10.0, 6.0])
    got = apportionment.apportion(shares, things, {"figure": "extensive"}, by="weight", weight="floor", **KEYS)
    assert figures(got.totals, "block_id", "figure") == [[key, pytest.approx(value)] for key, value in expected]


def test_a_mean_by_weight_takes_the_weight():
    """(1 x 10 + 3 x 30) / 40: a share of residents is averaged over residents, not over ground."""
    shares = pairs(("P1", "B1", 500.0, 1.0), ("P2", "B1", 1.0, 1.0), residents=[10, 30])
    things = projects(aged=[1.0, 3.0])
    got = apportionment.apportion(shares, things, {"aged": "intensive"}, by="weight", weight="residents", **KEYS)
    assert got.totals["aged"].tolist() == pytest.approx([2.5])


LARGEST = [
    ("most ground", [("P1", "B1", 30.0, 0.3), ("P1", "B2", 70.0, 0.7)], [["B1", 0, 0], ["B2", 9, 100]]),
    ("equal: first by key", [("P1", "B2", 50.0, 0.5), ("P1", "B1", 50.0, 0.5)], [["B1", 9, 100], ["B2", 0, 0]]),
    ("blocks before no block", [("P1", "B1", 30.0, 0.3)], [["B1", 9, 100]]),
    ("targets that overlap", [("P1", "B1", 100.0, 1.0), ("P1", "B2", 80.0, 0.8)], [["B1", 9, 100], ["B2", 0, 0]]),
    ("in no block", [("P1", NONE, 100.0, 1.0)], [[NONE, 9, 100]]),
]


@pytest.mark.parametrize(("name", "rows", "expected"), LARGEST, ids=[case[0] for case in LARGEST])
def test_by_largest_share(name, rows, expected):
    """A thing goes whole to one target, so that nothing is an estimate and nothing counts twice."""
    got = apportionment.apportion(pairs(*rows), projects(figure=[9]), {"figure": "count"}, by="largest", **KEYS)
    assert figures(got.totals, "block_id", "figure", "area_m2") == expected
    assert got.totals["figure_basis"].isna().all() and len(got.parts) == 1


# two buildings of P1 in B1 and one in B2 where P1 has least ground; one of P3 in no block; H5 lies in no project
BUILDINGS = pd.DataFrame({
    "building_id": ["H1", "H2", "H3", "H4", "H5"],
    "project_id": ["P1", "P1", "P1", "P3", NONE],
    "block_id": ["B1", "B1", "B2", NONE, "B1"],
    "households": [10, 20, 60, 7, 99],
    "floor_m2": [100.0, 100.0, 300.0, 70.0, 1.0],
})


def test_counts_come_through_buildings():
    """Whole buildings are added up, without estimate; a project without buildings keeps its own figure."""
    things = projects(households=[90, 4, 8])
    got = apportionment.apportion(PAIRS, things, {"households": "count"}, through=BUILDINGS, **KEYS)
    columns = ("block_id", "households", "households_basis", "households_lacking")
    assert figures(got.totals, *columns) == [["B1", 34, NONE, 0], ["B2", 60, NONE, 0], [NONE, 7, NONE, 0]]
    assert figures(got.differences, "project_id", "field", "own", "through") == [["P3", "households", 8, 7]]


def test_a_building_without_figure_is_said_to_lack():
    """Known buildings are added up, and the total says that one is missing."""
    buildings = BUILDINGS.assign(households=[10, NONE, NONE, 7, 99])
    got = apportionment.apportion(PAIRS, projects(x=[1, 2, 3]), {"households": "count"}, through=buildings, **KEYS)
    # P2 has no building and states nothing
    assert figures(got.totals, "households", "households_lacking") == [[10, 2], [NONE, 1], [7, 0]]


def test_a_building_stands_where_its_project_has_no_ground():
    """A building goes where it was assigned, even to a block that its project only touches."""
    buildings = pd.DataFrame({"project_id": ["P1"], "block_id": ["B9"], "households": [5]})
    shares = pairs(("P1", "B1", 10.0, 1.0))
    got = apportionment.apportion(shares, projects(x=[1]), {"households": "count"}, through=buildings, **KEYS)
    assert figures(got.parts, "block_id", "area_m2", "households") == [["B1", 10, 0], ["B9", 0, 5]]


def test_all_buildings_may_lie_in_no_block():
    """A column of missing keys is text like any other."""
    buildings = pd.DataFrame({"project_id": ["P1"], "block_id": [np.nan], "households": [5]})
    shares = pairs(("P1", "B1", 10.0, 1.0))
    got = apportionment.apportion(shares, projects(x=[1]), {"households": "count"}, through=buildings, **KEYS)
    assert figures(got.totals, "block_id", "area_m2", "households") == [["B1", 10, 0], [NONE, 0, 5]]


def test_the_weight_can_stand_in_buildings():
    """Floor area of the buildings decides: P1 by 200 : 300, P3 wholly outside; P2 has none and is refused."""
    things = projects(figure=[100.0, 0.0, 6.0])
    options = {"by": "weight", "weight": "floor_m2", "through": BUILDINGS} | KEYS
    got = apportionment.apportion(PAIRS, things, {"figure": "extensive"}, **options)
    assert figures(got.totals, "block_id", "figure") == [["B1", 40], ["B2", 60], [NONE, 6]]
    with pytest.raises(FrameError, match=r"P2: figure is 10\.0 but its weight is 0 everywhere"):
        apportionment.apportion(PAIRS, projects(figure=[100.0, 10.0, 6.0]), {"figure": "extensive"}, **options)


def test_ledger_and_assignment_are_understood():
    """Both tables give the same: half of the project in the block, half in none; another lies in nothing."""
    blocks = gpd.GeoDataFrame({"block_id": ["B1"]}, geometry=[box(0, 0, 100, 100)], crs="EPSG:4548")
    shapes = [box(50, 0, 150, 100), box(300, 0, 310, 10)]
    things = gpd.GeoDataFrame({"project_id": ["P1", "P2"], "figure": [8, 3]}, geometry=shapes, crs="EPSG:4548")
    book = overlay.ledger({"block": blocks, "project": things}, tolerance=0.5)
    accounts = [
        book.pairs("project", "block"),
        pd.concat([book.pairs("project", "block"), book.residual("project", "block")]),
        assignment.pairs(things, blocks, key="project_id", to="block_id"),
    ]
    for shares in accounts:
        got = apportionment.apportion(shares, things, {"figure": "count"}, **KEYS).totals
        assert figures(got, "block_id", "figure", "area_m2") == [["B1", 4, 5000], [NONE, 7, 5100]]


def test_nothing_gives_nothing():
    """No thing, no rows, all columns."""
    got = apportionment.apportion(pairs(), projects(a=[], b=[]), {"a": "extensive", "b": "category"}, **KEYS)
    assert got.totals.empty and got.parts.empty
    assert {"block_id", "a", "a_basis", "a_lacking", "b", "b_share"} <= set(got.totals.columns)


TWICE = pairs(("P1", "B1", 100.0, 1.0), ("P1", "B2", 25.0, 0.25))
ONE = pairs(("P1", "B1", 100.0, 1.0))
OPEN = pairs(("P1", "B1", 60.0, 0.6), floor=[1.0])
WEIGHTED = {"by": "weight", "weight": "floor"}
REFUSED = [
    (UsageError, "said to be 'text'; allowed are extensive", ONE, {"figure": [1]}, "text", {}),
    (UsageError, "by is 'share'", ONE, {"figure": [1]}, "count", {"by": "share"}),
    (UsageError, "weight is None", ONE, {"figure": [1]}, "count", {"by": "weight"}),
    (UsageError, "by is 'area' and weight is 'floor'", ONE, {"figure": [1]}, "count", {"weight": "floor"}),
    (UsageError, "neither shares nor through", ONE, {"figure": [1]}, "count", WEIGHTED),
    (FrameError, "things lacks figure", ONE, {"other": [1]}, "count", {}),
    (FrameError, "P1: figure is 1.5; count means whole", ONE, {"figure": [1.5]}, "count", {}),
    (FrameError, "P1: figure is -1.0; count means", ONE, {"figure": [-1]}, "count", {}),
    (FrameError, "P1: figure is inf; extensive means finite", ONE, {"figure": [math.inf]}, "extensive", {}),
    (FrameError, "figure is str and is said to be extensive", ONE, {"figure": ["7"]}, "extensive", {}),
    (FrameError, "figure is bool and is said to be intensive", ONE, {"figure": [True]}, "intensive", {}),
    (FrameError, "fractional numbers .float64. and is said to be a category", ONE, {"figure": [7.0]}, "category", {}),
    (FrameError, "P1 add up to 1.25: block_id overlaps itself", TWICE, {"figure": [1]}, "count", {}),
    (FrameError, "40.0% of its ground lies in no block_id", OPEN, {"figure": [1]}, "count", WEIGHTED),
    (FrameError, "P1: floor is -1.0", ONE.assign(floor=-1.0), {"figure": [1]}, "count", WEIGHTED),
    (FrameError, "P1: floor is nan", ONE.assign(floor=np.nan), {"figure": [1]}, "count", WEIGHTED),
    (FrameError, "P1: figure is 3 but its weight is 0", ONE.assign(floor=0.0), {"figure": [3]}, "count", WEIGHTED),
    (FrameError, "P1: area_m2 is -1.0", ONE.assign(area_m2=-1.0), {"figure": [1]}, "count", {}),
    (FrameError, "shares lacks project_share", ONE.drop(columns="project_share"), {"figure": [1]}, "count", {}),
    (FrameError, "repeats the pair P1, B1", pd.concat([ONE, ONE]), {"figure": [1]}, "count", {}),
    (FrameError, "P9", pairs(("P9", "B1", 1.0, 1.0)), {"figure": [1]}, "count", {}),
    (FrameError, "1 things have no row in shares .P2. and no geometry", ONE, {"figure": [1, 2]}, "count", {}),
    (FrameError, "repeats P1", ONE, {"figure": [1, 2], "project_id": ["P1", "P1"]}, "count", {}),
    (FrameError, "keys are text", ONE, {"figure": [1], "project_id": [1]}, "count", {}),
]


@pytest.mark.parametrize(
    ("error", "words", "shares", "fields", "kind", "options"), REFUSED, ids=[case[1] for case in REFUSED]
)
def test_a_mistake_is_refused(error, words, shares, fields, kind, options):
    """What would split, add up or count wrongly does not run; the message names feature and remedy."""
    with pytest.raises(error, match=words):
        apportionment.apportion(shares, projects(**fields), {"figure": kind}, **KEYS, **options)


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"figure": 0.5}, "figure is 0.5; count means whole"), ({"project_id": "P9"}, "1 project_id are not among")],
)
def test_a_mistake_in_buildings_is_refused(changed, words):
    """Half a household, or a building of a project that is not there."""
    buildings = pd.DataFrame({"project_id": ["P1"], "block_id": ["B1"], "figure": [1]}).assign(**changed)
    with pytest.raises(FrameError, match=words):
        apportionment.apportion(ONE, projects(figure=[1]), {"figure": "count"}, through=buildings, **KEYS)


def test_buildings_without_a_wanted_column_are_refused():
    """A column misspelt would quietly turn whole households into an estimate."""
    buildings = pd.DataFrame({"project_id": ["P1"], "block_id": ["B1"], "hauseholds": [1]})
    with pytest.raises(UsageError, match="through holds no count field"):
        apportionment.apportion(ONE, projects(households=[1]), {"households": "count"}, through=buildings, **KEYS)


def test_fields_do_not_take_the_names_of_the_result():
    """A field area_m2 would be written over."""
    with pytest.raises(UsageError, match="area_m2 are columns of the result"):
        apportionment.apportion(ONE, projects(area_m2=[1.0]), {"area_m2": "extensive"}, **KEYS)


def test_ground_in_degrees_is_not_measured():
    """A thing in no target is measured in metres or not at all."""
    things = gpd.GeoDataFrame(projects(figure=[1, 2]), geometry=[box(0, 0, 1, 1)] * 2, crs="EPSG:4490")
    with pytest.raises(CrsError, match="projected CRS"):
        apportionment.apportion(ONE, things, {"figure": "count"}, **KEYS)


@st.composite
def towns(draw):
    """Draw projects with a floor area, households and a FAR, cut up by blocks that do not overlap."""
    rows, things = [], []
    for n in range(draw(st.integers(1, 6))):
        cuts = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=5))
        ground = draw(st.integers(1, 10**6))
        blocks = draw(st.permutations(["B1", "B2", "B3", "B4", "none"]))
        for block, cut in zip(blocks, cuts, strict=False):
            if block != "none":
                rows.append((f"P{n}", block, ground * cut / sum(cuts), cut / sum(cuts)))
        values = st.tuples(st.floats(0, 1e9), st.integers(0, 10**6), st.floats(0, 10))
        things.append((f"P{n}", *draw(values), box(0, 0, ground, 1)))
    columns = ["project_id", "floor_m2", "households", "far", "geometry"]
    return pairs(*rows), gpd.GeoDataFrame(things, columns=columns, crs="EPSG:4548")


LAW_KINDS = {"floor_m2": "extensive", "households": "count", "far": "intensive"}


@given(towns(), st.sampled_from(["area", "largest"]))
def test_totals_are_conserved(town, by):
    """Floor area to 1e-9, households exactly; parts are whole and less than 1 off; means lie between the values."""
    shares, things = town
    got = apportionment.apportion(shares, things, LAW_KINDS, by=by, **KEYS)
    for table in (got.parts, got.totals):
        assert math.fsum(table["floor_m2"]) == pytest.approx(math.fsum(things["floor_m2"]), rel=1e-9, abs=1e-300)
        assert table["households"].sum() == things["households"].sum()
        assert table["area_m2"].sum() == pytest.approx(things.area.sum(), rel=1e-9)
    values = things.set_index("project_id")
    by_thing = got.parts.groupby("project_id")
    assert by_thing["floor_m2"].apply(math.fsum).to_numpy() == pytest.approx(values["floor_m2"].to_numpy(), rel=1e-9)
    assert (by_thing["households"].sum() == values["households"]).all()
    exact = got.parts["share"] * got.parts["project_id"].map(values["households"])
    assert ((got.parts["households"].astype(float) - exact).abs() < 1).all()
    means = got.totals["far"].dropna()
    assert means.between(values["far"].min() - 1e-9, values["far"].max() + 1e-9).all()


@given(towns(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(town, random):
    """The same pairs and projects in another order give the same tables, bit by bit."""
    shares, things = town
    straight = apportionment.apportion(shares, things, LAW_KINDS, **KEYS)
    turned = [frame.sample(frac=1, random_state=random.randrange(1000)) for frame in (shares, things)]
    again = apportionment.apportion(*turned, LAW_KINDS, **KEYS)
    pd.testing.assert_frame_equal(again.parts, straight.parts, check_exact=True)
    pd.testing.assert_frame_equal(again.totals, straight.totals, check_exact=True)


def test_inputs_are_not_changed():
    """What was handed in is what it was."""
    shares, things, buildings = PAIRS.copy(), projects(households=[90, 4, 8]), BUILDINGS.copy()
    before = things.copy()
    apportionment.apportion(shares, things, {"households": "count"}, through=buildings, **KEYS)
    for frame, kept in ((shares, PAIRS), (things, before), (buildings, BUILDINGS)):
        pd.testing.assert_frame_equal(frame, kept)


def test_the_examples_in_the_docstrings_run():
    """What the documentation shows is what happens."""
    assert doctest.testmod(apportionment) == (0, 5)
