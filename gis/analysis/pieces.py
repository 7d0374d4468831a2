"""Pieces: which part of each thing lies in which target, with the part that lies in none, so that all adds up to 1."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis import crs
from gis.analysis.acceptance import require_columns, require_keys
from gis.errors import FrameError, UsageError

# shares closer to each other, to 0 or to 1 are the noise of floating point
NOISE = 1e-9


@dataclass(frozen=True)
class Pieces:
    """Hold the pieces of things, sorted by thing, then target, no target last.

    Parameters
    ----------
    keys
        Keys of the things, sorted.
    names
        Keys of the targets, sorted.
    thing, target
        Positions in `keys` and in `names`; a target of len(names) is none.
    area_m2
        Ground of each piece, m².
    share
        Share of the thing, 0 to 1; together 1 for each thing.
    """

    keys: pd.Index
    names: pd.Index
    thing: NDArray[np.intp]
    target: NDArray[np.intp]
    area_m2: NDArray[np.float64]
    share: NDArray[np.float64]

    def targets(self, positions: NDArray[np.intp]) -> pd.Series:
        """Return the targets' keys, missing for none."""
        return pd.Series([*self.names, None], dtype="str").iloc[positions].reset_index(drop=True)

    def place(self, pairs: pd.DataFrame, source: str, target: str) -> NDArray[np.intp]:
        """Find the piece that each row of a frame speaks of.

        Parameters
        ----------
        pairs
            Rows whose thing and target have a piece.
        source, target
            Key columns.

        Returns
        -------
        numpy.ndarray
            Position of one piece a row.
        """
        width = len(self.names) + 1
        wanted = self.keys.get_indexer(pd.Index(pairs[source])) * width + _among(self.names, pairs[target])
        return np.searchsorted(self.thing * width + self.target, wanted)


def pieces(
    shares: pd.DataFrame,
    things: pd.DataFrame,
    through: pd.DataFrame,
    *,
    source: str,
    target: str,
    overlap: bool = False,
) -> Pieces:
    """Complete pairs of things and targets to an account in which nothing is lost and nothing counts twice.

    Parameters
    ----------
    shares
        Pairs with `source`, `target` (may be missing), area_m2 and the thing's share.
    things
        Things with `source`; geometry only where a thing has no pair.
    through
        Whatever else was assigned to both layers, with both columns; its pairs get a piece, if need be without ground.
    source, target
        Key columns.
    overlap
        Whether targets may overlap, so that shares may add up to more than 1; they are then left as they are.

    Returns
    -------
    Pieces

    Raises
    ------
    FrameError
        Columns, keys, areas or shares that cannot be accounted for.
    """
    share = share_column(source)
    require_columns("shares", shares, (source, target, "area_m2", share))
    require_keys("shares", shares, source, unique=False)
    require_keys("shares", shares, target, complete=False, unique=False)
    _require_amounts(shares, source, "area_m2", share)
    repeated = shares.duplicated([source, target])
    if repeated.any():
        pair = shares.loc[repeated, [source, target]].iloc[0].tolist()
        raise FrameError(f"shares repeats the pair {pair[0]}, {pair[1]}; each pair has one row", features=pair)
    keys = pd.Index(things[source]).sort_values()
    both = pd.concat([shares[target], through[target]])
    names = pd.Index(sorted(both.dropna().unique()), dtype="str")
    rows = pd.DataFrame(
        {
            "thing": np.concatenate([positions(keys, shares, source), positions(keys, through, source)]),
            "target": _among(names, both),
            "area_m2": np.concatenate([shares["area_m2"].to_numpy(dtype=float), np.zeros(len(through))]),
            "share": np.concatenate([shares[share].to_numpy(dtype=float), np.zeros(len(through))]),
        }
    ).sort_values(["thing", "target"])
    covered = np.bincount(rows["thing"], rows["share"], len(keys)).astype(np.float64)
    twice = np.flatnonzero(covered > 1 + NOISE)
    if len(twice) and not overlap:
        raise FrameError(
            f"shares of {keys[twice[0]]} add up to {covered[twice[0]]:.9g}: {target} overlaps itself there and would "
            "count twice; take a layer that does not overlap (one ring, the nearest version), the pairs of a ledger "
            "that has settled the slivers, or by='largest'",
            features=keys[twice].tolist(),
        )
    nowhere = _nowhere(rows, covered, things, keys, source).assign(target=len(names))
    table = pd.concat([rows, nowhere]).groupby(["thing", "target"], sort=True)[["area_m2", "share"]].sum().reset_index()
    thing = table["thing"].to_numpy(dtype=np.intp)
    parts = table["share"].to_numpy(dtype=float)
    if not overlap:
        parts = parts / np.bincount(thing, parts, len(keys))[thing]
    return Pieces(keys, names, thing, table["target"].to_numpy(dtype=np.intp), table["area_m2"].to_numpy(float), parts)


def _among(names: pd.Index, targets: pd.Series) -> NDArray[np.intp]:
    """Return the positions of targets among sorted names; a missing target comes after all of them."""
    return np.where(targets.isna(), len(names), names.get_indexer(pd.Index(targets)))


