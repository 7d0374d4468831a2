"""The overlay ledger: an account of the ground between any number of layers that balances to the last sliver."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis import balance as accounts
from gis.analysis.acceptance import listed, require_keys
from gis.analysis.balance import Account
from gis.analysis.ground import Ground, Layers, cut, read
from gis.analysis.keys import columns
from gis.analysis.settlement import settle
from gis.analysis.ties import ties
from gis.errors import FrameError, UnknownNameError, UsageError
from gis.geometry import noding, outlines, tuples, validity
from gis.geometry.outlines import Outlines
from gis.lineage import Lineage

_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Ledger:
    """Account for the ground that layers share; the tables are made when they are first asked for.

    Parameters
    ----------
    facets
        The cells with their geometry, in the layers' CRS; None unless asked for.
    findings
        Features that are narrower than the tolerance everywhere and keep their largest tuple.
    lineage
        Inputs' fingerprints, parameters and versions.
    overlapping
        Layers that overlap themselves; also in `meetings.attrs["overlapping"]`.

    Attributes
    ----------
    meetings
        One row per tuple of features, one of each layer, that truly meet: `<layer>_id`, area_m2, `<layer>_share`
        (0 to 1, of the feature's ground after settling). Not to be summed across a layer in `overlapping`.
    cells
        A partition of the ground: `<layer>_id` (missing where the layer has none or several), `<layer>_ids` (sorted
        tuple), area_m2.
    balance
        layer, feature, own_m2, cells_m2, given_m2, received_m2, difference_m2: own = cells + given - received.
    slivers
        Every sliver that changed hands: layer, giver, receiver, area_m2, x, y.
    """

    facets: gpd.GeoDataFrame | None
    findings: pd.DataFrame
    lineage: Lineage
    overlapping: tuple[str, ...]
    _account: Account = field(repr=False, compare=False)

    @cached_property
    def meetings(self) -> pd.DataFrame:
        """Tuples of features that truly meet, with area and shares."""
        return self.pairs(*self._account.ground.layers)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A partition of the ground, with who covers each cell."""
        return accounts.cells(self._account)

    @cached_property
    def balance(self) -> pd.DataFrame:
        """What each feature owned, gave, received and has."""
        return accounts.balance(self._account)

    @cached_property
    def slivers(self) -> pd.DataFrame:
        """Every sliver that changed hands."""
        return accounts.slivers(self._account)

    def pairs(self, *layers: str) -> pd.DataFrame:
        """Return the meetings of some of the layers, whatever the others do there.

        Parameters
        ----------
        *layers
            Names of one or more of the ledger's layers.

        Returns
        -------
        pandas.DataFrame
            Like `meetings`.

        Raises
        ------
        UnknownNameError
            The ledger has no such layer.
        """
        table = accounts.meetings(self._account, self._known(layers))
        table.attrs["overlapping"] = [name for name in layers if name in self.overlapping]
        return table

    def residual(self, layer: str, *outside: str) -> pd.DataFrame:
        """Return the ground of a layer's features in no feature of other layers ("in the block and in no unit").

        Parameters
        ----------
        layer
            Whose ground.
        *outside
            Layers that leave it open, all of them; every other layer if none is named.

        Returns
        -------
        pandas.DataFrame
            `<layer>_id`, area_m2, `<layer>_share`; one row per feature that has such ground, sorted by key.

        Raises
        ------
        UnknownNameError
            The ledger has no such layer.
        """
        others = outside or tuple(name for name in self._account.ground.layers if name != layer)
        self._known((layer, *others))
        return accounts.residual(self._account, layer, others)

    def shares(self, source: str, target: str) -> pd.DataFrame:
        """Return all the ground of one layer's features: in the features of another layer, and in none of them.

        Parameters
        ----------
        source
            Whose ground.
        target
            The layer that it lies in.

        Returns
        -------
        pandas.DataFrame
            `<source>_id`, `<target>_id` (missing where the ground lies in none), area_m2, `<source>_share` (0 to 1);
            sorted by the keys, a missing one last; RangeIndex. This is what `apportion` takes.

        Raises
        ------
        UnknownNameError
            The ledger has no such layer.
        """
        keys, columns = [f"{source}_id", f"{target}_id"], ["area_m2", f"{source}_share"]
        table = pd.concat([self.pairs(source, target)[keys + columns], self.residual(source, target)])
        return table.sort_values(keys, ignore_index=True)[keys + columns]

    def _known(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names if the ledger has them all."""
        allowed = self._account.ground.layers
        for name in layers:
            if name not in allowed:
                raise UnknownNameError(f"the ledger has no layer {name!r}; it has {', '.join(allowed)}", name=name)
        return layers


def ledger(
    layers: Mapping[str, gpd.GeoDataFrame], *, tolerance: float, facets: bool = False, workers: int | None = None
) -> Ledger:
    """Account for the ground that layers share, with slivers reassigned and every transfer named.

    Parameters
    ----------
    layers
        Polygons by singular layer name ("block", "unit", ...), in order of precedence: of two layers that disagree by
        a sliver the one named first keeps its line. Each frame has a text key in `<name>_id`; a layer may be empty.
    tolerance
        Width in m below which common ground, gaps and double cover are noise of digitising; above 0.
    facets
        Whether the cells' geometry is wanted.
    workers
        Number of threads, None for all processors; rows are the same to the last bit on any number.

    Returns
    -------
    Ledger
        All tables sorted by key, whatever the order of rows.

    Raises
    ------
    UsageError
        No layer, or a tolerance that is no positive number.
    CrsError
        A layer without CRS, in degrees, or in another CRS than the first.
    FrameError
        A key column that is missing, not text, incomplete or repeated; geometry that is missing, empty, not polygonal
        or invalid. The message names feature and place; repair is intake's work.
    OverlayError
        A law is broken: the cells of a feature do not add up to it, or a facet is not as large as its cell. Features
        and place are named.

    Notes
    -----
    Two features meet if their intersection survives erosion by half the tolerance, and so must that of three and more,
    decided on the shapes as drawn (`gis.analysis.ties`). Areas are planar, in the CRS of the layers.

    Examples
    --------
    >>> blocks = gpd.GeoDataFrame({"block_id": ["B1"]}, geometry=[shapely.box(0, 0, 100, 100)], crs=4548)
    >>> units = gpd.GeoDataFrame({"unit_id": ["U1"]}, geometry=[shapely.box(0, 0, 60.01, 100)], crs=4548)
    >>> book = ledger({"block": blocks, "unit": units}, tolerance=0.5)
    >>> book.meetings[["block_id", "unit_id", "area_m2"]].round(2).to_records(index=False).tolist()
    [('B1', 'U1', 6001.0)]
    >>> book.residual("block", "unit")["area_m2"].round(2).tolist()
    [3999.0]
    """
    ground_crs, drawn = _accepted(layers, tolerance, workers)
    ground = cut(drawn, workers=workers)
    known = ties(
        ground.faces,
        ground.layer_of,
        len(ground.layers),
        tolerance,
        lambda questions: ground.wide(questions, tolerance),
        ground.run,
    )
    account = accounts.account(ground, settle(ground.faces, known, ground.run))
    overlapping = accounts.overlapping(account)
    shapes = accounts.facets(account) if facets else None
    return Ledger(
        facets=None if shapes is None else gpd.GeoDataFrame(accounts.cells(account), geometry=shapes, crs=ground_crs),
        findings=_kept(account, tolerance),
        lineage=_lineage(layers, drawn, tolerance),
        overlapping=overlapping,
        _account=account,
    )


def common_ground(
    layers: Mapping[str, gpd.GeoDataFrame], *, owner: str | None = None, workers: int | None = None
) -> pd.DataFrame:
    """Measure the ground of every tuple of features, one of each layer, as the layers were drawn.

    Parameters
    ----------
    layers
        Two or more layers as in `ledger`.
    owner
        The layer whose features own the rows, best the smallest things; None takes the layer with most features. Where
        one is named, rows come from the kernels whatever the size: GEOS gives a part of the owners other last digits.
    workers
        Number of threads, None for all processors; rows are the same to the last bit on any number.

    Returns
    -------
    pandas.DataFrame
        `<layer>_id` for each layer and area_m2, one row a tuple that shares ground, sorted by the keys in the order of
        layers; RangeIndex. Slivers of digitising are among the rows: `ledger` settles them. Where a layer overlaps
        itself the same ground is in several rows.

    Raises
    ------
    UsageError
        Fewer than two layers.
    UnknownNameError
        The owner is none of the layers.
    CrsError, FrameError
        As in `ledger`.

    Notes
    -----
    Each row is computed whole by its owner from the features that meet the owner's box: the rows of some owners are the
    same whether the others are there or not.

    Examples
    --------
    >>> blocks = gpd.GeoDataFrame({"block_id": ["B1"]}, geometry=[shapely.box(0, 0, 100, 100)], crs=4548)
    >>> units = gpd.GeoDataFrame({"unit_id": ["U1"]}, geometry=[shapely.box(90, 0, 190, 100)], crs=4548)
    >>> common_ground({"block": blocks, "unit": units}).to_records(index=False).tolist()
    [('B1', 'U1', 1000.0)]
    """
    if len(layers) < 2:
        raise UsageError(f"common ground needs two layers or more; {len(layers)} came", layers=list(layers))
    if owner is not None and owner not in layers:
        raise UnknownNameError(f"owner is {owner!r}; it is one of {', '.join(layers)}", name=owner)
    _, drawn = _accepted(layers, workers=workers)
    found = noding.tuples(drawn.shapes) if owner is None and drawn.outlines is None else None
    if found is not None:
        members, area = found
        order = accounts.row_order(members)
        members, area = members[order], area[order]
    else:
        flat = drawn.outlines or [outlines.of(each) for each in drawn.shapes]
        own = drawn.names.index(owner) if owner else max(range(len(flat)), key=lambda n: (len(flat[n]), n))
        members, area = tuples.areas(flat, own, workers=workers)
    names = columns(drawn.keys, members, workers=workers)
    table = {f"{name}_id": column for name, column in zip(drawn.names, names, strict=True)}
    return pd.DataFrame(table | {"area_m2": pd.Series(area, dtype="float64")})


def _kept(account: Account, tolerance: float) -> pd.DataFrame:
    """Report the features that are narrower than the tolerance and were kept all the same."""
    ground = account.ground
    rows = []
    for feature in account.settlement.kept:
        widest = _widest(ground, feature)
        rows.append(
            faults.finding(
                "overlay.narrow",
                ground.layers[ground.layer_of[feature]],
                ground.names[feature],
                severity="warning",
                at=ground.place(widest),
                area_m2=float(ground.own_m2[feature]),
                tolerance_m=float(tolerance),
            )
        )
    return faults.table(rows)


def _widest(ground: Ground, feature: int) -> int:
    """Return the largest face of a feature as drawn."""
    cut_faces = ground.faces
    covers = np.searchsorted(cut_faces.cover_start, np.flatnonzero(cut_faces.member == feature), side="right") - 1
    own = np.flatnonzero(np.isin(cut_faces.cover, covers))
    return int(own[np.argmax(cut_faces.area_m2[own])])


def _accepted(
    layers: Mapping[str, gpd.GeoDataFrame], tolerance: float = 1.0, workers: int | None = None
) -> tuple[object, Layers]:
    """Refuse what cannot be accounted for; return the CRS that all layers share, and the layers read."""
    if not layers:
        raise UsageError("the ledger was given no layer; hand in frames by name, such as {'block': blocks}")
    number = isinstance(tolerance, int | float | np.number) and not isinstance(tolerance, bool)
    if not number or not math.isfinite(tolerance) or tolerance <= 0:
        raise UsageError(f"tolerance is {tolerance!r}; a width in metres above 0 is needed", tolerance=tolerance)
    for name, frame in layers.items():
        if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
            kind = type(frame).__name__
            raise FrameError(f"{name} is a {kind} without geometry; a GeoDataFrame is needed", layer=name)
    ground_crs = crs.require_same(dict(layers))
    for name, frame in layers.items():
        require_keys(name, frame, f"{name}_id")
        _check_kinds(name, frame)
    drawn = read(layers)
    flat: Sequence[Outlines | None] = drawn.outlines or [None] * len(layers)
    for (name, frame), order, shapes, lines in zip(layers.items(), drawn.order, drawn.shapes, flat, strict=True):
        sound = validity.valid(shapes, lines, workers=workers)
        if not sound.all():
            _refuse_invalid(name, frame, np.sort(order[~sound]))
    return ground_crs, drawn


def _lineage(layers: Mapping[str, gpd.GeoDataFrame], drawn: Layers, tolerance: float) -> Lineage:
    """Say what a ledger was made from: rows in key order, since the account does not depend on theirs."""
    prints = {}
    for (name, frame), order in zip(layers.items(), drawn.order, strict=True):
        prints[name] = origins.fingerprint(frame[[f"{name}_id", frame.geometry.name]].iloc[order])
    used = {"tolerance_m": float(tolerance), "precedence": list(layers)}
    return Lineage("analysis.overlay.ledger", prints, used, origins.versions())


def _check_kinds(name: str, frame: gpd.GeoDataFrame) -> None:
    """Refuse a layer with shapes that have no area."""
    keys = frame[f"{name}_id"].to_numpy(dtype=object)
    shapes = frame.geometry.to_numpy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.any():
        which = sorted(keys[empty])
        raise FrameError(f"{name}: no geometry in {listed(which)}; leave these rows out", layer=name, features=which)
    other = ~np.isin(shapely.get_type_id(shapes), _POLYGONAL)
    if other.any():
        which = sorted(keys[other])
        raise FrameError(f"{name}: no polygon in {listed(which)}; the ledger takes areas", layer=name, features=which)


def _refuse_invalid(name: str, frame: gpd.GeoDataFrame, rows: NDArray[np.integer]) -> None:
    """Refuse a layer with shapes whose area means nothing."""
    keys, shapes = frame[f"{name}_id"].iloc[rows].tolist(), frame.geometry.iloc[rows].tolist()
    places = [f"{key} ({_fault(shapely.is_valid_reason(shape))})" for key, shape in zip(keys, shapes, strict=True)]
    raise FrameError(
        f"{name}: invalid geometry in {listed(places)}; repair is intake's work, not the ledger's",
        layer=name,
        features=keys,
    )


def _fault(reason: str) -> str:
    """Word GEOS's reason with the place to a millimetre."""
    found = re.fullmatch(r"(.*)\[(\S+) (\S+)\]", reason)
    if found is None:
        return reason
    return f"{found[1]} at {float(found[2]):.3f}, {float(found[3]):.3f}"
