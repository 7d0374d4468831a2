"""Where renewal projects and units disagree: shared ground, departments, years, missing units or blocks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from gis import findings as gis_findings
from gis.analysis import overlay

Rows = list[dict[str, Any]]
# projects share ground, and one of them does not say what they may disagree on
UNDETERMINED = "project.overlap_undetermined"


def find(
    units: gpd.GeoDataFrame, projects: gpd.GeoDataFrame, book: overlay.Ledger, *, tolerance: float
) -> pd.DataFrame:
    """List the conflicts between projects, units and blocks.

    Parameters
    ----------
    units, projects
        更新单元 and 更新项目 as given to the ledger.
    book
        Ledger with the layers block, unit and project.
    tolerance
        Width in m below which two boundaries are the same line.

    Returns
    -------
    pandas.DataFrame
        Findings: conflict.overlap (projects share ground), conflict.lead (and have different lead departments),
        conflict.years (and start in different years), `UNDETERMINED` (one does not say), project.no_unit,
        project.no_block, project.unit_differs,
        unit.crosses_blocks; each with a place inside the ground concerned. Without any unit, no project is said to lie
        outside one.
    """
    shapes = projects.set_index("project_id").geometry
    rows = [
        *_overlaps(projects.set_index("project_id"), book),
        *(_homeless(shapes, book, "unit", "project.no_unit") if len(units) else ()),
        *_homeless(shapes, book, "block", "project.no_block"),
        *(_differing_units(projects, book) if len(units) else ()),
        *_crossing_units(units.set_index("unit_id").geometry, book, tolerance),
    ]
    return gis_findings.table(rows)


def shared_ground(book: overlay.Ledger) -> pd.DataFrame:
    """Return the pairs of projects that share ground.

    Parameters
    ----------
    book
        Ledger with the layer project.

    Returns
    -------
    pandas.DataFrame
        first_id, second_id, area_m2 (ground, each place once), sorted by key.
    """
    together: dict[tuple[str, str], float] = {}
    if "project_ids" in book.cells.columns:
        for ids, area in zip(book.cells["project_ids"], book.cells["area_m2"], strict=True):
            for pair in combinations(ids, 2):
                together[pair] = together.get(pair, 0.0) + float(area)
    rows = [(first, second, area) for (first, second), area in sorted(together.items())]
    return pd.DataFrame(rows, columns=["first_id", "second_id", "area_m2"])


def _overlaps(projects: pd.DataFrame, book: overlay.Ledger) -> Rows:
    """Report projects that share ground, and what they disagree on there."""
    rows: Rows = []
    for first, second, area in shared_ground(book).itertuples(index=False):
        one, other = projects.loc[first], projects.loc[second]
        at = shapely.point_on_surface(shapely.intersection(one.geometry, other.geometry))
        facts = {"other": second, "name": one["name"], "other_name": other["name"], "area_m2": area}
        rows.append(gis_findings.finding("conflict.overlap", "projects", first, severity="warning", at=at, **facts))
        if _differ(one["lead"], other["lead"]):
            facts_lead = facts | {"lead": one["lead"], "other_lead": other["lead"]}
            rows.append(gis_findings.finding("conflict.lead", "projects", first, field="lead", at=at, **facts_lead))
        if _differ(one["start_year"], other["start_year"]):
            facts_year = facts | {"year": str(one["start_year"]), "other_year": str(other["start_year"])}
            rows.append(
                gis_findings.finding("conflict.years", "projects", first, field="start_year", at=at, **facts_year)
            )
        for field in ("lead", "start_year"):
            if pd.isna(one[field]) or pd.isna(other[field]):
                more: dict[str, Any] = {"severity": "info", "field": field, "at": at, **facts}
                rows.append(gis_findings.finding(UNDETERMINED, "projects", first, **more))
    return rows


def _differ(one: Any, other: Any) -> bool:
    """Tell whether two known values differ; a blank differs from nothing."""
    return bool(pd.notna(one) and pd.notna(other) and one != other)


def _homeless(shapes: gpd.GeoSeries, book: overlay.Ledger, layer: str, code: str) -> Rows:
    """Report projects that meet no feature of a layer."""
    met = set(book.pairs(layer, "project")["project_id"])
    return [
        gis_findings.finding(code, "projects", str(key), severity="warning", at=shape, area_m2=float(shape.area))
        for key, shape in shapes.items()
        if key not in met
    ]


def _differing_units(projects: gpd.GeoDataFrame, book: overlay.Ledger) -> Rows:
    """Report projects whose unit in the register is not the one they lie in."""
    met = book.pairs("unit", "project")
    rows: Rows = []
    for project in projects.dropna(subset=["unit_id"]).itertuples():
        lies_in = sorted(met.loc[met["project_id"] == project.project_id, "unit_id"])
        if project.unit_id not in lies_in:
            rows.append(
                gis_findings.finding(
                    "project.unit_differs",
                    "projects",
                    str(project.project_id),
                    severity="warning",
                    field="unit_id",
                    at=project.geometry,
                    said=project.unit_id,
                    lies_in=lies_in or None,
                )
            )
    return rows


def _crossing_units(shapes: gpd.GeoSeries, book: overlay.Ledger, tolerance: float) -> Rows:
    """Report units that lie in more than one block, with the ground in each."""
    met = book.pairs("block", "unit")
    rows: Rows = []
    for unit, group in met.groupby("unit_id"):
        if len(group) < 2:
            continue
        parts = [
            f"{block} {area / 10_000:.2f} 公顷" for block, area in zip(group["block_id"], group["area_m2"], strict=True)
        ]
        at = shapes[str(unit)]
        rows.append(
            gis_findings.finding(
                "unit.crosses_blocks",
                "units",
                str(unit),
                severity="warning",
                at=at,
                blocks=list(group["block_id"]),
                parts=parts,
                tolerance_m=float(tolerance),
            )
        )
    return rows
