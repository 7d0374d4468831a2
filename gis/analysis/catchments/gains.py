"""Crossings: what a footbridge, a gate or an exit would bring within a walk of the stations, candidate by candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs as gis_crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis import bounds
from gis.analysis import walking as pacing
from gis.analysis.acceptance import require_columns, require_keys
from gis.analysis.catchments import sheds
from gis.analysis.catchments.entries import Entries, enter
from gis.analysis.catchments.members import layer_of
from gis.analysis.network import Access, Network, attach, build
from gis.analysis.walking import Walking
from gis.errors import EmptyError, FrameError, UsageError
from gis.geometry import walks
from gis.lineage import Lineage

# kinds of the ways that a candidate becomes
_CANDIDATE, _LEG = "\0candidate", "\0leg"
# columns of ways that a network is built from
_READ = ("slope", "level", "layer", "bridge", "tunnel")
_WALKS = {"link": np.int64, "station": np.int64, "door": np.int64, "seconds": np.float64}


@dataclass(frozen=True)
class Crossings:
    """Hold what candidates gain.

    Parameters
    ----------
    results
        candidate_id, minutes, <thing>_count and each weight: what comes within that walk of any station and was not
        before; after each weight <weight>_least and <weight>_lacking, as `bounds.beside` has them: where things that
        come lack the figure the weight is missing. Of a layer without rows nothing is known. And rank (1 is best, by
        what is known of the weight asked for within the longest time; equals share a rank). Sorted by rank, then time.
    stations
        The same for each station by itself: candidate_id, station_id, minutes, counts and weights; only what gains.
    findings
        crossing.unlinked (a candidate with an end that meets no way within reach: it gains nothing), crossing.unknown
        (things whose weight is not known), crossing.layer_empty (a layer without rows), and those of the entries.
    lineage
        Inputs' fingerprints and parameters.
    """

    results: pd.DataFrame
    stations: pd.DataFrame
    findings: pd.DataFrame
    lineage: Lineage


class _Sums(NamedTuple):
    """Hold sums: what is known, how many things lack, and whether the layer says nothing at all."""

    least: pd.DataFrame
    lacking: pd.DataFrame
    silent: bool


class _Plan(NamedTuple):
    """Hold a candidate: its line or point, legs that lead its ends to ways, its kind, and the station of an exit."""

    shape: shapely.Geometry
    legs: tuple[shapely.Geometry, ...]
    kind: str
    station: int


class _Rebuilt(NamedTuple):
    """Hold a network with a candidate: entrances and their stations' positions, and where doors may gain by it."""

    network: Network
    entries: Entries
    station: NDArray[np.intp]
    around: shapely.Geometry


