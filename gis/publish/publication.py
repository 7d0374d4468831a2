"""What may leave the house: layers, fields and rows of a public edition, on a plane of their own.

Everything is withheld unless the catalogue lets it go (design.md §3): a layer by `public`, a field by its own `public`,
a row by `publish_when`. Confidential rows and those of military owners go whatever the layer says, with what stands on
their ground or cannot stand without them, and they leave no hole in the drawing or in the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis.catalogue import Catalogue, Field, Layer
from gis.publish import coarse, ground

Mask = NDArray[np.bool_]
# layers that may be drawn feature by feature
DRAWN = ("generalised", "exact")
# the owner class that is never shown, as code and as the word that unconformed files hold
SECRET_OWNERS = ("military", "军属")
# coordinates of a page are whole multiples of this (m)
STEP_M = 0.1

_NO = {"", "0", "0.0", "false", "no", "n", "否", "<na>", "nan", "none", "nat"}


@dataclass(frozen=True)
class Edition:
    """Hold what an edition draws, and how many rows stay behind and why.

    `frames` holds, by layer, only the fields that the edition shows, and the geometry. `withheld` counts rows by layer
    and reason (layer, confidential, owner, not_yet, ground, reference, shape, small: no room for it in a generalised
    layer); it is for the internal record and never goes into a file.
    """

    frames: Mapping[str, gpd.GeoDataFrame]
    withheld: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Plane:
    """Hold the page's own plane: metres east and north of the corner of what is drawn, in whole steps of 0.1 m.

    `west` and `south` are that corner in the working CRS; only an internal edition may write them down.
    """

    west: float
    south: float
    width: float
    height: float

    def steps(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return coordinates as whole steps from the corner."""
        moved: NDArray[np.float64] = (points - (self.west, self.south)) / STEP_M
        return np.rint(moved).astype(np.int64)


def public(frames: Mapping[str, Any], catalogue: Catalogue) -> Edition:
    """Keep what the public may see.

    Parameters
    ----------
    frames
        Canonical frames by layer name, all in one projected CRS; tables without geometry are left out.
    catalogue
        Says which layers, fields and rows are public.

    Returns
    -------
    Edition
        Frames with public fields and geometry on a fresh RangeIndex, in the CRS that came.

    Raises
    ------
    CrsError
        A frame has no CRS, or not the one of the others.
    UnknownNameError
        A frame's layer is not in the catalogue.
    """
    spatial = _spatial(frames, catalogue)
    reasons = {name: _reasons(frame, catalogue.layer(name)) for name, frame in spatial.items()}
    _withhold_on_secret_ground(spatial, reasons, catalogue)
    _withhold_dependants(spatial, reasons, catalogue)
    shown = {name: frame[(reasons[name] == "").to_numpy()] for name, frame in spatial.items()}
    shown = {name: frame for name, frame in shown.items() if len(frame)}
    closed = {name: _close(name, shown, spatial, reasons, catalogue) for name in shown}
    closed = {name: _coarsened(name, frame, spatial, reasons, catalogue) for name, frame in closed.items()}
    closed = {name: frame for name, frame in closed.items() if len(frame)}
    result = {name: _columns(name, frame, spatial, reasons, catalogue) for name, frame in closed.items()}
    withheld = {
        name: {str(reason): int(count) for reason, count in series[series != ""].value_counts(sort=False).items()}
        for name, series in reasons.items()
    }
    return Edition(result, {name: counts for name, counts in withheld.items() if counts})


def internal(frames: Mapping[str, Any], catalogue: Catalogue) -> Edition:
    """Keep all layers, fields and rows that have a shape.

    Parameters
    ----------
    frames
        Canonical frames by layer name, all in one projected CRS; tables without geometry are left out.
    catalogue
        Names layers and fields.

    Returns
    -------
    Edition
        Frames with all fields of the catalogue and geometry, on a fresh RangeIndex.

    Raises
    ------
    CrsError
        A frame has no CRS, or not the one of the others.
    UnknownNameError
        A frame's layer is not in the catalogue.
    """
    kept, withheld = {}, {}
    for name, frame in _spatial(frames, catalogue).items():
        drawable = _drawable(frame)
        if drawable.any():
            columns = [item.name for item in catalogue.layer(name).fields if item.name in frame.columns]
            kept[name] = frame.loc[drawable, [*columns, frame.geometry.name]].reset_index(drop=True)
        if not drawable.all():
            withheld[name] = {"shape": int((~drawable).sum())}
    return Edition(kept, withheld)


