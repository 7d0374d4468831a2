"""Compare two answers tuple by tuple: the same features meet, and each common ground is equally large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

# what rounding may leave: m² a tuple, and m² for each metre of its features' outlines
BASE_M2 = 1e-6
PER_METRE_M2 = 1e-10

# the layers of an overlay; each frame's key is `<layer>_id`
LAYERS = ("block", "unit", "project", "catchment")
# question -> the layers whose features make a tuple, by the column that names them
TUPLES: Mapping[str, Mapping[str, str]] = {
    "meetings": {f"{name}_id": name for name in LAYERS},
    "buildings": {"block_id": "block", "building_id": "building"},
    "overlaps": {"first": "redrawn", "second": "redrawn"},
}


@dataclass(frozen=True)
class Agreement:
    """Say how far two answers agree.

    Parameters
    ----------
    tuples
        In both answers.
    only_ours, only_theirs
        In one answer, larger than the bound.
    beyond
        In both, areas further apart than the bound.
    worst_m2
        The largest difference of a tuple in both.
    """

    tuples: int
    only_ours: int
    only_theirs: int
    beyond: int
    worst_m2: float

    @property
    def holds(self) -> bool:
        """Whether no tuple differs by more than the bound."""
        return self.tuples > 0 and not (self.only_ours or self.only_theirs or self.beyond)


def keep(question: str, case: Path, answer: pd.DataFrame, file: Path) -> None:
    """Write an answer as one number and one area a tuple, sorted.

    Parameters
    ----------
    question
        One of TUPLES.
    case
        Folder of the layers.
    answer
        Its columns, and area_m2.
    file
        Where it goes (npz).
    """
    positions, sizes = [], []
    for column, layer in TUPLES[question].items():
        keys = pd.Index(pd.read_parquet(case / f"{layer}.parquet", columns=[_key(layer)])[_key(layer)])
        positions.append(keys.get_indexer(answer[column]))
        sizes.append(len(keys))
    if question == "overlaps":
        # a pair of one layer has no order
        positions = list(np.sort(positions, axis=0))
    code, place = np.unique(np.ravel_multi_index(positions, sizes), return_inverse=True)
    np.savez(file, code=code, area=np.bincount(place, answer["area_m2"].to_numpy(dtype=float), len(code)))


def keeper(question: str) -> partial[None]:
    """Return `keep` for one question."""
    return partial(keep, question)


def compare(question: str, case: Path, ours: Path, theirs: Path) -> Agreement:
    """Compare two kept answers.

    Parameters
    ----------
    question
        One of TUPLES.
    case
        Folder of the layers.
    ours, theirs
        Files written by `keep`.

    Returns
    -------
    Agreement
    """
    layers = list(TUPLES[question].values())
    outlines = {layer: gpd.read_parquet(case / f"{layer}.parquet", columns=["geometry"]).length for layer in layers}
    lengths = [outlines[layer].to_numpy() for layer in layers]
    with np.load(ours) as one, np.load(theirs) as other:
        here, there = (one["code"], one["area"]), (other["code"], other["area"])
    _, i, j = np.intersect1d(here[0], there[0], assume_unique=True, return_indices=True)
    difference = np.abs(here[1][i] - there[1][j])
    return Agreement(
        tuples=len(i),
        only_ours=_missing(here, i, lengths),
        only_theirs=_missing(there, j, lengths),
        beyond=int(np.count_nonzero(difference > _bound(here[0][i], lengths))),
        worst_m2=float(difference.max(initial=0.0)),
    )


def _missing(
    answer: tuple[NDArray[np.int64], NDArray[np.float64]], shared: NDArray[np.intp], lengths: Sequence[NDArray]
) -> int:
    """Count the tuples of one answer that the other lacks and that are no rounding."""
    alone = np.ones(len(answer[0]), dtype=bool)
    alone[shared] = False
    return int(np.count_nonzero(answer[1][alone] > _bound(answer[0][alone], lengths)))


def _bound(code: NDArray[np.int64], lengths: Sequence[NDArray]) -> NDArray[np.float64]:
    """Return by how many m² rounding may move each tuple."""
    positions = np.unravel_index(code, [len(length) for length in lengths])
    outlines = sum(length[position] for length, position in zip(lengths, positions, strict=True))
    return BASE_M2 + PER_METRE_M2 * outlines


def _key(layer: str) -> str:
    return "parcel_id" if layer == "redrawn" else f"{layer}_id"
