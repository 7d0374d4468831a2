"""Ties: which features truly meet.

Two features meet if their common ground survives erosion by half the tolerance (`gis.analysis.pairs`); so must the
ground that features of three layers and more have in common (`gis.analysis.joint`), and the ground of a feature that a
layer leaves open, piece by piece (`gis.analysis.residuals`). All is decided on the shapes as drawn, before anything is
given away. Area and perimeter decide most of it, by the bound of `gis.geometry.parts.clearly_survives`; what they leave
open is asked of the shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from gis.analysis.groups import Groups, covers
from gis.analysis.joint import joint
from gis.analysis.pairs import pairs
from gis.analysis.residuals import residuals
from gis.analysis.strips import parted
from gis.analysis.wide_sets import WideSets
from gis.analysis.widths import Questions, answered
from gis.compiled import Flags, Ints, Places
from gis.geometry.faces import Faces


@dataclass(frozen=True)
class Ties:
    """Say who meets whom on ground as drawn.

    Parameters
    ----------
    groups
        Who covers ground together.
    together
        Table of the pairs of features i < j that meet, as i × number of features + j.
    joint
        Who meets of three features and more, one a layer.
    beyond
        Whether a feature (row) truly reaches ground that a layer (column) leaves open.
    lost
        Table of (face × layers + layer) × features + feature where that residual piece is too narrow to count.
    slivers
        Whether each face has a cover that holds features that do not meet, or a lost residual.
    """

    groups: Groups
    together: Ints
    joint: WideSets
    beyond: Flags
    lost: Ints
    slivers: Flags


def ties(
    faces: Faces,
    layer_of: Places,
    layers: int,
    tolerance: float,
    wide: Callable[[Questions], Flags],
    run: Callable[[object], Callable],
) -> Ties:
    """Decide who meets whom.

    Parameters
    ----------
    faces
        Faces, their covers and neighbours.
    layer_of
        Position of each feature's layer.
    layers
        Number of layers.
    tolerance
        Width below which common ground is noise of digitising, m.
    wide
        Answers whether a disc as wide as the tolerance fits.
    run
        Says how a kernel is to be run.

    Returns
    -------
    Ties
    """
    radius = tolerance / 2
    disc = np.pi * radius**2
    sure = faces.area_m2 > radius * faces.perimeter_m + disc * faces.holes
    features = len(layer_of)
    groups = covers(faces, layer_of, layers, run)
    wide_covers, strips = parted(faces, sure, features, run)
    asked = partial(answered, disc=disc, wide=wide)
    together, apart = pairs(groups, wide_covers, strips, layer_of, asked, run)
    all_at_once, torn = joint(groups, wide_covers, strips, apart, together, features, asked, run)
    rest = residuals(faces, groups, features, sure, disc, wide, run)
    slivers = (apart | torn)[faces.cover] | rest.narrow
    return Ties(groups, together, all_at_once, rest.beyond, rest.lost, slivers)
