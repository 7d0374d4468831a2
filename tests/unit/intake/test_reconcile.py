"""Lower lines follow higher ones, deliberate lines stay, neighbours stay edge to edge, and nothing locked moves."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.ops import split

from gis import catalogue, findings
from gis.errors import CrsError, FrameError, UsageError
from gis.geometry import coverage
from gis.intake.reconcile import reconcile

CATALOGUE = catalogue.read()
AUTHORITY = CATALOGUE.code_list("line_authorities")
# noise of one digitiser, m: tolerance, m
NOISES = {0.0005: 0.5, 0.05: 0.5, 0.30: 2.0}


def frame(layer, shapes, crs="EPSG:4548", **columns):
    names = [f"{layer[0].upper()}{n}" for n in range(len(shapes))]
    return gpd.GeoDataFrame({f"{layer}_id": names} | columns, geometry=list(shapes), crs=crs)


def run(layers, tolerance=1.0):
    return reconcile(layers, tolerance=tolerance, authority=AUTHORITY)


def box(x0, y0, x1, y1):
    """A rectangle in a corner of the district."""
    return shapely.box(440_000 + x0, 4_420_000 + y0, 440_000 + x1, 4_420_000 + y1)


def polygon(*points):
    return shapely.Polygon([(440_000 + x, 4_420_000 + y) for x, y in points])


def town(n, seed=7):
    """Give n × n crooked blocks sharing their corners, and units of 3 × 3 blocks, each cut in two."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(n + 1) * 120.0, np.arange(n + 1) * 120.0, indexing="ij")
    inside = np.zeros_like(x, dtype=bool)
    inside[1:-1, 1:-1] = True
    x, y = (
        440_000 + x + random.uniform(-25, 25, x.shape) * inside,
        4_420_000 + y + random.uniform(-25, 25, y.shape) * inside,
    )
    corners = np.stack([x, y], axis=-1)
    ij = [(i, j) for i in range(n) for j in range(n)]
    blocks = [
        shapely.Polygon([corners[i, j], corners[i + 1, j], corners[i + 1, j + 1], corners[i, j + 1]]) for i, j in ij
    ]
    units = []
    for i, j in ((i, j) for i in range(0, n, 3) for j in range(0, n, 3)):
        whole = shapely.union_all([blocks[a * n + b] for a in range(i, i + 3) for b in range(j, j + 3)])
        middle = (whole.bounds[0] + whole.bounds[2]) / 2 + random.uniform(-5, 5)
        cut = shapely.LineString([(middle, whole.bounds[1] - 9), (middle, whole.bounds[3] + 9)])
        units += list(split(whole, cut).geoms)
    return blocks, units


def digitised(units, noise, seed):
    """Draw each unit anew: a vertex every 40 m, each off by Gaussian noise."""
    random = np.random.default_rng(seed)
    rings = [shapely.get_coordinates(shapely.segmentize(unit, 40))[:-1] for unit in units]
    return [shapely.Polygon(ring + random.normal(0, noise, ring.shape)) for ring in rings]


def pairs(blocks, units):
    """Name the blocks and units that share more than dust."""
    block, unit = shapely.STRtree(units).query(blocks, predicate="intersects")
    area = shapely.area(shapely.intersection(np.array(blocks)[block], np.array(units)[unit]))
    return set(zip(block[area > 1e-6].tolist(), unit[area > 1e-6].tolist(), strict=True))


@pytest.fixture(scope="module")
def small():
    return town(9)


def check(blocks, truth, noise, seed):
    """The measures of the issue: exact pairs, a seamless cover, near the truth, the reference untouched, done once."""
    tolerance = NOISES[noise]
    layers = {"block": frame("block", blocks), "unit": frame("unit", digitised(truth, noise, seed))}
    done = run(layers, tolerance)
    units = done.layers["unit"].geometry.to_numpy()
    assert shapely.equals_identical(done.layers["block"].geometry.to_numpy(), np.array(blocks)).all()
    assert pairs(blocks, units) == pairs(blocks, truth)
    assert shapely.is_valid(units).all()
    assert shapely.coverage_is_valid(units)
    ground = shapely.union_all(units)
    assert shapely.area(units).sum() == pytest.approx(ground.area, abs=1e-4)
    assert shapely.union_all(blocks).symmetric_difference(ground).area == pytest.approx(0, abs=1e-4)
    distances = [shapely.hausdorff_distance(a, b, densify=0.1) for a, b in zip(units, truth, strict=True)]
    assert max(distances) <= 4 * noise
    again = run(done.layers, tolerance)
    assert again.moves.empty
    assert shapely.equals_identical(again.layers["unit"].geometry.to_numpy(), units).all()
    return layers, done


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("noise", NOISES)
def test_units_digitised_apart_come_together(small, noise, seed):
    """Whatever the noise, the pairs are the true ones, without a gap or an overlap, and a second run moves nothing."""
    layers, done = check(*small, noise, seed)
    gained = done.moves.groupby("feature")[["gained_m2", "lost_m2"]].sum()
    before = layers["unit"].set_index("unit_id").area
    change = done.layers["unit"].set_index("unit_id").area - before
    assert (gained["gained_m2"] - gained["lost_m2"]).to_dict() == pytest.approx(change.to_dict(), abs=1e-4)