def plane(frames: Mapping[str, gpd.GeoDataFrame]) -> Plane:
    """Lay a plane whose corner is the corner of what is drawn.

    Parameters
    ----------
    frames
        What an edition draws.

    Returns
    -------
    Plane
        Of no size where nothing is drawn.
    """
    bounds = [frame.total_bounds for frame in frames.values() if len(frame)]
    if not bounds:
        return Plane(0.0, 0.0, 0.0, 0.0)
    west, south = (float(value) for value in np.min(bounds, axis=0)[:2])
    east, north = (float(value) for value in np.max(bounds, axis=0)[2:])
    return Plane(west, south, east - west, north - south)


def _spatial(frames: Mapping[str, Any], catalogue: Catalogue) -> dict[str, gpd.GeoDataFrame]:
    """Return the frames with geometry, after refusing unknown layers and CRSs that differ."""
    layers = {name: catalogue.layer(name) for name in frames}
    spatial = {
        name: frame.reset_index(drop=True)
        for name, frame in frames.items()
        if layers[name].spatial and isinstance(frame, gpd.GeoDataFrame)
    }
    if spatial:
        crs.require_same(spatial)
    return spatial


def _reasons(frame: gpd.GeoDataFrame, layer: Layer) -> pd.Series:
    """Return, a row, why it is withheld, or an empty text."""
    reasons = pd.Series("", index=frame.index, dtype=object)
    if layer.public not in DRAWN:
        return reasons.mask(np.ones(len(frame), dtype=bool), "layer")
    reasons = reasons.mask(~_drawable(frame), "shape")
    for field, values in layer.publish_when.items():
        # a field that is not there grants nothing
        met = frame[field].isin(list(values)) if field in frame.columns else np.zeros(len(frame), dtype=bool)
        reasons = reasons.mask(~np.asarray(met, dtype=bool), "not_yet")
    return reasons.mask(_owned(frame), "owner").mask(_confidential(frame), "confidential")


def _drawable(frame: gpd.GeoDataFrame) -> Mask:
    """Tell which rows have a shape with finite coordinates."""
    shapes = frame.geometry.to_numpy()
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    return np.asarray(finite & ~shapely.is_empty(shapes) & ~shapely.is_missing(shapes))


def are_secret(frame: pd.DataFrame) -> Mask:
    """Tell which rows are confidential or of military owners, whatever their layer says.

    Parameters
    ----------
    frame
        Rows of one layer.

    Returns
    -------
    numpy.ndarray
    """
    return np.asarray(_confidential(frame) | _owned(frame), dtype=bool)


def _confidential(frame: pd.DataFrame) -> Mask:
    """Tell which rows are flagged; a value that is no clear no counts as a flag."""
    if "confidential" not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return np.array([str(value).strip().lower() not in _NO for value in frame["confidential"].tolist()], dtype=bool)


def _owned(frame: pd.DataFrame) -> Mask:
    """Tell which rows belong to military owners."""
    if "owner_class" not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return np.array([str(value).strip().lower() in SECRET_OWNERS for value in frame["owner_class"]], dtype=bool)


def _is_partition(layer: Layer) -> bool:
    """Tell whether a layer's areas lie side by side, so that a missing one is a hole."""
    return layer.geometry == "MultiPolygon" and layer.topology.overlap == "error"


