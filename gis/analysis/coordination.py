"""Block-level coordination (街区统筹): what renewal adds up to in each control-plan block, and where projects disagree.

Areas come from one overlay ledger of blocks, units, projects and catchments, so that they balance; a project that
straddles blocks is split by area, counted once, in the block that holds most of it. `gis.analysis.conflicts` names the
disagreements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gis import findings as gis_findings
from gis.analysis import bounds, conflicts, overlay, rounding
from gis.analysis.acceptance import require_columns
from gis.errors import EmptyError

OUTSIDE = "街区外"
_FLOORS = ("existing_floor_m2", "demolished_floor_m2", "new_controlled_m2", "new_exempt_m2")
_PROJECT_COLUMNS = (
    "project_id",
    "name",
    "project_type",
    "path",
    "state",
    "lead",
    "start_year",
    "unit_id",
    "households",
)
_BLOCK_COLUMNS = ("block_id", "name", "control_total_m2", "existing_floor_m2")


@dataclass(frozen=True)
class Counting:
    """Say by which codes projects are counted, and what a state means for floor area.

    Parameters
    ----------
    project_types, paths
        Codes to count by, in the order of the table.
    stages
        Stage (reserve, annual, scheme, building, done, suspended, …) by project state.
    removed
        States whose projects are left out (removed from the library).
    done
        States whose floor area is already part of 现状 and no longer changes the remaining floor area.
    """

    project_types: tuple[str, ...]
    paths: tuple[str, ...]
    stages: Mapping[str, str]
    removed: tuple[str, ...] = ("removed",)
    done: tuple[str, ...] = ("completed", "operating")


@dataclass(frozen=True)
class Coordination:
    """Hold the result for all blocks.

    Parameters
    ----------
    results
        One row per block (and one 「街区外」 if projects lie in no block), columns of the layer `block_results`. Floor
        areas, households and counts by path are missing where a project does not say its figure or path; beside them
        stand <column>_least and <column>_lacking (projects), as `bounds.beside` has them, and lead_departments_lacking.
    shares
        One row per project and block: project_id, block_id, area_m2, share (of the project's ground), main, and the
        project's floor areas and households by that share (估算 where share < 1).
    findings
        Conflicts and gaps in the data, with coordinates.
    ledger
        The overlay behind the areas.
    """

    results: pd.DataFrame
    shares: pd.DataFrame
    findings: pd.DataFrame
    ledger: overlay.Ledger


def blocks(
    blocks: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    projects: gpd.GeoDataFrame,
    catchments: gpd.GeoDataFrame | None,
    *,
    counting: Counting,
    tolerance: float,
    transfers: pd.DataFrame | None = None,
) -> Coordination:
    """Add up renewal block by block and list what conflicts.

    Parameters
    ----------
    blocks
        街区: block_id, name, control_total_m2, existing_floor_m2.
    units
        更新单元: unit_id, name.
    projects
        更新项目: project_id, name, project_type, path, state, lead, start_year, unit_id, households, floor areas (m²).
    catchments
        站点影响区 of one ring (they may overlap): catchment_id; None where no station is in operation.
    counting
        Codes to count by.
    tolerance
        Width in m below which two boundaries are the same line.
    transfers
        规模调剂: from_block, to_block, floor_area_m2; None means none.

    Returns
    -------
    Coordination
        Areas in m² (planar, CRS of the blocks), shares 0 to 1. Missing floor area is NaN, never 0. A layer without rows
        says nothing: what needs it is missing, and named in the findings.

    Raises
    ------
    EmptyError
        There is no block.
    FrameError
        A column is missing.
    CrsError
        A frame without CRS or with another one than the blocks'.

    Notes
    -----
    Plan 三(一): per block — assess, draw units, plan projects. Remaining = control total - (existing - demolished +
    new controlled + transferred in - transferred out) over projects that are not done yet; floor area
    "不计入街区管控总规模" is kept apart (工作机制(三)).
    """
    if blocks.empty:
        raise EmptyError("there is no block to coordinate; load the layer blocks first")
    require_columns("blocks", blocks, _BLOCK_COLUMNS)
    require_columns("projects", projects, _PROJECT_COLUMNS + _FLOORS)
    counted = projects[~projects["state"].isin(counting.removed)].reset_index(drop=True)
    layers = {"block": blocks, "unit": units, "project": counted}
    if catchments is not None:
        layers["catchment"] = catchments
    book = overlay.ledger(layers, tolerance=tolerance)
    shares = project_shares(book, counted)
    results = _ground(blocks, book, list(layers)[1:])
    results = results.merge(_projects(shares, counted, counting), on="block_id", how="outer")
    results = _floor_balance(results, shares, counted, counting, transfers)
    found = conflicts.find(units, counted, book, tolerance=tolerance)
    found = gis_findings.join(book.findings, found, _incomplete(shares, counted))
    known = _conflicts_by_block(results["block_id"], found["code"].str.startswith("conflict."), found, shares)
    open_ones = _conflicts_by_block(results["block_id"], found["code"] == conflicts.UNDETERMINED, found, shares)
    _partly(results, "conflict_count", known.astype("Int64"), open_ones)
    silent = _silent({"units": units, "projects": projects, "catchments": catchments})
    results = _without(results, silent)
    found = gis_findings.join(found, _unheard(silent), _exceeded(results, blocks))
    order = results["block_id"].eq(OUTSIDE).to_numpy()
    results = results.iloc[np.lexsort((results["block_id"].to_numpy(dtype=str), order))].reset_index(drop=True)
    return Coordination(results, shares, found, book)


def project_shares(book: overlay.Ledger, projects: gpd.GeoDataFrame) -> pd.DataFrame:
    """Split each project between the blocks it meets and the ground outside all blocks.

    Parameters
    ----------
    book
        A ledger with the layers block and project.
    projects
        Projects with floor areas (m²) and households.

    Returns
    -------
    pandas.DataFrame
        project_id, block_id (「街区外」 outside), area_m2, share, main, floor areas (m²) and households; shares of a
        project sum to 1, households by largest remainder to the whole number.
    """
    inside = book.pairs("block", "project")[["project_id", "block_id", "area_m2"]]
    outside = book.residual("project", "block")[["project_id", "area_m2"]].assign(block_id=OUTSIDE)
    table = pd.concat([inside, outside], ignore_index=True).sort_values(["project_id", "block_id"], ignore_index=True)
    whole = table.groupby("project_id")["area_m2"].transform("sum")
    table["share"] = table["area_m2"] / whole
    largest = table.groupby("project_id")["area_m2"].transform("max")
    first = table["area_m2"].eq(largest)
    table["main"] = first & ~table["project_id"].where(first).duplicated()
    source = projects.set_index("project_id")
    for column in _FLOORS:
        table[column] = table["share"] * table["project_id"].map(source[column]).astype(float)
    exact = table["share"] * table["project_id"].map(source["households"]).astype(float)
    table["households"] = rounding.whole(exact.rename("households"), by=table["project_id"])
    return table


def _ground(blocks: gpd.GeoDataFrame, book: overlay.Ledger, covering: Sequence[str]) -> pd.DataFrame:
    """Return area, units, projects' ground and catchments' ground of each block; ground is never counted twice."""
    table = blocks[list(_BLOCK_COLUMNS)].reset_index(drop=True).rename(columns={"existing_floor_m2": "block_floor_m2"})
    own = book.balance[book.balance["layer"] == "block"].set_index("feature")["own_m2"]
    table["area_m2"] = table["block_id"].map(own).astype(float)
    # filled where there are catchments
    table[["catchment_area_m2", "catchment_share"]] = np.nan
    met = book.pairs("block", "unit")
    table["unit_count"] = table["block_id"].map(met.groupby("block_id").size()).fillna(0).astype("Int64")
    for layer in covering:
        open_ground = book.residual("block", layer).set_index("block_id")["area_m2"]
        settled = book.pairs("block").set_index("block_id")["area_m2"]
        covered = table["block_id"].map(settled).astype(float) - table["block_id"].map(open_ground).fillna(0.0)
        table[f"{layer}_area_m2"] = covered.clip(lower=0.0)
        table[f"{layer}_share"] = table[f"{layer}_area_m2"] / table["block_id"].map(settled).astype(float)
    return table


def _projects(shares: pd.DataFrame, projects: gpd.GeoDataFrame, counting: Counting) -> pd.DataFrame:
    """Count the projects of each block by type, path and stage, and add up areas, floor areas and households."""
    source = projects.set_index("project_id")
    rows = shares.assign(
        project_type=shares["project_id"].map(source["project_type"]),
        path=shares["project_id"].map(source["path"]),
        stage=shares["project_id"].map(source["state"]).map(dict(counting.stages)),
        lead=shares["project_id"].map(source["lead"]),
    )
    main = rows[rows["main"]]
    out = pd.DataFrame(index=pd.Index(sorted(rows["block_id"].unique()), name="block_id"))
    out["project_count"] = main.groupby("block_id").size()
    out["touched_count"] = rows.groupby("block_id").size()
    for code in counting.project_types:
        out[f"type_{code}_count"] = main[main["project_type"] == code].groupby("block_id").size()
        out[f"type_{code}_m2"] = rows[rows["project_type"] == code].groupby("block_id")["area_m2"].sum()
    silent = main["path"].isna().groupby(main["block_id"]).sum()
    for code in counting.paths:
        counted = main[main["path"] == code].groupby("block_id").size()
        _partly(out, f"path_{code}_count", counted.reindex(out.index).fillna(0), silent.reindex(out.index).fillna(0))
    for stage in dict.fromkeys(counting.stages.values()):
        out[f"stage_{stage}_count"] = main[main["stage"] == stage].groupby("block_id").size()
    known = rows.dropna(subset=["lead"])
    out["lead_departments"] = known.groupby("block_id")["lead"].agg(_departments)
    out["lead_departments_lacking"] = rows["lead"].isna().groupby(rows["block_id"]).sum()
    for column in (*_FLOORS, "households"):
        # a part is not taken for the whole; `_incomplete` says what is known
        blank = rows[column].isna().groupby(rows["block_id"]).sum()
        _partly(out, column, rows.groupby("block_id")[column].sum(), blank)
    return out.reset_index()


def _partly(table: pd.DataFrame, column: str, least: pd.Series, lacking: pd.Series) -> None:
    """Put a sum, what it is at least and how many projects lack in it into a table of blocks."""
    for name, values in bounds.beside(pd.DataFrame({column: least}), pd.DataFrame({column: lacking})).items():
        table[name] = values


def _departments(leads: pd.Series) -> str:
    """Join the lead departments of several projects, each once."""
    parts = [part.strip() for text in leads for part in str(text).split("、")]
    return "、".join(dict.fromkeys(part for part in parts if part))


def _floor_balance(
    results: pd.DataFrame,
    shares: pd.DataFrame,
    projects: gpd.GeoDataFrame,
    counting: Counting,
    transfers: pd.DataFrame | None,
) -> pd.DataFrame:
    """Fill what no project means (0) and work out the remaining floor area of each block's control total."""
    table = results.copy()
    none = table["project_count"].isna() & table["touched_count"].isna()
    counts = [column for column in table.columns if column.endswith("_count")]
    # of a block with projects a blank count is one that is not known
    table[counts] = table[counts].mask(table[counts].isna() & none.to_numpy()[:, np.newaxis], 0)
    whole = [column for column in counts if not column.startswith("path_")]
    table[whole] = table[whole].fillna(0)
    table[counts] = table[counts].astype("Int64")
    sums = [column for column in table.columns if column.startswith("type_") and column.endswith("_m2")]
    table[sums] = table[sums].fillna(0.0)
    for column in _FLOORS:
        table[column] = table[column].astype(float).mask(none, 0.0)
    table["households"] = table["households"].astype("Int64").mask(none, 0)
    table["name"] = table["name"].where(table["block_id"] != OUTSIDE, OUTSIDE)
    moved = transfers if transfers is not None else pd.DataFrame(columns=["from_block", "to_block", "floor_area_m2"])
    for side, column in (("to_block", "transferred_in_m2"), ("from_block", "transferred_out_m2")):
        total = moved.groupby(side)["floor_area_m2"].agg(lambda areas: areas.sum(skipna=False))
        total = table["block_id"].map(total).astype(float)
        table[column] = total.where(table["block_id"].isin(moved[side]), 0.0)
    pending = shares[~shares["project_id"].isin(projects.loc[projects["state"].isin(counting.done), "project_id"])]
    change = pending["new_controlled_m2"] - pending["demolished_floor_m2"]
    unknown = change.isna().groupby(pending["block_id"]).any()
    net = change.groupby(pending["block_id"]).sum().mask(unknown)
    planned = table["block_id"].map(net).where(table["block_id"].isin(net.index), 0.0).astype(float)
    table["remaining_m2"] = table["control_total_m2"] - (
        table["block_floor_m2"] + planned + table["transferred_in_m2"] - table["transferred_out_m2"]
    )
    return table.drop(columns="touched_count")


def _incomplete(shares: pd.DataFrame, projects: gpd.GeoDataFrame) -> pd.DataFrame:
    """Report the sums that are missing because a project's figure is blank, with what is known of them."""
    rows = []
    for column in (*_FLOORS, "households"):
        least = shares.groupby("block_id")[column].sum()
        for block, keys in _without_figure(shares, projects, column):
            code, known = "block.partial_sum", {"least_m2": float(least[block])}
            if column == "households":
                code, known = "block.partial_count", {"least": int(least[block])}
            more: dict[str, Any] = {"field": column, "projects": keys, "count": len(keys), **known}
            rows.append(gis_findings.finding(code, "block_results", block, severity="info", **more))
    main = shares[shares["main"]]
    for code, column, of in (("block.path_unknown", "path", main), ("block.lead_unknown", "lead", shares)):
        for block, keys in _without_figure(of, projects, column):
            more = {"projects": keys, "count": len(keys)}
            rows.append(gis_findings.finding(code, "block_results", block, severity="info", **more))
    return gis_findings.table(rows)


def _without_figure(shares: pd.DataFrame, projects: pd.DataFrame, column: str) -> list[tuple[str, list[str]]]:
    """Return the projects of each block that do not say something."""
    hit = shares[shares["project_id"].isin(projects.loc[projects[column].isna(), "project_id"])]
    return [(str(block), sorted(group["project_id"])) for block, group in hit.groupby("block_id")]


def _silent(layers: Mapping[str, pd.DataFrame | None]) -> list[str]:
    """Return the layers that say nothing, because they have no rows."""
    return [name for name, frame in layers.items() if frame is None or frame.empty]


def _without(results: pd.DataFrame, silent: Sequence[str]) -> pd.DataFrame:
    """Blank the figures that need a layer without rows."""
    table = results.copy()
    for layer in silent:
        singular = layer.removesuffix("s")
        starts = (f"{singular}_",) if layer != "projects" else ("project_", "type_", "path_", "stage_")
        blank = [column for column in table.columns if column.startswith(starts)]
        if layer == "projects":
            amounts = (*_FLOORS, "households")
            blank += [f"{name}{part}" for name in amounts for part in ("", "_least", "_lacking")]
            blank += ["lead_departments_lacking", "remaining_m2"]
            blank += [column for column in table.columns if column.startswith("conflict_")]
        table[blank] = table[blank].mask(np.ones((len(table), len(blank)), dtype=bool))
    return table


def _unheard(silent: Sequence[str]) -> pd.DataFrame:
    """Report the layers without rows, which leave figures blank."""
    codes = {"catchments": ("block.catchments_unknown", "stations")}
    named = [codes.get(name, ("block.layer_empty", name)) for name in silent]
    return gis_findings.table([gis_findings.finding(code, layer, severity="warning") for code, layer in named])


def _exceeded(results: pd.DataFrame, blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    """Report blocks whose control total is less than what stands, is planned and comes in, or than what stands."""
    over = -results["remaining_m2"].astype(float)
    standing = (results["block_floor_m2"] - results["control_total_m2"]).where(over.isna())
    places, rows = blocks.set_index("block_id").geometry, []
    for code, amount in (("block.control_exceeded", over), ("block.existing_exceeds", standing)):
        # half a square metre is rounding
        for place in np.flatnonzero(amount > 0.5):
            row = results.iloc[place]
            found = gis_findings.finding(
                code,
                "blocks",
                str(row["block_id"]),
                severity="warning",
                field="control_total_m2",
                at=places[row["block_id"]],
                control_total_m2=float(row["control_total_m2"]),
                over_m2=float(amount.iloc[place]),
            )
            rows.append(found)
    return gis_findings.table(rows)


def _conflicts_by_block(block_ids: pd.Series, which: pd.Series, found: pd.DataFrame, shares: pd.DataFrame) -> pd.Series:
    """Count the findings of a kind whose project lies in each block."""
    rows = found[which]
    hit = rows.merge(shares.loc[shares["main"], ["project_id", "block_id"]], left_on="feature", right_on="project_id")
    return block_ids.map(hit.groupby("block_id").size()).fillna(0)
