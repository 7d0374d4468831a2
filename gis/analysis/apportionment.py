"""Apportionment (分摊): how much of each thing, and of its figures, falls to each catchment, block or unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.analysis import bounds
from gis.analysis.acceptance import require_columns, require_keys
from gis.analysis.kinds import CATEGORY, COUNT, EXTENSIVE, INTENSIVE, numbers, require_kinds
from gis.analysis.pieces import Pieces, pieces, weights
from gis.analysis.rounding import whole
from gis.analysis.versions import NEAREST
from gis.errors import FrameError, UsageError
from gis.geometry import areas
from gis.geometry.parts import Shapes

# the label of a figure that was split
ESTIMATE = "估算"
_WAYS = ("area", "weight", "largest")


@dataclass(frozen=True)
class Shares:
    """Say which things lie in which rings, and how much of each.

    Parameters
    ----------
    ring, thing
        Positions of a ring and of a thing in it, one pair each.
    share
        How much of the thing, 0 to 1.
    rings
        Number of rings, those without things too.
    """

    ring: NDArray[np.intp]
    thing: NDArray[np.intp]
    share: NDArray[np.float64]
    rings: int

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up a value of the things ring by ring; one missing value makes the ring's sum missing.

        Parameters
        ----------
        values
            One number a thing.

        Returns
        -------
        numpy.ndarray
            One number a ring, in the unit of the values.
        """
        sums = np.bincount(self.ring, weights=self.share * values[self.thing], minlength=self.rings)
        return sums.astype(np.float64)

    def bounded(self, values: NDArray[np.float64], column: str) -> pd.DataFrame:
        """Add up a value that is never below 0, with what the sum is at least and how many things lack it.

        Parameters
        ----------
        values
            One number a thing.
        column
            Name of the sum.

        Returns
        -------
        pandas.DataFrame
            The column, <column>_least and <column>_lacking, as `bounds.beside` has them; a row a ring.
        """
        blank = np.isnan(values)
        least = self.total(np.where(blank, 0.0, values))
        lacking = np.bincount(self.ring[blank[self.thing] & (self.share > 0)], minlength=self.rings)
        return bounds.beside(pd.DataFrame({column: least}), pd.DataFrame({column: lacking}))

    def by_code(self, values: NDArray[np.float64], codes: pd.Series, listed: Sequence[str]) -> NDArray[np.float64]:
        """Add up a value ring by ring (rows) and code by code (columns); codes outside the list are left out.

        A thing without a code may be of any: it leaves its ring without figures.

        Parameters
        ----------
        values
            One number a thing.
        codes
            One code a thing.
        listed
            The codes that have a column, in order.

        Returns
        -------
        numpy.ndarray
            Rings by codes, in the unit of the values; one missing value makes its cell missing.
        """
        unsaid = self.total(np.asarray(codes.isna(), dtype=float)) > 0
        column = pd.Index(listed).get_indexer(pd.Index(codes))[self.thing]
        known = column >= 0
        slot = self.ring[known] * len(listed) + column[known]
        weights = (self.share * values[self.thing])[known]
        sums = np.bincount(slot, weights=weights, minlength=self.rings * len(listed))
        return np.where(unsaid[:, np.newaxis], np.nan, sums.reshape(self.rings, len(listed)).astype(np.float64))


def by_area(shapes: Shapes, things: gpd.GeoDataFrame) -> Shares:
    """Apportion things to shapes by the share of their ground.

    Parameters
    ----------
    shapes
        Rings, or parts of them; valid polygons in metres.
    things
        Valid polygons in the same CRS.

    Returns
    -------
    Shares
        Sorted by ring, then thing. A thing in several rings has a share in each.
    """
    ground = things.geometry.to_numpy()
    ring, thing, area = areas.pair_areas(shapes, ground)
    return Shares(ring, thing, area / shapely.area(ground)[thing], len(shapes))


