"""Two features meet if the ground that both cover is wide, whatever lines cut it into strips."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from gis.geometry import keyed
from tests.unit.analysis.test_joint import drawn_at_random, tied
from tests.unit.analysis.test_overlay_tiers import TIERS

TOLERANCE_M = 0.6


@pytest.mark.parametrize("engine", TIERS)
def test_every_pair_beside_the_width_of_its_ground(engine):
    """Pairs of one layer and of two; and a face whose cover holds a pair that does not meet is a sliver."""
    met, apart = 0, 0
    for seed in range(100, 160):
        layers = drawn_at_random(seed)
        ground, known = tied(layers, TOLERANCE_M, engine)
        shapes = [shape for each in layers.values() for shape in each]
        strangers = set()
        for i, j in itertools.combinations(range(len(shapes)), 2):
            common = shapely.intersection(shapes[i], shapes[j])
            wide = not shapely.buffer(common, -TOLERANCE_M / 2).is_empty
            assert ground.run(keyed.has)(known.together, i * len(shapes) + j) == wide, (seed, i, j)
            met, apart = met + wide, apart + (not wide and common.area > 0)
            strangers |= set() if wide else {(i, j)}
        faces = ground.faces
        for face, cover in enumerate(faces.cover.tolist()):
            members = faces.member[faces.cover_start[cover] : faces.cover_start[cover + 1]].tolist()
            if not strangers.isdisjoint(itertools.combinations(members, 2)):
                assert known.slivers[face], (seed, face)
    assert met > 300 and apart > 100


@pytest.mark.parametrize("engine", TIERS)
def test_a_group_seen_whole_in_one_place_is_asked_about_in_another(engine):
    """Two shapes of one layer lie together on wide ground with one block, and by a strip only with the other."""
    both = [shapely.box(0, 0, 10.2, 10), shapely.box(0, 0, 10.1, 10)]
    layers = {"a": [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)], "b": both}
    ground, known = tied(layers, TOLERANCE_M, engine)
    has = ground.run(keyed.has)
    pairs = {(i, j) for i, j in itertools.combinations(range(4), 2) if has(known.together, i * 4 + j)}
    assert pairs == {(0, 2), (0, 3), (2, 3)}
    assert np.count_nonzero(known.slivers) == 2