def test_the_full_case_of_nine_hundred_blocks():
    """200 units over 900 blocks at 30 cm: 1,200 pairs, none missing and none spurious, all within 1.2 m."""
    blocks, truth = town(30)
    assert len(pairs(blocks, truth)) == 1200
    check(blocks, truth, 0.30, 11)


def test_the_order_of_rows_does_not_matter(small):
    """A feature's precedence comes from authority, layer and key."""
    blocks, truth = small
    layers = {"block": frame("block", blocks), "unit": frame("unit", digitised(truth, 0.3, 5))}
    turned = {name: layer.iloc[::-1] for name, layer in layers.items()}
    one, other = run(layers, 2.0), run(turned, 2.0)
    back = other.layers["unit"].sort_index()
    assert list(other.layers["unit"].index) == list(turned["unit"].index)
    assert shapely.equals_identical(one.layers["unit"].geometry.to_numpy(), back.geometry.to_numpy()).all()
    assert one.moves.drop(columns="geometry").equals(other.moves.drop(columns="geometry"))


def test_registered_units_stay_to_the_last_bit(small):
    """Their neighbours follow them, and where they leave the blocks, which are registered too, it is reported."""
    blocks, truth = small
    drawn = digitised(truth, 0.3, 5)
    locked = np.arange(len(drawn)) % 5 == 0
    states = np.where(locked, "registered", "draft")
    layers = {
        "block": frame("block", blocks, authority=["registered"] * len(blocks)),
        "unit": frame("unit", drawn, authority=states, approved_area_m2=1.0),
    }
    done = run(layers, 2.0)
    after = done.layers["unit"].geometry.to_numpy()
    assert shapely.equals_identical(after[locked], np.array(drawn)[locked]).all()
    assert shapely.equals_identical(done.layers["block"].geometry.to_numpy(), np.array(blocks)).all()
    assert shapely.is_valid(after).all()
    reported = set(done.findings.loc[done.findings["code"] == "reconcile.locked_differ", "feature"])
    assert reported == set(layers["unit"].loc[locked, "unit_id"])
    assert (done.layers["unit"]["approved_area_m2"] == 1.0).all()
    assert not set(done.moves["feature"]) & reported
    # no seam between a registered unit and its neighbours beyond what rounding leaves
    assert shapely.area(after).sum() == pytest.approx(shapely.union_all(after).area, abs=1e-3)
    left = shapely.get_parts(shapely.union_all(blocks).difference(shapely.union_all(after)))
    assert [
        part.area for part in left if part.distance(shapely.union_all(blocks).boundary) > 2 and part.area > 1e-3
    ] == []


def check_locked(blocks, truth, seed, every, shift):
    """Locked units a metre off keep every bit, no free one has an arm beside them, and what is left is named."""
    locked = np.arange(len(truth)) % every == 0
    drawn = np.array(digitised(truth, 0.05, seed), dtype=object)
    drawn[locked] = [shapely.affinity.translate(shape, *shift) for shape in drawn[locked]]
    layers = {
        "block": frame("block", blocks, authority=["registered"] * len(blocks)),
        "unit": frame("unit", drawn, authority=np.where(locked, "registered", "draft")),
    }
    done = run(layers, 2.0)
    units = done.layers["unit"]
    after = units.geometry.to_numpy()
    assert shapely.equals_identical(after[locked], drawn[locked]).all()
    assert shapely.is_valid(after).all()
    # narrower than 1.4 m and longer than 6 m: a strip along a side that belongs to somebody else
    core = shapely.buffer(shapely.buffer(after[~locked], -0.7, join_style="mitre"), 0.72, join_style="mitre")
    arms = shapely.get_parts(shapely.difference(after[~locked], core))
    assert arms[shapely.length(arms) > 12].size == 0
    gaps, overlaps = coverage.gaps(units, "unit_id"), coverage.overlaps(units, "unit_id")
    # between a locked unit and a free one nothing is left
    names = set(units.loc[locked, "unit_id"])
    assert all(len(names & set(around)) > 1 for around in gaps["neighbours"])
    assert set(overlaps["first"]) | set(overlaps["second"]) <= names
    for code, places in (("reconcile.gap_left", gaps), ("reconcile.overlap_left", overlaps)):
        found = done.findings[done.findings["code"] == code]
        said = [json.loads(text)["area_m2"] for text in found["parameters"]]
        assert said == pytest.approx(places["area_m2"].tolist())
        at = shapely.points(found[["x", "y"]].to_numpy())
        assert shapely.distance(at, places.geometry.to_numpy()).max(initial=0) < 1e-6
    return gaps, overlaps


