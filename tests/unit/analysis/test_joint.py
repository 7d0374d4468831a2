"""Tuples of three layers and more meet only if all their features share wide ground at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from gis.analysis import overlay
from gis.analysis.ground import cut, read
from gis.analysis.ties import ties
from gis.analysis.wide_sets import meet
from tests.unit.analysis.test_overlay import layer
from tests.unit.analysis.test_overlay_tiers import TIERS, tier


def box(west, east, south=0, north=10):
    return shapely.box(west, south, east, north)


def parts(*pieces):
    return shapely.MultiPolygon(list(pieces))


# in each, all pairs share wide ground somewhere; the ground of all together is what the name says
SPECIMENS = {
    "strip": {
        "a": [box(0, 20)],
        "b": [box(10, 30)],
        "c": [parts(box(0, 10.1), box(20, 30))],
    },
    "hairline": {
        "a": [box(0, 20)],
        "b": [box(10, 30)],
        "c": [parts(box(0, 10 + 2e-9), box(20, 30))],
    },
    "wide": {
        "a": [box(0, 20)],
        "b": [box(10, 30)],
        "c": [parts(box(0, 12), box(20, 30))],
    },
    "wide in stripes of a fourth": {
        "a": [box(0, 20)],
        "b": [box(10, 30)],
        "c": [parts(box(0, 12), box(20, 30))],
        "d": [parts(*(box(10 + 0.3 * n, 10.15 + 0.3 * n) for n in range(7)), box(40, 50)), box(0, 10)],
    },
    "wide across a line of a fourth": {
        "a": [box(0, 10)],
        "b": [box(9.2, 20, -10)],
        "c": [box(0, 20, 9, 20)],
        "d": [parts(box(9.6, 20, 0, 20), box(0, 5, 0, 5))],
    },
    "four by a strip": {
        "a": [box(0, 20)],
        "b": [box(10, 30)],
        "c": [parts(box(0, 12), box(20, 30))],
        "d": [parts(box(0, 10.2), box(11.8, 30), box(60, 70))],
    },
}  # fmt: skip


@pytest.mark.parametrize("engine", TIERS)
@pytest.mark.parametrize("name", SPECIMENS)
def test_a_meeting_of_three_and_more_is_wide_as_drawn(name, engine):
    """A row of the meetings is a tuple whose own ground survives erosion; a wide tuple is never lost."""
    layers = SPECIMENS[name]
    with tier(engine):
        book = overlay.ledger({key: layer(key, *shapes) for key, shapes in layers.items()}, tolerance=0.5)
    for count in range(3, len(layers) + 1):
        for chosen in itertools.combinations(layers, count):
            found = set(map(tuple, book.pairs(*chosen)[[f"{key}_id" for key in chosen]].to_numpy()))
            wide = {
                tuple(f"{key[0].upper()}{n}" for key, n in zip(chosen, place, strict=True))
                for place in itertools.product(*(range(len(layers[key])) for key in chosen))
                if not shapely.buffer(
                    shapely.intersection_all([layers[key][n] for key, n in zip(chosen, place, strict=True)]), -0.25
                ).is_empty
            }
            assert found == wide, chosen
    assert np.abs(book.balance["difference_m2"]).max() < 1e-6


@pytest.mark.parametrize("engine", TIERS)
def test_a_strip_of_three_is_settled_and_named(engine):
    """The strip that no three may share is among the slivers with giver, area and a place inside it."""
    with tier(engine):
        book = overlay.ledger({key: layer(key, *shapes) for key, shapes in SPECIMENS["strip"].items()}, tolerance=0.5)
    (row,) = book.slivers.to_dict("records")
    assert (row["layer"], row["giver"], round(row["area_m2"], 6)) == ("c", "C0", 1.0)
    assert 440_010 < row["x"] < 440_010.1


def drawn_at_random(seed):
    """Return four layers of one to three shapes, each of one to three boxes on a grid of a quarter metre."""
    chance = np.random.default_rng(seed)

    def shape():
        west, south = chance.integers(0, 14, (2, chance.integers(1, 4))) / 4
        width, height = chance.integers(1, 12, (2, len(west))) / 4
        return shapely.union_all(shapely.box(west, south, west + width, south + height))

    return {name: [shape() for _ in range(chance.integers(1, 4))] for name in "abcd"}


def tied(layers, tolerance, engine):
    """Return the ground of some layers by name, and who meets whom."""
    with tier(engine):
        ground = cut(read({name: layer(name, *each) for name, each in layers.items()}))
        return ground, ties(
            ground.faces, ground.layer_of, len(layers), tolerance,
            lambda questions: ground.wide(questions, tolerance), ground.run,
        )  # fmt: skip


@pytest.mark.parametrize("engine", TIERS)
def test_a_tuple_meets_if_its_ground_is_wide_whatever_lines_cross_it(engine):
    """Every tuple of three and four features, beside the width of their common ground as a whole."""
    tolerance, met, apart = 0.6, 0, 0
    for seed in range(60):
        layers = drawn_at_random(seed)
        shapes = [shape for each in layers.values() for shape in each]
        ground, known = tied(layers, tolerance, engine)
        asked = ground.run(meet)
        of_layer = [np.flatnonzero(ground.layer_of == n) for n in range(len(layers))]
        for some in itertools.chain(itertools.combinations(of_layer, 3), [of_layer]):
            for chosen in itertools.product(*some):
                common = shapely.intersection_all([shapes[n] for n in chosen])
                wide = not shapely.buffer(common, -tolerance / 2).is_empty
                known.joint.chosen[: len(chosen)] = chosen
                assert asked(known.joint, len(chosen)) == wide, (seed, chosen)
                met, apart = met + wide, apart + (not wide and common.area > 0)
    assert met > 200 and apart > 100
