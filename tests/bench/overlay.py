"""Compare the overlay ledger with geopandas.overlay on a synthetic district: `scripts/bench overlay --help`.

The case: street-like blocks that tile the ground, units drawn over groups of their cells but digitised with a shift
(so that every shared boundary leaves slivers, as two departments' drawings do), and projects as rotated rectangles.
geopandas has no ledger, so it is timed on the two things that planners ask it for: the pieces where all layers meet
(two intersections) and the partition of the ground (two unions). The ledger gives both, settled and balanced, at once.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.analysis import overlay

CRS = "EPSG:4548"
ORIGIN = np.array([420_000.0, 4_420_000.0])
SIDE_M = 120.0
CELLS = 4
KEYS = ["block_id", "unit_id", "project_id"]

# blocks along one side of the square
SIZES = {"toy": 3, "s": 12, "m": 30, "l": 70}


def district(side: int, *, shift_m: float = 0.2, seed: int = 2035) -> dict[str, gpd.GeoDataFrame]:
    """Draw side x side blocks with units and projects.

    Parameters
    ----------
    side
        Blocks along one side of the square; a block measures about 120 m.
    shift_m
        How far the units' drawing is off, in metres; 0 gives a case without slivers.
    seed
        Of the random numbers.

    Returns
    -------
    dict
        block, unit and project, each keyed by `<name>_id`, in EPSG:4548.
    """
    random = np.random.default_rng(seed)
    cells = _cells(side, random)
    row, column = np.divmod(np.arange(len(cells)), side * CELLS)
    block = (row // CELLS) * side + column // CELLS
    # units are patches of cells that run across the blocks; some of the ground is in none
    patch = (row // 5) * side * CELLS + column // 7
    kept = patch % 4 > 0
    shift = np.array([shift_m, -0.6 * shift_m])
    units = shapely.transform(_dissolved(cells[kept], patch[kept]), lambda corners: corners + shift)
    return {
        "block": _frame("block", _dissolved(cells, block)),
        "unit": _frame("unit", units),
        "project": _frame("project", _rectangles(side, random)),
    }


def _cells(side: int, random: np.random.Generator) -> np.ndarray:
    """Draw a grid of quadrilaterals whose inner corners are shaken, in millimetres."""
    count = side * CELLS
    step = SIDE_M / CELLS
    y, x = np.meshgrid(np.arange(count + 1) * step, np.arange(count + 1) * step, indexing="ij")
    corners = np.round(np.stack([x, y], axis=-1) + random.uniform(-4, 4, (count + 1, count + 1, 2)) + ORIGIN, 3)
    ring = [corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1], corners[:-1, :-1]]
    return shapely.polygons(np.stack(ring, axis=2).reshape(-1, 5, 2))


def _dissolved(cells: np.ndarray, group: np.ndarray) -> np.ndarray:
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.array([shapely.coverage_union_all(part) for part in np.split(cells[order], starts[1:])])


def _rectangles(side: int, random: np.random.Generator) -> np.ndarray:
    """Draw rotated rectangles on a wider grid, so that none meets another."""
    spacing = SIDE_M * 0.9
    count = int(side * SIDE_M / spacing)
    centres = (np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2) + 0.5) * spacing
    half = random.uniform(12, 34, (len(centres), 2))
    angle = random.uniform(0, np.pi, len(centres))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half[:, None, :]
    turn = np.stack([np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)], 1)
    return shapely.polygons(np.round(corners @ turn + centres[:, None, :] + ORIGIN, 3))


def _frame(name: str, shapes: np.ndarray) -> gpd.GeoDataFrame:
    keys = [f"{name[0].upper()}{number:06d}" for number in range(len(shapes))]
    return gpd.GeoDataFrame({f"{name}_id": keys}, geometry=shapes, crs=CRS)


def meetings_by_geopandas(layers: dict[str, gpd.GeoDataFrame]) -> pd.Series:
    """Return the area in m² of every tuple of features that share ground, slivers included."""
    pieces = gpd.overlay(layers["block"], layers["unit"], how="intersection", keep_geom_type=True)
    pieces = gpd.overlay(pieces, layers["project"], how="intersection", keep_geom_type=True)
    return pieces.assign(area_m2=pieces.area).groupby(KEYS)["area_m2"].sum()


def partition_by_geopandas(layers: dict[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return the pieces that the layers' boundaries cut the ground into."""
    pieces = gpd.overlay(layers["block"], layers["unit"], how="union", keep_geom_type=True)
    return gpd.overlay(pieces, layers["project"], how="union", keep_geom_type=True)


