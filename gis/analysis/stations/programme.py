"""Programmes (站城融合专项计划): what is to be done around a station, in which order, by whom, and with what.

For each station, within one catchment: the projects that meet it, facilities whose service does not reach its
residents, stock that could fill such gaps, floor area moved in and out, and constraints. Nothing is scored: rows are
ordered by what they would do, and the figures stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis.analysis.acceptance import require_columns
from gis.analysis.stations.counting import Counting
from gis.analysis.stations.people import inside, lacking
from gis.analysis.stations.renewal import shared_ground
from gis.errors import FrameError

COLUMNS = (
    "station_id", "ring", "item", "sequence", "feature_id", "title", "kind", "walk_minutes", "land_m2",
    "floor_area_m2", "residents", "state", "year", "lead", "responsible", "note", "residents_least",
    "residents_lacking",
)  # fmt: skip
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "projects": ("project_id", "name", "project_type", "state"),
    "buildings": ("building_id", "use", "residents", "floor_area_above_m2"),
    "facilities": ("facility_id", "kind"),
    "vacated_spaces": ("vacated_space_id", "name", "kind"),
    "blocks": ("block_id",),
    "transfers": ("transfer_id", "from_block", "to_block", "floor_area_m2"),
    "constraints": ("constraint_id", "kind", "effect"),
}


_ITEMS = ("project", "gap", "stock", "transfer_in", "transfer_out", "transfer_within", "constraint")
# what a gap's note begins with where nobody can tell whether there is one; the layer that is missing follows
UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Standard:
    """Hold how far a kind of facility serves, by whatever norm is handed in.

    Parameters
    ----------
    radius_m
        Straight-line service radius.
    source
        Norm and clause.
    """

    radius_m: float
    source: str


class _Homes(NamedTuple):
    """Hold the buildings that somebody lives in: doors, residents, which do not say how many, and each catchment's."""

    doors: NDArray[np.object_]
    residents: NDArray[np.float64]
    blank: NDArray[np.bool_]
    of_shed: tuple[NDArray[np.intp], ...]


class _Gap(NamedTuple):
    """Hold whom a kind of facility leaves out in a catchment: residents at least, homes that do not say, or neither."""

    shed: int
    kind: str
    least: float = 0.0
    blank: int = 0
    missing: str = ""


