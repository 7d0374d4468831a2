"""Block coordination on a store, with its results put back."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd

from gis import findings as faults
from gis.analysis import bounds, coordination
from gis.catalogue import Catalogue
from gis.settings import Settings
from gis.store import Store
from gis.workflow import surroundings


def counting(catalogue: Catalogue) -> coordination.Counting:
    """Return by which codes projects are counted, from the code lists.

    Parameters
    ----------
    catalogue
        With the lists project_types, paths and project_states.

    Returns
    -------
    gis.analysis.coordination.Counting
    """
    return coordination.Counting(
        project_types=tuple(code.code for code in catalogue.code_list("project_types")),
        paths=tuple(code.code for code in catalogue.code_list("paths")),
        stages=catalogue.code_list("project_states").values("stage"),
    )


def blocks(
    store: Store, *, settings: Settings, author: str = "gis", drawn: surroundings.Drawn | None = None
) -> coordination.Coordination:
    """Coordinate the blocks of a store: read, overlay, add up, put results and findings back.

    Parameters
    ----------
    store
        With the layers blocks, units, projects, stations; the outermost raw ring counts as catchment. Where no station
        is in operation, figures of catchments are missing.
    settings
        Tolerance (m) and rings.
    author
        Who is recorded for the change set of the catchments.
    drawn
        Catchments that `surroundings.draw` made of the same store just now; None draws them.

    Returns
    -------
    gis.analysis.coordination.Coordination
        Its findings begin with those about stations.
    """
    rings, of_rings = surroundings.catchments_or_none(store, settings=settings, author=author, drawn=drawn)
    result = coordination.blocks(
        store.read("blocks"),
        store.read("units"),
        store.read("projects"),
        rings,
        counting=counting(store.catalogue),
        tolerance=settings.tolerance,
        transfers=store.read("transfers"),
    )
    keep(store, result)
    return replace(result, findings=faults.join(of_rings, result.findings))


def keep(store: Store, result: coordination.Coordination) -> None:
    """Put the results of block coordination into the derived layers block_results, partial_sums, cells and findings.

    Parameters
    ----------
    store
        Where to put them.
    result
        Made by `analysis.coordination.blocks`.
    """
    made_by = result.ledger.lineage
    columns = list(store.catalogue.layer("block_results").columns)
    store.replace("block_results", result.results[columns], lineage=made_by)
    surroundings.keep_partial(store, "block_results", bounds.listed(result.results, "block_id"), made_by)
    store.replace("cells", _cells(result.ledger.cells), lineage=made_by)
    store.replace("findings", result.findings, lineage=made_by, where={"origin": "coordination"})


def _cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return overlay cells as rows of the layer cells: numbered, several ids as JSON."""
    out = pd.DataFrame({"cell_id": [f"C{number:06d}" for number in range(1, len(cells) + 1)]})
    for name in ("block", "unit"):
        out[f"{name}_id"] = cells[f"{name}_id"].to_numpy()
    for name in ("project", "catchment"):
        if f"{name}_id" not in cells.columns and f"{name}_ids" not in cells.columns:
            out[f"{name}_ids"] = None
            continue
        out[f"{name}_ids"] = [json.dumps(list(ids), ensure_ascii=False) for ids in _several(cells, name)]
    out["area_m2"] = cells["area_m2"].to_numpy()
    return out


def _several(cells: pd.DataFrame, name: str) -> list[tuple[str, ...]]:
    """Return the ids of a layer that may overlap itself, as tuples."""
    if f"{name}_ids" in cells.columns:
        return list(cells[f"{name}_ids"])
    return [(value,) if isinstance(value, str) else () for value in cells[f"{name}_id"]]
