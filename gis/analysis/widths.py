"""Widths: is ground wide enough for a disc? Measures decide most of it; what they leave open is asked of the shapes.

Ground is put together face by face. Less area than the disc, or a box narrower than it, is an answer; for any other
ground one point and the box say where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gis.compiled import Flags, Floats, Ints, inlined

# question columns: a layer that leaves ground open (or -1), and the features from here on (-1 behind the last)
LAYER, FEATURES = range(2)
# columns of what is known of ground: its area and that of its largest face, a point in that face, and the box
AREA, LARGEST, X, Y, WEST, SOUTH, EAST, NORTH = range(8)
KNOWN = 8


@dataclass(frozen=True)
class Questions:
    """Ask whether ground is wide enough for a disc.

    Parameters
    ----------
    what
        Rows of -1 and two features or more (their common ground), or a layer and one feature (its ground that the layer
        leaves open); -1 behind the last feature.
    place
        A point inside the piece that is asked about, m.
    box
        West, south, east and north of that ground, m.
    """

    what: Ints
    place: Floats
    box: Floats


def answered(what: Ints, known: Floats, disc: float, wide: Callable[[Questions], Flags]) -> Flags:
    """Answer questions by measures where that is enough, else by shape.

    Parameters
    ----------
    what
        Rows as in `Questions`.
    known
        What is known of the ground of each question, as `take` wrote it down.
    disc
        Area of the disc, m².
    wide
        Answers whether the disc fits.

    Returns
    -------
    numpy.ndarray
        One answer a question.
    """
    side = 2 * np.sqrt(disc / np.pi)
    passed = known[:, AREA] > disc
    passed &= (known[:, EAST] - known[:, WEST] > side) & (known[:, NORTH] - known[:, SOUTH] > side)
    ask = np.flatnonzero(passed)
    place, box = known[ask, X : Y + 1], known[ask, WEST : NORTH + 1]
    # a kernel would be compiled again for columns of a larger table
    passed[ask] = wide(Questions(what[ask], np.ascontiguousarray(place), np.ascontiguousarray(box)))
    return passed


@inlined
def clear(known: Floats, n: int) -> None:
    """Begin with ground that has no face yet.

    Parameters
    ----------
    known
        What is known of all ground; row n is written to.
    n
        Number of the ground.
    """
    known[n, AREA], known[n, LARGEST] = 0.0, -1.0
    known[n, WEST] = known[n, SOUTH] = np.inf
    known[n, EAST] = known[n, NORTH] = -np.inf


@inlined
def take(known: Floats, n: int, face: int, area: Floats, place: Floats, box: Floats) -> None:
    """Add a face to ground.

    Parameters
    ----------
    known
        What is known of all ground; row n is written to.
    n
        Number of the ground.
    face
        Position of the face.
    area, place, box
        Measures of all faces, a point inside each, and west, south, east and north of each.
    """
    known[n, AREA] += area[face]
    if area[face] > known[n, LARGEST]:
        known[n, LARGEST], known[n, X], known[n, Y] = area[face], place[face, 0], place[face, 1]
    known[n, WEST], known[n, SOUTH] = min(known[n, WEST], box[face, 0]), min(known[n, SOUTH], box[face, 1])
    known[n, EAST], known[n, NORTH] = max(known[n, EAST], box[face, 2]), max(known[n, NORTH], box[face, 3])