def crossings(
    network: Network,
    candidates: gpd.GeoDataFrame,
    entrances: gpd.GeoDataFrame | None,
    things: Mapping[str, gpd.GeoDataFrame],
    *,
    weights: Mapping[str, Sequence[str]] | None = None,
    minutes: Sequence[float] = (5, 10, 15),
    stations: gpd.GeoDataFrame | None = None,
    rank_by: str | None = None,
) -> Crossings:
    """Find what each candidate for a new crossing, gate or exit would gain, one at a time.

    Parameters
    ----------
    network
        Where people walk today.
    candidates
        candidate_id and a line, walked from end to end whatever barrier it crosses, or a point, a new exit of the
        station in the column station_id; kind tells pace and waiting, as in `network.Walking`.
    entrances, stations
        Where walks begin, as for `entries.enter`.
    things
        By singular name of their layer ("parcel", "building"), as for `walksheds`.
    weights
        For a layer, the columns that are added up, such as residents and jobs.
    minutes
        Walking times, growing.
    rank_by
        Count or weight that candidates are ranked by; None takes the first weight, else the first count.

    Returns
    -------
    Crossings
        What comes within reach in a network that is built anew with the candidate.

    Raises
    ------
    EmptyError
        There is no candidate.
    FrameError, CrsError, UsageError
        A column is missing, a key repeated, a geometry of the wrong kind, a frame in another CRS, or an unknown weight.

    Notes
    -----
    A candidate leads through every barrier that it crosses. Both its ends are led on to the nearest way, at walking
    speed, as doors are. In every other respect it is a way of its kind: ways that it meets it is joined to, and where
    it can be stepped onto half-way, doors and entrances beside it are entered from there. One without a kind leads over
    other ways as bridges do, and nobody steps onto it half-way. What no longer comes within reach, since its door is
    entered from the candidate now, is not taken off.
    """
    _require(network, candidates, things, weights or {})
    limit = sheds.times(minutes)[-1]
    entries = enter(network, entrances, stations)
    plans, found = _plans(network, entries, candidates)
    rebuilt = [_rebuilt(network, entries, plan, limit) for plan in plans]
    totals: list[_Sums] = []
    singles: list[_Sums] = []
    for name, frame in things.items():
        points = sheds.doors_of(shapely.force_2d(frame.geometry.to_numpy()))
        known = _known(network, entries, points, limit)
        shorter = _shorter(rebuilt, points, known, limit)
        values = _values(name, frame, (weights or {}).get(name, ()))
        found += _unknown(name, values)
        totals.append(_gained(shorter.groupby(["link", "door"])["seconds"].min(), known.min(axis=0), values, minutes))
        after = shorter.set_index(["link", "station", "door"])["seconds"]
        singles.append(_gained(after, known, values, minutes))
    weighed = [column for each in (weights or {}).values() for column in each]
    silent = [column for each in totals if each.silent for column in each.least.columns]
    results = _joined(totals, weighed, silent, _every(len(candidates), minutes))
    by_station = _joined(singles, weighed, silent)
    figures = [column for each in totals for column in each.least.columns]
    rank = rank_by or next(iter(weighed), figures[0])
    if rank not in figures:
        raise UsageError(f"rank_by is {rank!r}; it must be one of {', '.join(figures)}", rank_by=rank)
    keys = candidates["candidate_id"].to_numpy(dtype=object)
    used = {"candidates": candidates, "entrances": entrances, "stations": stations, **things}
    kept = {name: frame for name, frame in used.items() if frame is not None}
    told = {"minutes": list(minutes), "rank_by": rank, "network": network.lineage.json()}
    return Crossings(
        _ranked(results, keys, f"{rank}_least" if rank in weighed else rank), _named(by_station, keys, entries),
        faults.join(entries.findings, faults.table(found)), origins.of("analysis.catchments.crossings", kept, **told),
    )  # fmt: skip


def _require(
    network: Network,
    candidates: gpd.GeoDataFrame,
    things: Mapping[str, gpd.GeoDataFrame],
    weights: Mapping[str, Sequence[str]],
) -> None:
    """Refuse candidates and things that cannot be compared."""
    if candidates.empty:
        raise EmptyError("there is no candidate; draw at least one footbridge, gate or exit")
    gis_crs.require_same({"candidates": candidates, "network": gpd.GeoSeries([], crs=network.crs), **things})
    require_keys("candidates", candidates, "candidate_id", text=False)
    kinds = candidates.geometry.geom_type
    wrong = kinds[~kinds.isin(["Point", "LineString"]) | candidates.geometry.is_empty]
    if len(wrong):
        came = "no geometry" if pd.isna(wrong.iloc[0]) else wrong.iloc[0]
        raise FrameError(f"candidates holds {came}; draw a crossing as one line, an exit as a point", came=str(came))
    if (kinds == "Point").any():
        require_columns("candidates", candidates, ("station_id",))
    if not things:
        raise UsageError("there are no things to count; hand in parcels or buildings", things=[])
    named = [column for columns in weights.values() for column in columns]
    if len(set(named)) < len(named):
        raise UsageError(f"weights name a column twice: {', '.join(named)}; count it in one layer", weights=named)
    for name, columns in weights.items():
        if name not in things:
            raise UsageError(f"weights name {name!r}, which is not among the things {', '.join(things)}", name=name)
        require_columns(name, things[name], columns)


def _plans(
    network: Network, entries: Entries, candidates: gpd.GeoDataFrame
) -> tuple[list[_Plan | None], list[dict[str, object]]]:
    """Return candidates led on to the nearest ways, None for those that hang loose, and what they lack."""
    shapes = shapely.force_2d(candidates.geometry.to_numpy())
    exits = shapely.get_type_id(shapes) == 0
    ends = [shapes.copy(), shapes.copy()]
    for end, n in zip(ends, (0, -1), strict=True):
        end[~exits] = shapely.get_point(shapes[~exits], n)
    access = [attach(network, each) for each in ends]
    station = np.full(len(shapes), walks.NOWHERE, dtype=np.int64)
    if exits.any():
        position = {key: n for n, key in enumerate(entries.stations)}
        keys = candidates["station_id"].to_numpy(dtype=object)
        strange = sorted({str(key) for key in keys[exits] if key not in position})
        if strange:
            raise FrameError(f"candidates: station {', '.join(strange)} has no entrance and no place", keys=strange)
        station[exits] = [position[key] for key in keys[exits]]
    legs = list(zip(access, ends, strict=True))
    lost = (access[0].edge < 0) | (access[1].edge < 0)
    names, kind = candidates["candidate_id"].astype(str).to_numpy(), pacing.kinds(candidates)
    within = network.walking.access_m
    rows = [
        faults.finding("crossing.unlinked", "candidates", names[n], severity="warning", at=shapes[n], within_m=within)
        for n in np.flatnonzero(lost)
    ]
    plans = [
        None if lost[n] else _Plan(shapes[n], tuple(_leg(each, n, end[n]) for each, end in legs), kind[n], station[n])
        for n in range(len(shapes))
    ]
    return plans, rows