def by_point(catchments: gpd.GeoDataFrame, things: gpd.GeoDataFrame) -> Shares:
    """Give indivisible things whole to the catchments that hold their point.

    Parameters
    ----------
    catchments
        Rings with station_id, ring, inner_m, radius_m and version.
    things
        Points or polygons in the same CRS; a polygon counts by a point on its surface.

    Returns
    -------
    Shares
        All shares are 1. A point on the border between two stations' ground in version "nearest" goes to the first by
        key, so that sums over stations count it once.
    """
    points = shapely.point_on_surface(things.geometry.to_numpy())
    ring, thing = shapely.STRtree(points).query(catchments.geometry.to_numpy(), predicate="covers")
    shared = (catchments["version"] == NEAREST).to_numpy()
    same_ring = catchments.groupby(["ring", "inner_m", "radius_m"], sort=False).ngroup().to_numpy()
    # rings of one name take turns in "nearest"; a "raw" ring competes with none
    turn = np.where(shared, same_ring, same_ring.max() + 1 + np.arange(len(catchments)))[ring]
    rank = catchments["station_id"].rank(method="dense").to_numpy()[ring]
    order = np.lexsort((rank, thing, turn))
    turn, rank, ring, thing = turn[order], rank[order], ring[order], thing[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (turn[1:] != turn[:-1]) | (thing[1:] != thing[:-1])
    first = rank == rank[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    return Shares(ring[first], thing[first], np.ones(int(first.sum())), len(catchments))


@dataclass(frozen=True)
class Apportioned:
    """Hold figures of things as they fall on targets, piece by piece and added up.

    Ground in no target (未落入) has rows of its own, with a missing target key, so that nothing is lost.

    Parameters
    ----------
    parts
        One row per thing and target, sorted by both keys, no target last: the two keys, area_m2, share (of the thing's
        figures, 0 to 1), then each field: extensive and count as the part that falls there, intensive and category as
        the thing has it; `<field>_basis` (「估算」 where an extensive or count figure was split, else missing).
    totals
        One row per target, sorted, no target last: the target key, area_m2, then each field: extensive and count added
        up, intensive averaged, category as the code with the most ground, with `<field>_share` of it (0 to 1);
        `<field>_lacking`, the number of things there whose value is missing and left out of the figure (missing where
        none is known, 0 where there is no thing); `<field>_basis` (「估算」 where a split or a mean of a split thing is
        in it).
    categories
        One row per target, field and category (missing: unknown): area_m2 and share of the ground with a known code.
    differences
        Counts that came through buildings and are not what the thing itself states: source key, field, own, through.
    """

    parts: pd.DataFrame
    totals: pd.DataFrame
    categories: pd.DataFrame
    differences: pd.DataFrame


def apportion(
    shares: pd.DataFrame,
    things: pd.DataFrame,
    kinds: Mapping[str, str],
    *,
    source: str,
    target: str,
    by: str = "area",
    weight: str | None = None,
    through: pd.DataFrame | None = None,
) -> Apportioned:
    """Apportion the figures of things to targets, each field as its kind allows.

    Parameters
    ----------
    shares
        Pairs with `source`, `target`, area_m2 and the thing's share ("project_share" for "project_id"), as
        `Ledger.pairs` or `assignment.pairs` give them; rows of `Ledger.residual` may stand below, with missing target.
    things
        Source layer: `source` and the fields; geometry (m) only where a thing has no row in `shares`.
    kinds
        Kind by field: extensive, intensive, count or category.
    source, target
        Key columns, text.
    by
        "area": by share of ground. "weight": by share of `weight`. "largest": each thing whole to the target with its
        largest share, equal shares to the first by key, to none only if it lies in none.
    weight
        Column of `shares` or of `through` (then added up by pair) for by="weight": floor area, residents, ...
    through
        Buildings, one row each, with `source`, `target` (both may be missing) and count fields. These fields are added
        up building by building, nothing is split; things without a building keep their own figure.

    Returns
    -------
    Apportioned
        Extensive figures conserve each thing's total to 1e-9 (relative), counts exactly. A count that has to be split
        is split by largest remainder and labelled 「估算」.

    Raises
    ------
    UsageError
        A kind or way that does not exist; a weight that is not there, not asked for or ambiguous; buildings that hold
        neither a count field nor the weight.
    FrameError
        Missing columns, keys that are missing, repeated, no text or unknown; values that are not of their kind; shares
        of one thing above 1; weights that are negative, missing, or all 0 under a figure that is not.

    Notes
    -----
    A mean is weighted by area_m2, with by="weight" by the weight, over the things with a known value: a density is
    never summed. Figures are taken as spread evenly over a thing's ground, or its weight.

    Examples
    --------
    >>> pairs = pd.DataFrame({"project_id": ["P1", "P1"], "block_id": ["B1", "B2"], "area_m2": [300.0, 100.0]})
    >>> pairs["project_share"] = [0.75, 0.25]
    >>> projects = pd.DataFrame({"project_id": ["P1"], "households": [9]})
    >>> done = apportion(pairs, projects, {"households": "count"}, source="project_id", target="block_id")
    >>> done.totals[["block_id", "households", "households_basis"]].to_numpy().tolist()
    [['B1', 7, '估算'], ['B2', 2, '估算']]
    """
    _require_way(by, weight)
    require_keys("things", things, source)
    buildings = _buildings(through, source, target)
    counts = {field: COUNT for field, kind in kinds.items() if kind == COUNT and field in buildings.columns}
    stated = {field: kind for field, kind in kinds.items() if field not in counts or field in things.columns}
    if through is not None and not counts and weight not in through.columns:
        raise UsageError(f"through holds no count field of kinds and no weight; it has {', '.join(through.columns)}")
    require_kinds("things", things, stated, key=source)
    require_kinds("through", buildings, counts, key=source)
    _require_free(kinds, source, target)
    of = pieces(shares, things, buildings, source=source, target=target, overlap=by == "largest")
    columns = {"source": source, "target": target}
    weighed = weights(of, shares, buildings, weight=weight, **columns) if weight is not None else None
    of = _divided(of, by, weighed)
    table = things.set_index(source)
    own = pd.DataFrame({field: table[field] if field in stated else np.nan for field in kinds}, index=table.index)
    own = own.loc[of.keys]
    counted = _counted(of, buildings, list(counts), **columns)
    _require_weight(of, own, kinds, counted)
    return _result(of, own, kinds, of.area_m2 if weighed is None else weighed, counted, **columns)


@dataclass(frozen=True)
class _Counted:
    """Hold counts of whole buildings: where there are buildings, and by field what lies on each piece."""

    has: NDArray[np.bool_]
    place: NDArray[np.intp]
    figures: dict[str, NDArray[np.float64]]
    lacking: dict[str, NDArray[np.bool_]]


def _require_way(by: str, weight: str | None) -> None:
    """Refuse a way of apportioning that does not exist, or a weight that it does not take."""
    if by not in _WAYS:
        raise UsageError(f"by is {by!r}; allowed are {', '.join(_WAYS)}", by=by)
    if (by == "weight") != (weight is not None):
        raise UsageError(f"by is {by!r} and weight is {weight!r}; a weight is named with by='weight' only", by=by)


def _require_free(kinds: Mapping[str, str], source: str, target: str) -> None:
    """Refuse fields with the names of the result's own columns."""
    own = {source, target, "area_m2", "share"}
    own |= {f"{field}_{ending}" for field in kinds for ending in ("basis", "lacking", "share")}
    taken = sorted(own & set(kinds))
    if taken:
        raise UsageError(f"{', '.join(taken)} are columns of the result; rename the fields", fields=taken)


def _buildings(through: pd.DataFrame | None, source: str, target: str) -> pd.DataFrame:
    """Return the buildings that lie in a thing; no rows where none were handed in."""
    if through is None:
        return pd.DataFrame({source: pd.Series(dtype="str"), target: pd.Series(dtype="str")})
    require_columns("through", through, (source, target))
    require_keys("through", through, source, complete=False, unique=False)
    require_keys("through", through, target, complete=False, unique=False)
    return pd.DataFrame(through[through[source].notna()])


def _divided(of: Pieces, by: str, weight: NDArray[np.float64] | None) -> Pieces:
    """Return the pieces with the shares of figures, which are those of the ground only where it is divided by area."""
    if weight is not None:
        all_of_it = np.bincount(of.thing, weight, len(of.keys))[of.thing]
        return replace(of, share=np.divide(weight, all_of_it, out=np.zeros(len(weight)), where=all_of_it > 0))
    if by == "area":
        return of
    order = np.lexsort((of.target, -of.share.round(9), of.target == len(of.names), of.thing))
    first = order[np.flatnonzero(np.diff(of.thing[order], prepend=-1))]
    chosen = np.zeros(len(of.thing))
    chosen[first] = 1
    # the whole thing goes there, with the ground that lies elsewhere
    ground = np.divide(of.area_m2, of.share, out=of.area_m2.copy(), where=of.share > 0)
    return replace(of, share=chosen, area_m2=chosen * ground)


def _counted(of: Pieces, buildings: pd.DataFrame, fields: Sequence[str], source: str, target: str) -> _Counted:
    """Add up the counts of buildings piece by piece; a building whose count is missing is noted."""
    place = of.place(buildings, source, target)
    figures, lacking = {}, {}
    for field in fields:
        values = numbers(buildings[field]).to_numpy()
        known = ~np.isnan(values)
        sums = np.bincount(place[known], values[known], len(of.thing))
        blank = np.bincount(place[~known], minlength=len(of.thing)) > 0
        only_blank = blank & (np.bincount(place[known], minlength=len(of.thing)) == 0)
        figures[field], lacking[field] = np.where(only_blank, np.nan, sums), blank
    return _Counted(np.bincount(of.thing[place], minlength=len(of.keys)) > 0, place, figures, lacking)


def _require_weight(of: Pieces, own: pd.DataFrame, kinds: Mapping[str, str], counted: _Counted) -> None:
    """Refuse a figure above 0 of a thing whose weight is 0 everywhere: it would be lost."""
    weightless = np.bincount(of.thing, of.share, len(of.keys)) == 0
    for field, kind in kinds.items():
        if kind in {EXTENSIVE, COUNT}:
            lost = weightless & (numbers(own[field]).fillna(0) != 0).to_numpy()
            if field in counted.figures:
                lost &= ~counted.has
            if lost.any():
                feature = of.keys[lost][0]
                raise FrameError(
                    f"{feature}: {field} is {own[field].loc[feature]} but its weight is 0 everywhere; take by='area'",
                    field=field,
                    features=of.keys[lost].tolist(),
                )


def _figure(
    of: Pieces, values: pd.Series, field: str, kind: str, counted: _Counted
) -> tuple[pd.Series, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a field piece by piece, with where its value is missing and where it is an estimate."""
    at_piece = values.iloc[of.thing].reset_index(drop=True)
    if kind == CATEGORY:
        return at_piece, at_piece.isna().to_numpy(), np.zeros(len(of.thing), dtype=bool)
    exact = numbers(at_piece)
    missing = exact.isna().to_numpy() & ((of.share > 0) | (of.area_m2 > 0))
    estimate = (of.share > 0) & (of.share < 1) & exact.notna().to_numpy()
    if kind == INTENSIVE:
        return exact, missing, estimate
    if kind == EXTENSIVE:
        return exact * of.share, missing, estimate
    parts = whole(exact * of.share, by=pd.Series(of.thing))
    if field in counted.figures:
        has = counted.has[of.thing]
        parts = parts.mask(has, pd.Series(counted.figures[field]).astype("Int64"))
        missing, estimate = np.where(has, counted.lacking[field], missing), estimate & ~has
    return parts, missing, estimate


def _added_up(of: Pieces, parts: pd.Series, missing: NDArray[np.bool_], field: str, counted: _Counted) -> pd.Series:
    """Add up the known parts target by target: missing where only missing ones are there, 0 where there is nothing."""
    known = of.share > 0
    if field in counted.figures:
        held = np.zeros(len(known), dtype=bool)
        held[counted.place] = True
        known = np.where(counted.has[of.thing], held, known)
    # a piece without any of its thing is 0 for sure, but says nothing of the target
    said = (pd.Series(known) & parts.notna()).groupby(of.target).any()
    return parts.groupby(of.target).sum().mask(~said & pd.Series(missing).groupby(of.target).any())


def _mean(of: Pieces, values: pd.Series, mass: NDArray[np.float64]) -> pd.Series:
    """Average values target by target over the mass of the pieces where they are known."""
    known = values.notna() & (mass > 0)
    weighed = (values * mass).where(known, 0.0).groupby(of.target).sum()
    return weighed / pd.Series(mass).where(known).groupby(of.target).sum(min_count=1)


def _grounds(of: Pieces, codes: pd.Series) -> pd.DataFrame:
    """Return the ground of each category in each target, with its share of the ground with a known code."""
    table = pd.DataFrame({"target": of.target, "category": codes.astype(object), "area_m2": of.area_m2})
    table = table[table["area_m2"] > 0].groupby(["target", "category"], dropna=False, sort=False).sum().reset_index()
    names = table["category"].map(str).to_numpy(dtype=str)
    table = table.iloc[np.lexsort((names, table["category"].isna(), table["target"]))]
    known = table["area_m2"].where(table["category"].notna())
    table["share"] = known / known.groupby(table["target"]).transform("sum")
    return table.reset_index(drop=True)


def _result(
    of: Pieces,
    own: pd.DataFrame,
    kinds: Mapping[str, str],
    mass: NDArray[np.float64],
    counted: _Counted,
    *,
    source: str,
    target: str,
) -> Apportioned:
    """Gather all fields piece by piece and target by target."""
    parts: dict[str, object] = {source: of.keys[of.thing], target: of.targets(of.target)}
    parts |= {"area_m2": of.area_m2, "share": of.share}
    totals: dict[str, pd.Series] = {"area_m2": pd.Series(of.area_m2).groupby(of.target).sum()}
    grounds = []
    for field, kind in kinds.items():
        figure, missing, estimate = _figure(of, own[field], field, kind, counted)
        parts[field] = figure
        if kind == CATEGORY:
            ground = _grounds(of, figure).assign(field=field)
            grounds.append(ground)
            # equal ground but for noise; the sort is stable, so the first code stays first
            order = np.argsort(-ground["area_m2"].to_numpy().round(6), kind="stable")
            main = ground.iloc[order].dropna(subset="category").drop_duplicates("target").set_index("target")
            main = main.reindex(totals["area_m2"].index)
            # a plain integer has no way to be missing
            dtype: Any = "Int64" if pd.api.types.is_integer_dtype(own[field]) else own[field].dtype
            totals[field], totals[f"{field}_share"] = main["category"].astype(dtype), main["share"]
        else:
            mean = kind == INTENSIVE
            totals[field] = _mean(of, figure, mass) if mean else _added_up(of, figure, missing, field, counted)
            totals[f"{field}_basis"] = _labels(pd.Series(estimate).groupby(of.target).any())
        if kind in {EXTENSIVE, COUNT}:
            parts[f"{field}_basis"] = _labels(pd.Series(estimate))
        totals[f"{field}_lacking"] = pd.Series(missing).groupby(of.target).sum()
    kept = (of.share > 0) | (of.area_m2 > 0)
    kept[counted.place] = True
    summed = pd.DataFrame(totals).loc[np.unique(np.concatenate([np.arange(len(of.names)), of.target[kept]]))]
    summed.insert(0, target, of.targets(summed.index.to_numpy()).to_numpy())
    return Apportioned(
        parts=pd.DataFrame(parts)[kept].reset_index(drop=True),
        totals=summed.reset_index(drop=True),
        categories=_categories(of, grounds, target),
        differences=_differences(of, own, counted, source),
    )


def _labels(estimate: pd.Series) -> pd.Series:
    """Return 「估算」 where a figure is one, else missing."""
    return pd.Series(ESTIMATE, index=estimate.index, dtype="str").where(estimate)


def _categories(of: Pieces, grounds: Sequence[pd.DataFrame], target: str) -> pd.DataFrame:
    """Put the grounds of all category fields below each other, sorted by target, field and category."""
    columns = ["target", "field", "category", "area_m2", "share"]
    if not grounds:
        return pd.DataFrame(columns=columns).rename(columns={"target": target})
    table = pd.concat(grounds)[columns].sort_values("target", kind="stable", ignore_index=True)
    keys = of.targets(table["target"].to_numpy(dtype=np.intp))
    return table.assign(target=keys).rename(columns={"target": target})


def _differences(of: Pieces, own: pd.DataFrame, counted: _Counted, source: str) -> pd.DataFrame:
    """Name the counts that things state and that their buildings do not add up to."""
    tables = []
    for field, figures in counted.figures.items():
        stated = numbers(own[field]).to_numpy()
        added = np.bincount(of.thing, np.nan_to_num(figures), len(of.keys))
        other = np.flatnonzero(counted.has & ~np.isnan(stated) & (stated != added))
        row = {source: of.keys[other], "field": field, "own": stated[other], "through": added[other]}
        tables.append(pd.DataFrame(row).astype({"own": "Int64", "through": "Int64"}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[source, "field", "own", "through"])