def _withhold_on_secret_ground(
    frames: Mapping[str, gpd.GeoDataFrame], reasons: dict[str, pd.Series], catalogue: Catalogue
) -> None:
    """Withhold what lies on the ground of a secret parcel: the school inside the compound tells as much as its wall."""
    secret = [
        shape
        for name, frame in frames.items()
        if _is_partition(catalogue.layer(name))
        for shape in frame.geometry[are_secret(frame) & _drawable(frame)]
    ]
    if not secret:
        return
    area = shapely.union_all(shapely.make_valid(np.array(secret, dtype=object)))
    for name, frame in frames.items():
        if not _is_partition(catalogue.layer(name)):
            open_rows = (reasons[name] == "").to_numpy()
            reasons[name] = reasons[name].mask(open_rows & ground.on(frame.geometry.to_numpy(), area), "ground")


def _withhold_dependants(
    frames: Mapping[str, gpd.GeoDataFrame], reasons: dict[str, pd.Series], catalogue: Catalogue
) -> None:
    """Withhold rows that cannot stand without a withheld one: the entrance and the catchment of a withheld station."""
    changed = True
    while changed:
        changed = False
        for name, frame in frames.items():
            for field in catalogue.layer(name).fields:
                if not (field.reference and field.required and field.name in frame.columns):
                    continue
                lost = frame[field.name].isin(_gone(field, frames, reasons, catalogue)) & (reasons[name] == "")
                if lost.any():
                    reasons[name] = reasons[name].mask(lost, "reference")
                    changed = True


def _gone(
    field: Field, frames: Mapping[str, gpd.GeoDataFrame], reasons: Mapping[str, pd.Series], catalogue: Catalogue
) -> set[Any]:
    """Return the keys of the layer a field refers to that are withheld."""
    target = field.reference or ""
    if target not in frames:
        return set()
    keys = frames[target][catalogue.layer(target).key]
    return set(keys[reasons[target] != ""].dropna()) - set(keys[reasons[target] == ""])


def _close(
    name: str,
    shown: Mapping[str, gpd.GeoDataFrame],
    frames: Mapping[str, gpd.GeoDataFrame],
    reasons: Mapping[str, pd.Series],
    catalogue: Catalogue,
) -> gpd.GeoDataFrame:
    """Return a layer's published rows with the holes closed."""
    layer, frame = catalogue.layer(name), shown[name]
    if _is_partition(layer):
        hidden = {"confidential", "owner"} | ({"not_yet", "reference"} if layer.topology.gap == "error" else set())
        lost = reasons[name].isin(hidden).to_numpy() & _drawable(frames[name])
        if lost.any():
            shapes = ground.absorb(
                frame.geometry.to_numpy(),
                frames[name].geometry.to_numpy()[lost],
                tolerance=max(layer.topology.tolerance, 0.5),
            )
            frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    return frame


def _coarsened(
    name: str,
    frame: gpd.GeoDataFrame,
    frames: Mapping[str, gpd.GeoDataFrame],
    reasons: dict[str, pd.Series],
    catalogue: Catalogue,
) -> gpd.GeoDataFrame:
    """Return a layer's rows generalised where the layer asks; a shape that finds no room is withheld."""
    layer = catalogue.layer(name)
    if layer.public != "generalised" or frame.empty:
        return frame
    # of the layer all that there is, of the others what is withheld though its layer is shown, or is secret
    guarded = [each[(name == other) | ~reasons[other].isin(["", "layer"])] for other, each in frames.items()]
    shapes = coarse.coarsened(
        frame.geometry.to_numpy(), coarse.vertices(guarded), scale=layer.coarse_m, apart=_is_partition(layer)
    )
    there = ~shapely.is_missing(shapes)
    reasons[name].loc[frame.index[~there]] = "small"
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))[there]


def _columns(
    name: str,
    frame: gpd.GeoDataFrame,
    frames: Mapping[str, gpd.GeoDataFrame],
    reasons: Mapping[str, pd.Series],
    catalogue: Catalogue,
) -> gpd.GeoDataFrame:
    """Keep public fields and geometry; a reference to something that is not shown becomes a blank."""
    fields = [item for item in catalogue.layer(name).fields if item.public and item.name in frame.columns]
    result = frame[[*(item.name for item in fields), frame.geometry.name]].reset_index(drop=True)
    for field in fields:
        if field.reference:
            lost = result[field.name].isin(_gone(field, frames, reasons, catalogue))
            result[field.name] = result[field.name].mask(lost)
    return result