def _leg(access: Access, n: int, end: shapely.Point) -> shapely.LineString:
    """Return the leg between the nearest way and an end."""
    return shapely.LineString([access.foot[n], shapely.get_coordinates(end)[0]])


def _rebuilt(network: Network, entries: Entries, plan: _Plan | None, limit: float) -> _Rebuilt | None:
    """Return the network around a candidate, built anew with it, and its entrances there; for an exit, the exit."""
    if plan is None:
        return None
    # no walk over the candidate is longer, and no door is further from its way
    far = limit * network.walking.fastest_mps
    if plan.station != walks.NOWHERE:
        access = attach(network, np.array([plan.shape], dtype=object))
        gate = {"stations": entries.stations[[plan.station]], "entrances": np.array([""], dtype=object)}
        begun = {"station": np.zeros(1, dtype=np.intp), "points": np.array([plan.shape], dtype=object)}
        starts = access.starts(network, np.array([0, 1], dtype=np.int64))
        exit_ = Entries(**gate, **begun, access=access, starts=starts, findings=faults.table())
        return _Rebuilt(network, exit_, np.array([plan.station]), shapely.buffer(plan.shape, far))
    ways, barriers, key = network.given
    around = shapely.buffer(plan.shape, far + network.walking.access_m)
    near = ways.geometry.intersects(around).to_numpy()
    drawn = [shape for shape in (*plan.legs, plan.shape) if shapely.length(shape) > 0]
    more = {
        key: [f"{_CANDIDATE}{n}" for n in range(len(drawn))],
        "kind": [_CANDIDATE if shape is plan.shape else _LEG for shape in drawn],
    }
    columns = [key, "kind", *(name for name in _READ if name in ways.columns)]
    rows = {name: [*_column(ways[near], name), *more.get(name, [None] * len(drawn))] for name in columns}
    both = gpd.GeoDataFrame(rows, geometry=[*ways.geometry[near], *drawn], crs=ways.crs)
    made = build(both, barriers, key=key, walking=_walked(network, plan.kind))
    access = attach(made, entries.points)
    begin = np.searchsorted(entries.station, np.arange(len(entries.stations) + 1)).astype(np.int64)
    entered = replace(entries, access=access, starts=access.starts(made, begin))
    return _Rebuilt(made, entered, np.arange(len(entries.stations)), shapely.buffer(plan.shape, far))


def _column(frame: gpd.GeoDataFrame, name: str) -> NDArray[np.object_]:
    """Return a column, missing all along where there is none."""
    return frame[name].to_numpy(dtype=object) if name in frame.columns else np.full(len(frame), None, dtype=object)


def _walked(network: Network, kind: str) -> Walking:
    """Return how people walk where there is a candidate of a kind, and legs that lead to it."""
    how = network.walking

    def with_it(kinds: tuple[str, ...]) -> tuple[str, ...]:
        # what nothing is known of is a bridge
        return (*kinds, _CANDIDATE, _LEG) if kind == "" or kind in kinds else kinds

    return replace(
        how,
        openings=None if how.openings is None else (*how.openings, _CANDIDATE, _LEG),
        closed=with_it(how.closed),
        apart=with_it(how.apart),
        pace={**how.pace, _CANDIDATE: how.pace.get(kind, 1.0)},
        delay_s={**how.delay_s, _CANDIDATE: how.delay_s.get(kind, 0.0)},
    )


def _known(network: Network, entries: Entries, points: NDArray[np.object_], limit: float) -> NDArray[np.float64]:
    """Return what walks take without candidates: a row a station, a column a door."""
    table = sheds.reached(network, entries, attach(network, points), limit, None)
    known = np.full((len(entries.stations), len(points)), np.inf)
    known[table["station"], table["door"]] = table["seconds"]
    return known