def test_neighbours_close_up_to_locked_units_of_the_full_case():
    """Every seventh of 200 units over 900 blocks is registered and stands 1.2 m off."""
    gaps, overlaps = check_locked(*town(30), 11, 7, (1.0, 0.6))
    # U28 and U49, U56 and U77, U84 and U105 are both registered and meet
    assert overlaps[["first", "second"]].values.tolist() == [["U105", "U84"], ["U28", "U49"], ["U56", "U77"]]
    assert gaps["width_m"].max() < 0.1


@pytest.mark.parametrize("shift", [(1.0, 0.6), (-0.9, 0.5), (0.7, -0.7), (-0.6, -1.0)])
@pytest.mark.parametrize("every", [3, 4, 7])
def test_neighbours_close_up_to_locked_units(every, shift, small):
    """Wherever the locked ones lie and whatever way they are off."""
    check_locked(*small, 12, every, shift)


def test_a_strip_beside_a_locked_unit_goes_to_the_unit_along_it():
    """The locked unit ends 1 m short of its block; above it lie two free units, each gets the strip along its side."""
    blocks = [box(0, 0, 200, 100), box(0, 100, 200, 200)]
    shapes = [box(0, 0, 200, 99), box(0, 100, 80, 200), box(80, 100, 200, 200)]
    units = frame("unit", shapes, authority=["registered", "draft", "draft"])
    done = run({"block": frame("block", blocks), "unit": units}, 2.0)
    assert done.layers["unit"].area.tolist() == pytest.approx([19_800, 8_080, 12_120])
    assert shapely.union_all(done.layers["unit"].geometry.to_numpy()).area == pytest.approx(40_000)


def test_a_stretch_that_moved_is_listed_with_its_areas():
    """A unit 0.5 m short of a block's edge of 100 m gains 50 m²; beyond the opposite edge by 0.2 m it loses 20 m²."""
    unit = box(0.5, 0, 100.2, 100)
    done = run({"block": frame("block", [box(0, 0, 100, 100)]), "unit": frame("unit", [unit])})
    assert done.layers["unit"].geometry[0].equals(box(0, 0, 100, 100))
    assert len(done.moves) == 1
    row = done.moves.iloc[0]
    assert (row["layer"], row["feature"], row["followed_layer"], row["followed"]) == ("unit", "U0", "block", "B0")
    measured = row[["length_m", "shift_m", "gained_m2", "lost_m2"]].tolist()
    assert measured == pytest.approx([400, 0.5, 50, 20], abs=1e-6)
    assert done.moves.crs == "EPSG:4548"


BLOCKS = [box(0, 0, 100, 100), box(100, 0, 200, 100)]
KEPT = {
    # name: (the unit as drawn, the unit as it must be)
    "follows within the tolerance": (box(-0.4, 0.3, 100.6, 99.5), box(0, 0, 100, 100)),
    "stands further off": (box(3, 3, 97, 97), box(3, 3, 97, 97)),
    "cuts through a block": (box(0.3, 0.2, 40, 99.8), box(0, 0, 40, 100)),
    "cuts through both": (polygon((-0.2, 0), (200.3, 0), (200, 60), (0, 60)), box(0, 0, 200, 60)),
    "lies elsewhere": (box(500, 500, 510, 510), box(500, 500, 510, 510)),
    "narrower than the tolerance": (box(500, 500, 600, 500.5), box(500, 500, 600, 500.5)),
    "with a courtyard": (
        box(0.2, 0, 100, 100).difference(box(40, 40, 60, 60)),
        box(0, 0, 100, 100).difference(box(40, 40, 60, 60)),
    ),
    "in two parts": (
        shapely.MultiPolygon([box(0.2, 0, 30, 100), box(170, 0, 199.7, 100)]),
        shapely.MultiPolygon([box(0, 0, 30, 100), box(170, 0, 200, 100)]),
    ),
}


