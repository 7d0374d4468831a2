"""Strips: the covers that are clearly wide nowhere, with their faces; what shares ground there must be asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.analysis.wide_sets import Sets, indexed
from gis.compiled import Flags, Floats, Ints
from gis.geometry.faces import Faces


class Strips(NamedTuple):
    """Hold the covers that are clearly wide nowhere, and their faces.

    Parameters
    ----------
    covers
        These covers, to be found by their features.
    face_start, face
        Where each cover begins in `face`, and its faces; a cover that is clearly wide somewhere has none.
    area, place, box
        Measures of all faces, a point inside each, and west, south, east and north of each.
    """

    covers: Sets
    face_start: Ints
    face: Ints
    area: Floats
    place: Floats
    box: Floats


def parted(faces: Faces, sure: Flags, features: int, run: Callable[[object], Callable]) -> tuple[Sets, Strips]:
    """Part the covers into those that are clearly wide somewhere and the others.

    Parameters
    ----------
    faces
        Faces and their covers.
    sure
        Whether each face is clearly wide.
    features
        Number of features.
    run
        Says how a kernel is to be run.

    Returns
    -------
    tuple
        The covers that are clearly wide somewhere, and the others with their faces.
    """
    covers = len(faces.cover_start) - 1
    clear = np.zeros(covers, dtype=np.bool_)
    clear[faces.cover[sure]] = True
    face = np.flatnonzero(~clear[faces.cover])
    count = np.bincount(faces.cover[face], minlength=covers)
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(count)])
    wide, narrow = (
        indexed(faces.cover_start, faces.member, features, run, chosen) for chosen in (clear, ~clear & (count > 0))
    )
    order = face[np.argsort(faces.cover[face], kind="stable")]
    return wide, Strips(narrow, start, order, faces.area_m2, faces.place, faces.box)