def _shorter(
    rebuilt: Sequence[_Rebuilt | None], points: NDArray[np.object_], known: NDArray[np.float64], limit: float
) -> pd.DataFrame:
    """Return the walks that candidates make shorter."""
    tables = [pd.DataFrame({"link": [], "station": [], "door": [], "seconds": []}).astype(_WALKS)]
    for link, made in enumerate(rebuilt):
        if made is None:
            continue
        shapely.prepare(made.around)
        doors = np.flatnonzero(shapely.intersects(made.around, points))
        found = sheds.reached(made.network, made.entries, attach(made.network, points[doors]), limit, None)
        station, door = made.station[found["station"].to_numpy()], doors[found["door"].to_numpy()]
        took = found["seconds"].to_numpy()
        less = took < known[station, door]
        rows = {"link": link, "station": station[less], "door": door[less], "seconds": took[less]}
        tables.append(pd.DataFrame(rows).astype(_WALKS))
    return pd.concat(tables, ignore_index=True)


def _values(name: str, frame: gpd.GeoDataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return what each thing counts; missing where that is not known."""
    values = pd.DataFrame({f"{name}_count": np.ones(len(frame))})
    for column in columns:
        values[column] = pd.to_numeric(frame[column]).to_numpy(dtype=float, na_value=np.nan)
    return values


def _unknown(name: str, values: pd.DataFrame) -> list[dict[str, object]]:
    """Report figures that things lack, or that there is no thing."""
    layer = layer_of(name)
    if values.empty:
        return [faults.finding("crossing.layer_empty", layer, severity="warning")]
    missing = values.isna().sum()
    told: list[dict[str, Any]] = [{"field": column, "count": int(n)} for column, n in missing.items() if n]
    return [faults.finding("crossing.unknown", layer, severity="info", of=len(values), **each) for each in told]


def _gained(after: pd.Series, before: NDArray[np.float64], values: pd.DataFrame, minutes: Sequence[float]) -> _Sums:
    """Add up what comes within each time: by link, or by link and station."""
    index = after.index.to_frame(index=False)
    groups = [column for column in index.columns if column != "door"]
    door = index["door"].to_numpy()
    was = before[door] if before.ndim == 1 else before[index["station"].to_numpy(), door]
    now = after.to_numpy()
    tables: list[list[pd.DataFrame]] = [[], []]
    for each in minutes:
        new = np.flatnonzero((now <= 60.0 * each) & (was > 60.0 * each))
        rows = values.iloc[door[new]].reset_index(drop=True)
        by = [index[column].iloc[new].to_numpy() for column in groups]
        for table, part in zip(tables, (rows, rows.isna().astype(float)), strict=True):
            table.append(part.groupby(by).sum().rename_axis(groups))
    keys = [float(each) for each in minutes]
    least, lacking = (
        pd.concat(table, keys=keys, names=["minutes"]).reorder_levels([*groups, "minutes"]).sort_index()
        for table in tables
    )
    return _Sums(least, lacking, values.empty)


def _joined(
    sums: Sequence[_Sums], weighed: Sequence[str], silent: Sequence[str], index: pd.MultiIndex | None = None
) -> pd.DataFrame:
    """Return the sums of all layers side by side, 0 where nothing comes, missing where a layer says nothing."""
    least = pd.concat([each.least for each in sums], axis=1)
    lacking = pd.concat([each.lacking for each in sums], axis=1)
    if index is not None:
        least, lacking = least.reindex(index), lacking.reindex(index)
    least = least.fillna(0.0)
    least[silent] = np.nan
    return bounds.beside(least, lacking.fillna(0.0), weighed)


def _every(candidates: int, minutes: Sequence[float]) -> pd.MultiIndex:
    """Return every candidate with every time."""
    return pd.MultiIndex.from_product([range(candidates), [float(each) for each in minutes]], names=["link", "minutes"])


def _ranked(results: pd.DataFrame, keys: NDArray[np.object_], rank: str) -> pd.DataFrame:
    """Return results with the candidates' keys, the best first."""
    longest = results.groupby("link")[rank].last()
    place = longest.rank(ascending=False, method="min").astype("Int64")
    table = results.reset_index()
    table.insert(0, "rank", table["link"].map(place))
    table = table.sort_values(["rank", "link", "minutes"], ignore_index=True)
    table.insert(0, "candidate_id", keys[table["link"]])
    return table.drop(columns="link")


def _named(by_station: pd.DataFrame, keys: NDArray[np.object_], entries: Entries) -> pd.DataFrame:
    """Return results by station with keys in the place of positions."""
    table = by_station.reset_index()
    table.insert(0, "candidate_id", keys[table["link"].to_numpy(dtype=int)])
    table.insert(1, "station_id", entries.stations[table["station"].to_numpy(dtype=int)])
    return table.drop(columns=["link", "station"])
