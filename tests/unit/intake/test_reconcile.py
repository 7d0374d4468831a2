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
    """Six codes, two languages."""
    codes = ["authority", "unusable", "deviation", "locked_differ", "too_far", "vanished"]
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
