"""Tuples of three layers and more meet only if all their features share wide ground at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from gis.analysis import overlay
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