def share_column(source: str) -> str:
    """Name the column with the shares of the things that a key names: project_share for project_id.

    Parameters
    ----------
    source
        Key column of the things.

    Returns
    -------
    str
        As in the tables of the ledger.
    """
    return f"{source.removesuffix('_id')}_share"


def positions(keys: pd.Index, frame: pd.DataFrame, source: str) -> NDArray[np.intp]:
    """Find the things that rows of a frame speak of.

    Parameters
    ----------
    keys
        Keys of the things.
    frame
        Rows with `source`.
    source
        Key column.

    Returns
    -------
    numpy.ndarray
        One position in `keys` a row.

    Raises
    ------
    FrameError
        A row speaks of a thing that is not there.
    """
    found = keys.get_indexer(pd.Index(frame[source]))
    if (found < 0).any():
        unknown = sorted(set(frame[source].to_numpy()[found < 0]))
        raise FrameError(
            f"{len(unknown)} {source} are not among the things ({', '.join(map(str, unknown[:5]))}); hand in pairs of "
            "these things only",
            features=unknown,
        )
    return found


def weights(
    of: Pieces, shares: pd.DataFrame, through: pd.DataFrame, *, weight: str, source: str, target: str
) -> NDArray[np.float64]:
    """Return how much of a weight lies on each piece.

    Parameters
    ----------
    of
        The pieces made of `shares` and `through`.
    shares, through
        One of the two holds the weight: for each pair, or for each building.
    weight
        Its column.
    source, target
        Key columns.

    Returns
    -------
    numpy.ndarray
        One number a piece, in the unit of the column.

    Raises
    ------
    UsageError
        No frame has the column, or both have it.
    FrameError
        A weight that is negative, infinite or missing, also for ground in no target.
    """
    holders = [frame for frame in (shares, through) if weight in frame.columns]
    if len(holders) != 1:
        where = "both shares and through" if holders else "neither shares nor through"
        raise UsageError(f"{where} have the column {weight!r}; exactly one must hold the weight", weight=weight)
    holder = holders[0]
    _require_amounts(holder, source, weight)
    place = of.place(holder, source, target)
    found = np.bincount(place, holder[weight].to_numpy(dtype=float), len(of.thing)).astype(np.float64)
    unknown = of.share > 0
    unknown[place] = False
    if holder is shares and unknown.any():
        first = np.flatnonzero(unknown)[0]
        raise FrameError(
            f"{of.keys[of.thing[first]]}: {of.share[first]:.1%} of its ground lies in no {target} and has no {weight}; "
            f"add a row to shares with missing {target} and its {weight}",
            features=of.keys[of.thing[unknown]].tolist(),
        )
    return found


def _require_amounts(frame: pd.DataFrame, source: str, *columns: str) -> None:
    """Refuse areas, shares and weights that are missing, negative or infinite."""
    for column in columns:
        # a frame without rows has no type to speak of
        if len(frame) and not pd.api.types.is_numeric_dtype(frame[column]):
            raise FrameError(f"{column} is {frame[column].dtype}; numbers of 0 or more are needed", field=column)
        values = frame[column].to_numpy(dtype=float, na_value=np.nan)
        wrong = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
        if len(wrong):
            feature = frame[source].iloc[wrong[0]]
            raise FrameError(
                f"{feature}: {column} is {values[wrong[0]]}; numbers of 0 or more are needed in every row",
                field=column,
                feature=feature,
            )


def _nowhere(
    rows: pd.DataFrame, covered: NDArray[np.float64], things: pd.DataFrame, keys: pd.Index, source: str
) -> pd.DataFrame:
    """Return the ground of things in no target that no row speaks of: thing, area_m2, share."""
    open_things = np.flatnonzero(covered < 1 - NOISE)
    rest = 1 - covered[open_things]
    ground = np.bincount(rows["thing"], rows["area_m2"], len(keys))[open_things]
    whole = np.divide(ground, 1 - rest, out=np.full(len(rest), np.nan), where=rest < 1)
    # the ground of a thing without any share can only be measured
    lone = open_things[rest == 1]
    if len(lone):
        whole[rest == 1] = _measured(things, keys[lone], source)
    return pd.DataFrame({"thing": open_things, "area_m2": whole * rest, "share": rest})


def _measured(things: pd.DataFrame, keys: pd.Index, source: str) -> NDArray[np.float64]:
    """Measure the ground of things that have no pair, m²."""
    if not isinstance(things, gpd.GeoDataFrame) or things.active_geometry_name is None:
        raise FrameError(
            f"{len(keys)} things have no row in shares ({', '.join(keys[:5])}) and no geometry to measure; hand in a "
            "GeoDataFrame, or add rows with missing target such as Ledger.residual",
            features=keys.tolist(),
        )
    crs.require(things, name="things")
    shapes = things.geometry.iloc[pd.Index(things[source]).get_indexer(keys)]
    area = shapes.area.to_numpy(dtype=float)
    blank = np.isnan(area) | shapes.isna().to_numpy()
    if blank.any():
        raise FrameError(f"{keys[blank][0]} has no shares and no geometry; leave it out", features=keys[blank].tolist())
    return area