def measure(size: str, *, shift_m: float, tolerance_m: float, rounds: int) -> dict[str, object]:
    """Time all three on one case and compare what they say.

    Parameters
    ----------
    size
        One of SIZES.
    shift_m
        Shift of the units' drawing in metres.
    tolerance_m
        Tolerance of the ledger in metres.
    rounds
        How often each is run; the fastest round counts.

    Returns
    -------
    dict
        One row of the table: counts, seconds, ratios, and the largest difference in m² among the tuples of both.
    """
    layers = district(SIZES[size], shift_m=shift_m)
    ours_s, ledger = fastest(lambda: overlay.ledger(layers, tolerance=tolerance_m), rounds)
    meetings_s, theirs = fastest(lambda: meetings_by_geopandas(layers), rounds)
    partition_s, pieces = fastest(lambda: partition_by_geopandas(layers), rounds)
    ours = ledger.meetings.set_index(KEYS)["area_m2"]
    both = pd.concat([ours.rename("ours"), theirs.rename("theirs")], axis=1, join="inner")
    return {
        "size": size,
        "shift m": shift_m,
        "features": "+".join(str(len(frame)) for frame in layers.values()),
        "ledger s": round(ours_s, 3),
        "intersections s": round(meetings_s, 3),
        "intersections ÷ ledger": f"{meetings_s / ours_s:.2f}",
        "unions s": round(partition_s, 3),
        "unions ÷ ledger": f"{partition_s / ours_s:.2f}",
        "meetings": len(ours),
        "geopandas' pieces": len(theirs),
        "cells": len(ledger.cells),
        "geopandas' parts": len(pieces),
        "only in ledger": len(ours.index.difference(theirs.index)),
        "largest difference m²": f"{(both['ours'] - both['theirs']).abs().max():.1e}",
        "worst balance m²": f"{ledger.balance['difference_m2'].abs().max():.1e}",
    }


def fastest(job: Callable[[], object], rounds: int) -> tuple[float, object]:
    """Return the seconds of the fastest round, and the last result."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = job()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def as_markdown(rows: list[dict[str, object]]) -> str:
    """Lay rows out as a Markdown table, one measure a line, since there are more measures than cases."""
    lines = [[name, *(str(row[name]) for row in rows)] for name in rows[0]]
    header, *body = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *body])


def machine() -> str:
    """Describe the machine and the versions that were measured."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("geopandas", "shapely", "numpy", "pandas"))
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    geos = ".".join(str(part) for part in shapely.geos_version)
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {python}, {versions}, GEOS {geos}"


def report(rows: list[dict[str, object]], *, tolerance_m: float, rounds: int) -> str:
    """Write the table with what it means and where it was measured."""
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    return (
        f"# The overlay ledger against geopandas.overlay\n\n{prose}\n\n{as_markdown(rows)}\n\n"
        "Above 1 the ledger is faster. geopandas' other pieces are narrower than the tolerance, and areas differ by\n"
        "slivers that the ledger settled: few where nothing is shifted, along every boundary where the units are.\n\n"
        f"Tolerance {tolerance_m} m; fastest of {rounds}. Measured on {machine()}.\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write the report where it is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench overlay", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["s", "m"], help=", ".join(SIZES))
    parser.add_argument("--rounds", type=int, default=3, help="rounds a case, of which the fastest counts")
    parser.add_argument("--tolerance", type=float, default=0.5, metavar="M", help="tolerance of the ledger in metres")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-overlay.md")
    options = parser.parse_args(arguments)
    common = {"tolerance_m": options.tolerance, "rounds": options.rounds}
    rows = [measure(size, shift_m=shift, **common) for size in options.sizes for shift in (0.0, 0.2)]
    text = report(rows, **common)
    print(text)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