def programme(
    sheds: gpd.GeoDataFrame,
    layers: Mapping[str, pd.DataFrame],
    *,
    counting: Counting,
    standards: Mapping[str, Standard],
    states: Sequence[str] = (),
    walks: Mapping[str, pd.DataFrame] | None = None,
    walked: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """List what belongs to each station's programme.

    Parameters
    ----------
    sheds
        One catchment a station: station_id, ring, and with `walked` all other columns of catchments.
    layers
        Base layers by name: projects, buildings, facilities, vacated_spaces, blocks, transfers, constraints; those that
        are not given add no rows, and from buildings or facilities without rows no gap can be told.
    counting
        Codes; projects that are removed are left out.
    standards
        By kind of facility; kinds without one have no gap.
    states
        Project states in the order in which work proceeds; the furthest come first within a year.
    walks
        Walks of `catchments.walksheds` by singular name ("project", "vacated_space"): station_id, key and seconds.
    walked
        Of buildings, which belong to which walk-shed, as `rings` takes it: the residents of a gap are among those that
        the figures count.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, sorted by station, item and sequence. Items: "project" (by year, then state; land_m2 within the
        catchment), "gap" (a kind of facility; residents of the catchment whom none serves; most first; missing where a
        home does not say how many live there, then the note begins with how many at least and how many homes; a kind
        of which there is no row at all comes last, with `UNDETERMINED` and the layer that is missing in note), "stock"
        (vacated spaces; residents whom one facility there would serve at best; in note the kinds, each with how many at
        least and how many homes do not say), "transfer_in" and
        "transfer_out" (across the border of the blocks that the catchment meets), "transfer_within" (between two of
        them), and "constraint" (land_m2 within). kind holds codes; note holds figures and codes, for the caller to put
        in words; residents_least and residents_lacking are as `bounds.beside` has them.

    Raises
    ------
    FrameError
        A column is missing, or a station has two catchments.
    CrsError
        A layer without a projected CRS in metres, or with another one than the sheds'.
    """
    spatial = {name: frame for name, frame in layers.items() if isinstance(frame, gpd.GeoDataFrame)}
    crs.require_same({"sheds": sheds, **spatial})
    placed = () if walked is None else ("catchment_id", "method", "version", "inner_m", "radius_m")
    require_columns("sheds", sheds, ("station_id", "ring", *placed))
    if sheds["station_id"].duplicated().any():
        raise FrameError("sheds has two catchments for a station; hand in one each", layer="sheds")
    for name, frame in layers.items():
        require_columns(name, frame, _REQUIRED.get(name, ()))
    sheds = sheds.reset_index(drop=True)
    given = dict(layers)
    rows: list[pd.DataFrame] = [pd.DataFrame(columns=list(COLUMNS))]
    if "projects" in given:
        rows.append(_projects(sheds, given["projects"], counting, states, (walks or {}).get("project")))
    if {"buildings", "facilities"} <= given.keys():
        homes = _homes(sheds, given["buildings"], counting, (walked or {}).get("buildings"))
        unserved = _unserved(homes, given["facilities"], standards)
        missing = "buildings" if given["buildings"].empty else "facilities"
        rows.append(_gaps(sheds, homes, unserved, standards, missing))
        if "vacated_spaces" in given:
            walk = (walks or {}).get("vacated_space")
            rows.append(_stock(sheds, given["vacated_spaces"], homes, unserved, standards, walk))
    if {"blocks", "transfers"} <= given.keys():
        rows.append(_transfers(sheds, given["blocks"], given["transfers"], counting.tolerance))
    if "constraints" in given:
        rows.append(_constraints(sheds, given["constraints"], counting.tolerance))
    return _in_order([each for each in rows if len(each)] or rows)


def departments(programmes: pd.DataFrame) -> pd.DataFrame:
    """Count the projects of each station by their lead department.

    Parameters
    ----------
    programmes
        As `programme` gives them.

    Returns
    -------
    pandas.DataFrame
        station_id, lead, projects; most first. A project without a lead counts under "".
    """
    rows = programmes[programmes["item"] == "project"].assign(lead=lambda frame: frame["lead"].fillna(""))
    count = rows.groupby(["station_id", "lead"]).size().rename("projects").reset_index()
    return count.sort_values(["station_id", "projects", "lead"], ascending=[True, False, True], ignore_index=True)


def _in_order(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the items of all stations, and number them within station and item in the order given."""
    table = pd.concat(tables, ignore_index=True).reindex(columns=list(COLUMNS))
    rank = {name: n for n, name in enumerate(_ITEMS)}
    table["sequence"] = table.groupby(["station_id", "item"]).cumcount() + 1
    order = np.lexsort((table["sequence"], table["item"].map(rank), table["station_id"].astype(str)))
    table = table.iloc[order].reset_index(drop=True)
    numbers = dict.fromkeys(("walk_minutes", "land_m2", "floor_area_m2"), "float64")
    whole = ("sequence", "residents", "year", "residents_least", "residents_lacking")
    return table.astype(numbers | dict.fromkeys(whole, "Int64"))


def _table(sheds: gpd.GeoDataFrame, shed: NDArray[np.intp], item: str, **columns: object) -> pd.DataFrame:
    """Return rows of one item."""
    head = {"station_id": sheds["station_id"].to_numpy()[shed], "ring": sheds["ring"].to_numpy()[shed], "item": item}
    return pd.DataFrame({**head, **columns})


def _column(frame: pd.DataFrame, name: str, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return a column's values where it is there, else nothing."""
    if name not in frame.columns:
        return np.full(len(rows), None, dtype=object)
    return frame[name].astype(object).where(frame[name].notna(), None).to_numpy(dtype=object)[rows]


def _walked(table: pd.DataFrame, walk: pd.DataFrame | None, key: str) -> pd.Series:
    """Return the minutes walked to each row's feature, missing where that is not known."""
    if walk is None:
        return pd.Series(np.nan, index=table.index)
    seconds = walk.set_index(["station_id", key])["seconds"]
    names = pd.MultiIndex.from_frame(table[["station_id", "feature_id"]])
    return pd.Series(seconds.reindex(names).to_numpy() / 60.0, index=table.index)


def _projects(
    sheds: gpd.GeoDataFrame,
    projects: gpd.GeoDataFrame,
    counting: Counting,
    states: Sequence[str],
    walk: pd.DataFrame | None,
) -> pd.DataFrame:
    """List projects by the year in which they start or are planned, then by how far they are."""
    live = projects[~projects["state"].isin(counting.removed)].reset_index(drop=True)
    shed, row, common = shared_ground(sheds, live, counting.tolerance)
    start, plan = (pd.to_numeric(pd.Series(_column(live, name, row))) for name in ("start_year", "plan_year"))
    table = _table(
        sheds, shed, "project",
        feature_id=_column(live, "project_id", row), title=_column(live, "name", row),
        kind=_column(live, "project_type", row), land_m2=shapely.area(common),
        floor_area_m2=_column(live, "existing_floor_m2", row),
        state=_column(live, "state", row), year=start.fillna(plan), lead=_column(live, "lead", row),
        responsible=_column(live, "responsible", row),
    )  # fmt: skip
    table["walk_minutes"] = _walked(table, walk, "project_id")
    far = {state: -n for n, state in enumerate(states)}
    table["far"] = table["state"].map(far).fillna(1)
    ordered = table.sort_values(["station_id", "year", "far", "walk_minutes", "feature_id"], na_position="last")
    return ordered.drop(columns="far")


def _homes(
    sheds: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, counting: Counting, walked: pd.DataFrame | None
) -> _Homes:
    """Return the doors of the buildings that somebody lives in, how many do, and which belong to which catchment."""
    blank = lacking(buildings, "residents", counting.dwelling_uses)
    lived = (buildings["residents"].to_numpy(dtype=float, na_value=0.0) > 0) | blank
    houses = buildings[lived].reset_index(drop=True)
    doors = np.asarray(shapely.point_on_surface(houses.geometry.to_numpy()), dtype=object)
    if walked is None:
        shed, home = shapely.STRtree(doors).query(sheds.geometry.to_numpy(), predicate="covers")
    else:
        housed = inside(sheds, houses, "building_id", walked)
        shed, home = housed.ring, housed.thing
    of_shed = tuple(np.sort(home[shed == number]) for number in range(len(sheds)))
    return _Homes(doors, houses["residents"].to_numpy(dtype=float, na_value=0.0), blank[lived], of_shed)


def _unserved(
    homes: _Homes, facilities: gpd.GeoDataFrame, standards: Mapping[str, Standard]
) -> dict[tuple[int, str], NDArray[np.intp]]:
    """Return, by catchment and kind of facility, the homes that none serves; kinds without a row are left out."""
    tree, result = shapely.STRtree(homes.doors), {}
    for kind, standard in standards.items():
        places = facilities.geometry.to_numpy()[(facilities["kind"] == kind).to_numpy()]
        places = places[~(shapely.is_missing(places) | shapely.is_empty(places))]
        if not len(places):
            continue
        served = np.zeros(len(homes.doors), dtype=bool)
        served[tree.query(places, predicate="dwithin", distance=standard.radius_m)[1]] = True
        for number, mine in enumerate(homes.of_shed):
            result[number, kind] = mine[~served[mine]]
    return result


def _gaps(
    sheds: gpd.GeoDataFrame,
    homes: _Homes,
    unserved: Mapping[tuple[int, str], NDArray[np.intp]],
    standards: Mapping[str, Standard],
    missing: str,
) -> pd.DataFrame:
    """List the kinds of facilities that do not serve everybody, those that most lack first, unknown ones last."""
    rows = [
        _Gap(shed, kind, float(homes.residents[mine].sum()), int(homes.blank[mine].sum()))
        for (shed, kind), mine in unserved.items()
        if len(mine)
    ]
    told = set() if missing == "buildings" else {kind for _, kind in unserved}
    rows = [row for row in rows if row.kind in told]
    rows += [_Gap(shed, kind, missing=missing) for shed in range(len(sheds)) for kind in standards if kind not in told]
    rows.sort(key=lambda row: (row.shed, row.missing, -row.least, row.kind))
    return _table(
        sheds, np.array([row.shed for row in rows], dtype=np.intp), "gap",
        feature_id=[row.kind for row in rows], kind=[row.kind for row in rows],
        residents=[None if row.missing or row.blank else round(row.least) for row in rows],
        residents_least=[None if row.missing else round(row.least) for row in rows],
        residents_lacking=[None if row.missing else row.blank for row in rows],
        note=[_gap_note(row, standards[row.kind]) for row in rows],
    )  # fmt: skip


def _gap_note(row: _Gap, standard: Standard) -> str:
    """Return the standard of a gap, after what is only known in part, or what is missing to tell it."""
    if row.missing:
        return f"{UNDETERMINED};{row.missing}"
    said = f"{standard.radius_m:g} m, {standard.source}"
    return f"{round(row.least)};{row.blank};{said}" if row.blank else said


def _stock(
    sheds: gpd.GeoDataFrame,
    spaces: gpd.GeoDataFrame,
    homes: _Homes,
    unserved: Mapping[tuple[int, str], NDArray[np.intp]],
    standards: Mapping[str, Standard],
    walk: pd.DataFrame | None,
) -> pd.DataFrame:
    """List vacated spaces by how many of those unserved one facility there would serve at best."""
    places = shapely.point_on_surface(spaces.geometry.to_numpy())
    found, row = shapely.STRtree(places).query(sheds.geometry.to_numpy(), predicate="covers")
    best, kinds, most, silent = [], [], [], []
    for shed, space in zip(found, row, strict=True):
        served, blank, open_homes = dict[str, float](), dict[str, int](), set[int]()
        for kind in (kind for kind in standards if (int(shed), kind) in unserved):
            mine = unserved[int(shed), kind]
            near = mine[shapely.dwithin(homes.doors[mine], places[space], standards[kind].radius_m)]
            served[kind] = float(homes.residents[near].sum())
            blank[kind] = int(homes.blank[near].sum())
            open_homes |= set(near[homes.blank[near]].tolist())
        ordered = sorted((kind for kind in served if served[kind] > 0), key=lambda kind: (-served[kind], kind))
        best.append(None if any(blank.values()) or not served else round(served[ordered[0]]) if ordered else 0)
        kinds.append(";".join(f"{kind}={served[kind]:.0f}={blank[kind]}" for kind in ordered[:3]))
        most.append(round(max(served.values())) if served else None)
        silent.append(len(open_homes) if served else None)
    table = _table(
        sheds, found, "stock",
        feature_id=_column(spaces, "vacated_space_id", row), title=_column(spaces, "name", row),
        kind=_column(spaces, "kind", row), land_m2=shapely.area(spaces.geometry.to_numpy()[row]),
        floor_area_m2=_column(spaces, "floor_area_m2", row), residents=best, note=kinds,
        residents_least=most, residents_lacking=silent,
    )  # fmt: skip
    table["walk_minutes"] = _walked(table, walk, "vacated_space_id")
    return table.sort_values(["station_id", "residents", "land_m2", "feature_id"], ascending=[True, False, False, True])


def _transfers(
    sheds: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame, transfers: pd.DataFrame, tolerance: float
) -> pd.DataFrame:
    """List the floor area moved into, out of and between the blocks that each catchment meets, each transfer once."""
    shed, row, _ = shared_ground(sheds, blocks, tolerance)
    met = pd.DataFrame({"shed": shed, "block": _column(blocks, "block_id", row)})
    given = transfers.reset_index(drop=True)
    came, left = (met.merge(given, left_on="block", right_on=side) for side in ("to_block", "from_block"))
    sides = [pd.MultiIndex.from_frame(side[["shed", "transfer_id"]]) for side in (came, left)]
    parts = {
        "transfer_in": came[~sides[0].isin(sides[1])],
        "transfer_out": left[~sides[1].isin(sides[0])],
        "transfer_within": came[sides[0].isin(sides[1])],
    }
    made = [pd.DataFrame()]
    for item, part in parts.items():
        rows = part.sort_values(["shed", "transfer_id"], ignore_index=True)
        every = np.arange(len(rows))
        listed = _table(
            sheds, rows["shed"].to_numpy(dtype=np.intp), item,
            feature_id=_column(rows, "transfer_id", every), floor_area_m2=_column(rows, "floor_area_m2", every),
            year=pd.to_datetime(pd.Series(_column(rows, "approved_on", every))).dt.year,
            title=rows["from_block"] + " → " + rows["to_block"], note=_column(rows, "approval_no", every),
        )  # fmt: skip
        made.append(listed)
    return pd.concat(made, ignore_index=True)


def _constraints(sheds: gpd.GeoDataFrame, constraints: gpd.GeoDataFrame, tolerance: float) -> pd.DataFrame:
    """List constraints, those with most ground first."""
    shed, row, common = shared_ground(sheds, constraints, tolerance)
    table = _table(
        sheds, shed, "constraint",
        feature_id=_column(constraints, "constraint_id", row), title=_column(constraints, "name", row),
        kind=_column(constraints, "kind", row), land_m2=shapely.area(common), note=_column(constraints, "effect", row),
    )  # fmt: skip
    return table.sort_values(["station_id", "land_m2", "feature_id"], ascending=[True, False, True])