@pytest.mark.parametrize("multi", [False, True], ids=["polygons", "multipolygons"])
@pytest.mark.parametrize("name", KEPT)
def test_what_follows_and_what_stays(name, multi):
    """A line beside a block's line takes it; a line that leaves it by more than the tolerance stays as drawn."""
    drawn, wanted = KEPT[name]
    blocks = [shapely.MultiPolygon([block]) for block in BLOCKS] if multi else BLOCKS
    drawn = shapely.MultiPolygon([drawn]) if multi and drawn.geom_type == "Polygon" else drawn
    done = run({"block": frame("block", blocks), "unit": frame("unit", [drawn])})
    got = done.layers["unit"].geometry[0]
    assert got.symmetric_difference(wanted).area == pytest.approx(0, abs=1e-6)
    assert got.geom_type == drawn.geom_type
    if drawn.equals(wanted):
        assert shapely.equals_identical(got, drawn)
        assert done.moves.empty


def test_a_kept_deviation_is_named():
    """The finding says how long the line is and how far it goes."""
    drawn, _ = KEPT["cuts through a block"]
    found = run({"block": frame("block", BLOCKS), "unit": frame("unit", [drawn])}).findings
    assert list(found["code"]) == ["reconcile.deviation"]
    said = json.loads(found["parameters"][0])
    assert said["length_m"] == pytest.approx(100)
    # the middle of the line is 40 m from the west side of the block
    assert said["distance_m"] == pytest.approx(40, abs=0.5)
    assert said["through"] == ["B0"]


def test_a_cut_through_several_blocks_is_one_deviation(small):
    """Each unit of 3 × 3 blocks is cut in two: the half that brings the line is named once, with the three blocks."""
    blocks, truth = small
    found = run({"block": frame("block", blocks), "unit": frame("unit", digitised(truth, 0.3, 5))}, 2.0).findings
    assert set(found["code"]) == {"reconcile.deviation"}
    assert len(found) == found["feature"].nunique() == len(truth) // 2
    assert {len(json.loads(text)["through"]) for text in found["parameters"]} == {3}


def test_equals_meet_half_way():
    """Two drafts drawn 0.6 m apart meet in the middle; a submitted one keeps its line and the draft follows."""
    shapes = [box(0, 0, 49.8, 100), box(50.4, 0, 100, 100)]
    blocks = frame("block", [box(0, 0, 100, 100)])
    equal = run({"block": blocks, "unit": frame("unit", shapes)}).layers["unit"]
    assert equal.area.tolist() == pytest.approx([5010, 4990])
    ranked = frame("unit", shapes, authority=["draft", "submitted"])
    assert run({"block": blocks.assign(authority="registered"), "unit": ranked}).layers["unit"].area.tolist() == (
        pytest.approx([5040, 4960])
    )


def test_authority_outranks_the_order_of_layers():
    """A draft block follows a registered unit, which stays."""
    blocks = frame("block", [box(0, 0, 100, 100)], authority=["draft"])
    units = frame("unit", [box(0.4, 0, 100, 100)], authority=["registered"])
    done = run({"block": blocks, "unit": units})
    assert done.layers["block"].geometry[0].equals(units.geometry[0])
    assert done.moves[["layer", "followed_layer"]].values.tolist() == [["block", "unit"]]


HELD = {
    # name: (the block's code, the unit's code, whether the unit follows, findings)
    "no code above a draft": (None, "draft", True, []),
    "equals": ("draft", "draft", True, []),
    "a draft below a submitted unit": ("draft", "submitted", False, ["reconcile.outranks"]),
    "a draft below a registered unit": ("draft", "registered", False, ["reconcile.locked_differ"]),
}


@pytest.mark.parametrize(("block", "unit", "follows", "found"), HELD.values(), ids=HELD)
def test_a_layer_that_is_held_never_moves(block, unit, follows, found):
    """What ranks above it stays as well, and is named; without a code it ranks first."""
    blocks = frame("block", [box(0, 0, 100, 100)], authority=[block])
    units = frame("unit", [box(0.4, 0, 100, 100)], authority=[unit])
    done = reconcile({"block": blocks, "unit": units}, tolerance=1.0, authority=AUTHORITY, held=["block"])
    assert shapely.equals_identical(done.layers["block"].geometry[0], blocks.geometry[0])
    assert done.layers["unit"].geometry[0].equals((blocks if follows else units).geometry[0])
    assert list(done.findings["code"]) == found


