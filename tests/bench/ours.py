"""What is measured of gis itself: each question as `gis` answers it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gis import compiled
from gis.analysis import overlay
from gis.geometry import areas, coverage, outlines
from tests.bench import agreement, peers
from tests.bench.measuring import Job

TOLERANCE_M = 0.5

if compiled.ready(0):
    # numba counts towards the whole process, as everybody's libraries do
    compiled.compiler()


@dataclass(frozen=True)
class Floors:
    """Hold the floor area by block, and pairs of positions of blocks and buildings with their common ground in m²."""

    by_block: pd.Series
    block: NDArray[np.intp]
    building: NDArray[np.intp]
    area_m2: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.area_m2)


def floors_by_block(case: Path) -> Floors:
    """Spread the floor area of buildings over blocks, from the files to the sums, without a single shapely object.

    Parameters
    ----------
    case
        Folder of the case.

    Returns
    -------
    Floors
    """
    blocks = pq.read_table(case / "block.parquet", columns=["block_id", "geometry"])
    # some rows at a time, so that the bytes of all are never held together
    with pq.ParquetFile(case / "building.parquet") as file:
        rows = file.iter_batches(1 << 17, columns=["floors", "geometry"])
        read = [(outlines.from_wkb(batch["geometry"]), batch["floors"].to_numpy()) for batch in rows]
    buildings, floors = outlines.joined([shapes for shapes, _ in read]), np.concatenate([each for _, each in read])
    read.clear()
    i, j, area_m2 = areas.pair_areas(outlines.from_wkb(blocks["geometry"]), buildings)
    sums = np.bincount(i, area_m2 * floors[j], minlength=len(blocks))
    return Floors(pd.Series(sums, index=blocks["block_id"].to_pandas()), i, j, area_m2)


def _keep_floors(case: Path, answer: Floors, file: Path) -> None:
    blocks, buildings = (
        pd.read_parquet(case / f"{layer}.parquet", columns=[f"{layer}_id"])[f"{layer}_id"].array
        for layer in ("block", "building")
    )
    pairs = {"block_id": blocks[answer.block], "building_id": buildings[answer.building], "area_m2": answer.area_m2}
    agreement.keep("buildings", case, pd.DataFrame(pairs), file)


def _keep_ledger(case: Path, answer: overlay.Ledger, file: Path) -> None:
    """Write how well a ledger balances: by feature, and between cells and their geometry."""
    worst = {"feature_m2": answer.balance["difference_m2"].abs().max()}
    if answer.facets is not None:
        worst["geometry_m2"] = (answer.facets.area - answer.facets["area_m2"]).abs().max()
    np.savez(file, **worst)


def _ledger(facets: bool) -> Job:
    return Job(
        lambda data, threads: overlay.ledger(data, tolerance=TOLERANCE_M, facets=facets, workers=threads),
        read=peers.layers,
        rows=lambda answer: len(answer.cells),
        keep=_keep_ledger,
    )


JOBS = {
    "meetings": Job(
        lambda data, threads: overlay.common_ground(data, workers=threads),
        read=peers.layers,
        keep=agreement.keeper("meetings"),
    ),
    "cells": _ledger(facets=False),
    "facets": _ledger(facets=True),
    "buildings": Job(lambda case, threads: floors_by_block(case), keep=_keep_floors),
    "overlaps": Job(
        lambda data, threads: coverage.overlaps(data, "parcel_id"),
        read=peers.parcels,
        keep=agreement.keeper("overlaps"),
    ),
}
