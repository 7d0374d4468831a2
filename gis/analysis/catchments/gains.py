"""Crossings: what a footbridge, a gate or an exit would bring within a walk of the stations, candidate by candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs as gis_crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis.acceptance import require_columns, require_keys
from gis.analysis.catchments import sheds
from gis.analysis.catchments.entries import Entries, enter
from gis.analysis.catchments.members import layer_of
from gis.analysis.network import Network, attach
from gis.errors import EmptyError, FrameError, UsageError
from gis.geometry import shortcuts, walks
from gis.lineage import Lineage


@dataclass(frozen=True)
class Crossings:
    """Hold what candidates gain.

    Parameters
    ----------
    results
        candidate_id, minutes, <thing>_count and each weight: what comes within that walk of any station and was not
        before; rank (1 is best, by the weight asked for within the longest time; equals share a rank). Sorted by rank,
        then time.
    stations
        The same for each station by itself: candidate_id, station_id, minutes, counts and weights; only what gains.
    findings
        crossing.unlinked (a candidate with an end that meets no way within reach: it gains nothing), crossing.unknown
        (things whose weight is not known: they count as 0), and those of the entries.
    lineage
        Inputs' fingerprints and parameters.
    """

    results: pd.DataFrame
    stations: pd.DataFrame
    findings: pd.DataFrame
    lineage: Lineage


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
        What walks in a network with the candidate would gain, but for what Notes say.

    Raises
    ------
    EmptyError
        There is no candidate.
    FrameError, CrsError, UsageError
        A column is missing, a key repeated, a geometry of the wrong kind, a frame in another CRS, or an unknown weight.

    Notes
    -----
    Both ends of a candidate are led to the nearest way, at walking speed, as doors are. Doors and entrances stay where
    they are entered today. So what is not counted: that a door beside a new crossing which can be stepped onto half-way
    is then entered from there; that a candidate meets other ways than those at its ends; and, for an end within
    `join_m` of a way, that leg counts as it is drawn. A network built anew with the candidate as a way tells it all.
    """
    _require(network, candidates, things, weights or {})
    limit = sheds.times(minutes)[-1]
    entries = enter(network, entrances, stations)
    links, found = _links(network, entries, candidates)
    reach = sheds.search(network, entries, limit)
    totals: list[pd.DataFrame] = []
    singles: list[pd.DataFrame] = []
    for name, frame in things.items():
        points = sheds.doors_of(shapely.force_2d(frame.geometry.to_numpy()))
        shorter, known = _shorter(network, entries, links, reach, points, limit)
        values, unknown = _values(name, frame, (weights or {}).get(name, ()))
        found += unknown
        totals.append(_gained(shorter.groupby(["link", "door"])["seconds"].min(), known.min(axis=0), values, minutes))
        after = shorter.set_index(["link", "station", "door"])["seconds"]
        singles.append(_gained(after, known, values, minutes))
    results = pd.concat(totals, axis=1).reindex(_every(len(candidates), minutes)).fillna(0.0)
    by_station = pd.concat(singles, axis=1).fillna(0.0)
    rank = rank_by or next((column for each in (weights or {}).values() for column in each), results.columns[0])
    if rank not in results.columns:
        raise UsageError(f"rank_by is {rank!r}; it must be one of {', '.join(results.columns)}", rank_by=rank)
    keys = candidates["candidate_id"].to_numpy(dtype=object)
    used = {"candidates": candidates, "entrances": entrances, "stations": stations, **things}
    kept = {name: frame for name, frame in used.items() if frame is not None}
    told = {"minutes": list(minutes), "rank_by": rank, "network": network.lineage.json()}
    return Crossings(
        _ranked(results, keys, rank), _named(by_station, keys, entries),
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


def _links(
    network: Network, entries: Entries, candidates: gpd.GeoDataFrame
) -> tuple[shortcuts.Links, list[dict[str, object]]]:
    """Return candidates as links between places beside edges, and what they lack."""
    shapes = shapely.force_2d(candidates.geometry.to_numpy())
    exits = shapely.get_type_id(shapes) == 0
    ends = [shapes.copy(), shapes.copy()]
    for end, n in zip(ends, (0, -1), strict=True):
        end[~exits] = shapely.get_point(shapes[~exits], n)
    ends[0][exits] = None
    access = [attach(network, each) for each in ends]
    station = np.full(len(shapes), walks.NOWHERE, dtype=np.int64)
    if exits.any():
        position = {key: n for n, key in enumerate(entries.stations)}
        keys = candidates["station_id"].to_numpy(dtype=object)
        strange = sorted({str(key) for key in keys[exits] if key not in position})
        if strange:
            raise FrameError(f"candidates: station {', '.join(strange)} has no entrance and no place", keys=strange)
        station[exits] = [position[key] for key in keys[exits]]
    lost = (access[1].edge < 0) | (~exits & (access[0].edge < 0))
    names = candidates["candidate_id"].astype(str).to_numpy()
    within = network.walking.access_m
    rows = [
        faults.finding("crossing.unlinked", "candidates", names[n], severity="warning", at=shapes[n], within_m=within)
        for n in np.flatnonzero(lost)
    ]
    edge = np.stack([access[0].edge, access[1].edge], axis=1)
    # neither end of a candidate that hangs loose leads anywhere
    station[lost], edge[lost] = walks.NOWHERE, walks.NOWHERE
    onto, off = (
        np.stack([each.seconds(network, leaving=leaving) for each in access], axis=1) for leaving in (False, True)
    )
    for side in (onto, off):
        side[:, :, : walks.LEG] += side[:, :, walks.LEG :]
    return shortcuts.Links(edge, onto, off, _cost(network, candidates, shapes), station), rows


def _cost(network: Network, candidates: gpd.GeoDataFrame, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return what candidates take, there and back."""
    how = network.walking
    kinds = candidates["kind"].astype(object) if "kind" in candidates.columns else pd.Series([None] * len(shapes))
    pace = np.array([how.pace.get(kind, 1.0) for kind in kinds])
    wait = np.array([how.delay_s.get(kind, 0.0) for kind in kinds])
    seconds = shapely.length(shapes) / (how.speed_mps * pace) + wait
    return np.stack([seconds, seconds], axis=1)


def _shorter(
    network: Network,
    entries: Entries,
    links: shortcuts.Links,
    reach: walks.Reach,
    points: NDArray[np.object_],
    limit: float,
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the walks that links make shorter, and what walks take without them (a row a station, a column a door)."""
    stops, order = attach(network, points).doors(network)
    stations = len(entries.stations)
    before = entries.run(walks.doors)(network.graph, entries.starts, stops, limit, (0, stations))
    found = entries.run(shortcuts.gains)(network.graph, entries.starts, stops, reach, before, links, limit)
    known = np.full((stations, len(points)), np.inf)
    known[np.repeat(np.arange(stations), np.diff(before.begin)), order[before.item]] = before.cost
    table = {"link": found.link, "station": found.station, "door": order[found.door], "seconds": found.cost}
    return pd.DataFrame(table), known


def _values(name: str, frame: gpd.GeoDataFrame, columns: Sequence[str]) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """Return what each thing counts, and where that is not known."""
    values = pd.DataFrame({f"{name}_count": np.ones(len(frame))})
    rows = []
    for column in columns:
        values[column] = pd.to_numeric(frame[column]).to_numpy(dtype=float, na_value=np.nan)
        missing, layer = int(values[column].isna().sum()), layer_of(name)
        if missing:
            told: dict[str, Any] = {"count": missing, "of": len(frame)}
            rows.append(faults.finding("crossing.unknown", layer, severity="info", field=column, **told))
    return values.fillna(0.0), rows


def _gained(
    after: pd.Series, before: NDArray[np.float64], values: pd.DataFrame, minutes: Sequence[float]
) -> pd.DataFrame:
    """Add up what comes within each time: by link, or by link and station."""
    index = after.index.to_frame(index=False)
    groups = [column for column in index.columns if column != "door"]
    door = index["door"].to_numpy()
    was = before[door] if before.ndim == 1 else before[index["station"].to_numpy(), door]
    now = after.to_numpy()
    tables = []
    for each in minutes:
        new = np.flatnonzero((now <= 60.0 * each) & (was > 60.0 * each))
        rows = values.iloc[door[new]].reset_index(drop=True)
        tables.append(rows.groupby([index[column].iloc[new].to_numpy() for column in groups]).sum().rename_axis(groups))
    keys = [float(each) for each in minutes]
    return pd.concat(tables, keys=keys, names=["minutes"]).reorder_levels([*groups, "minutes"]).sort_index()


def _every(candidates: int, minutes: Sequence[float]) -> pd.MultiIndex:
    """Return every candidate with every time."""
    return pd.MultiIndex.from_product([range(candidates), [float(each) for each in minutes]], names=["link", "minutes"])


def _ranked(results: pd.DataFrame, keys: NDArray[np.object_], rank: str) -> pd.DataFrame:
    """Return results with the candidates' keys, the best first."""
    longest = results.groupby("link")[rank].last()
    place = longest.rank(ascending=False, method="min").astype(int)
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