def test_a_third_layer_follows_the_second():
    """A project along a unit's own cut takes the cut as the unit has it."""
    layers = {
        "block": frame("block", [box(0, 0, 100, 100)]),
        "unit": frame("unit", [box(0.3, 0, 50, 100)], authority=["submitted"]),
        "project": frame("project", [box(0, 0.4, 50.5, 60)], authority=["draft"]),
    }
    done = run(layers)
    assert done.layers["unit"].geometry[0].equals(box(0, 0, 50, 100))
    assert done.layers["project"].geometry[0].symmetric_difference(box(0, 0, 50, 60)).area == pytest.approx(0, abs=1e-6)
    assert set(done.moves.loc[done.moves["layer"] == "project", "followed_layer"]) == {"block", "unit"}


def test_a_narrow_block_is_not_lost():
    """A unit beside a lane narrower than the tolerance takes the side that most of it lies on."""
    lane = box(100, 0, 100.8, 100)
    blocks = [box(0, 0, 100, 100), lane, box(100.8, 0, 200, 100)]
    with_lane, without = box(0, 0, 100.7, 100), box(0, 0, 100.2, 100)
    for drawn, wanted in ((with_lane, box(0, 0, 100.8, 100)), (without, box(0, 0, 100, 100))):
        done = run({"block": frame("block", blocks), "unit": frame("unit", [drawn])})
        assert done.layers["unit"].geometry[0].symmetric_difference(wanted).area == pytest.approx(0, abs=1e-6)


def test_only_geometry_changes():
    """All columns, the index and the order of rows stay, and the frames given are not touched."""
    units = frame("unit", [box(0.3, 0, 50, 100), box(50, 0, 100, 100)], approved_area_m2=[1.0, 2.0])
    units.index = [7, 3]
    before = units.copy()
    after = run({"block": frame("block", [box(0, 0, 100, 100)]), "unit": units}).layers["unit"]
    assert units.equals(before)
    assert after.drop(columns="geometry").equals(before.drop(columns="geometry"))


BOWTIE = polygon((0, 0), (10, 10), (10, 0), (0, 10))
BAD = {
    "missing": (None, None, "reconcile.unusable"),
    "empty": (shapely.Polygon(), None, "reconcile.unusable"),
    "bow-tie": (BOWTIE, None, "reconcile.unusable"),
    "a point": (shapely.Point(440_000, 4_420_000), None, "reconcile.unusable"),
    "a code that nobody knows": (box(0, 0, 100, 100), "{{ 7*7 }}", "reconcile.authority"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_findings(name):
    """The row stays as it came, and is named in both languages."""
    shape, code, wanted = BAD[name]
    units = frame("unit", [shape, box(0, 0, 99.7, 100)], authority=[code, "draft"])
    done = run({"block": frame("block", [box(0, 0, 100, 100)]), "unit": units})
    assert list(done.findings["code"]) == [wanted]
    assert done.layers["unit"].geometry.iloc[1].equals(box(0, 0, 100, 100))
    assert done.layers["unit"].geometry.iloc[0] is shape or shapely.equals_identical(units.geometry.iloc[0], shape)
    for lang in ("zh", "en"):
        assert all(
            "—" not in findings.sentence(row, CATALOGUE.words("findings", lang))
            for row in done.findings.to_dict("records")
        )


def test_every_finding_has_its_words():
    """Nine codes, two languages."""
    codes = ["authority", "unusable", "deviation", "locked_differ", "too_far", "vanished", "outranks"]
    codes += ["gap_left", "overlap_left"]
    for lang in ("zh", "en"):
        assert {f"reconcile.{code}" for code in codes} <= set(CATALOGUE.words("findings", lang))


REFUSED = {
    "no tolerance": ({}, 0.0, UsageError),
    "not a number": ({}, float("nan"), UsageError),
    "no layer": (None, 1.0, UsageError),
    "no CRS": ({"crs": None}, 1.0, CrsError),
    "degrees": ({"crs": "EPSG:4490"}, 1.0, CrsError),
    "a key twice": ({"unit_id": ["U0", "U0"]}, 1.0, FrameError),
    "no key": ({"unit_id": ["U0", None]}, 1.0, FrameError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_input_is_refused(name):
    """Programs that cannot mean it are told so."""
    change, tolerance, error = REFUSED[name]
    units = {} if change is None else {"unit": frame("unit", [box(0, 0, 1, 1), box(1, 0, 2, 1)], **change)}
    with pytest.raises(error):
        run(units, tolerance)


def test_a_missing_key_column_is_refused():
    """The message names the column."""
    with pytest.raises(FrameError, match="'unit_id'"):
        run({"unit": frame("block", [box(0, 0, 1, 1)])})
