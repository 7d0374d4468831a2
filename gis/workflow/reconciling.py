"""Boundaries of a stored layer brought to those of higher authority, as one change set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from gis.catalogue import Layer
from gis.errors import EmptyError, UsageError
from gis.intake import reconcile as boundaries
from gis.publish import files
from gis.publish import moves as sheets
from gis.settings import Settings
from gis.store import Change, Store
from gis.workflow import outlets
from gis.workflow.intake import opened

AUTHORITY = "authority"


@dataclass(frozen=True)
class Wish:
    """Say how a layer is reconciled.

    Parameters
    ----------
    tolerance
        A line within this distance of a higher one follows it, m; None takes the tolerance of the layer's topology.
    file
        Where to list the moved stretches, if anywhere (`gis.publish.moves.write`).
    dry
        Whether nothing is to be stored.
    """

    tolerance: float | None = None
    file: Path | None = None
    dry: bool = False


@dataclass(frozen=True)
class Done:
    """Hold what became of one layer's lines.

    Parameters
    ----------
    layer
        Name of the layer.
    moves
        One row a moved stretch, as `gis.intake.reconcile.Reconciled` has them.
    findings
        What stayed, and why.
    changed
        Number of features that are drawn otherwise now.
    change
        The change set; None where nothing was to be stored.
    """

    layer: str
    moves: gpd.GeoDataFrame
    findings: pd.DataFrame
    changed: int
    change: Change | None

    def sentences(self) -> tuple[str, str]:
        """Return the outcome as one sentence in Chinese and one in English."""
        gained, lost = self.moves["gained_m2"].sum(), self.moves["lost_m2"].sum()
        kept_zh = "未入库" if self.change is None else f"变更 {self.change.number}"
        kept_en = "nothing stored" if self.change is None else f"change {self.change.number}"
        zh = f"{self.layer}:{self.changed} 个要素、{len(self.moves)} 段界线移动"
        en = f"{self.layer}: {self.changed} features, {len(self.moves)} stretches moved"
        return (
            f"{zh},增加 {gained:,.2f} m²,减少 {lost:,.2f} m²;{kept_zh}",
            f"{en}, {gained:,.2f} m² gained, {lost:,.2f} m² lost; {kept_en}",
        )


def reconcile(
    target: str | Path | Store,
    layer: str,
    *,
    to: Sequence[str],
    wish: Wish | None = None,
    settings: Settings | None = None,
    author: str = "gis",
    reason: str = "界线协调",
) -> Done:
    """Make the lines of a stored layer follow those of other layers, list what moved, and put the result back.

    Parameters
    ----------
    target
        The store, or its name.
    layer
        Name of the layer that follows.
    to
        Names of the layers to follow, in order of precedence; none of their lines is edited.
    wish
        Tolerance, file for the moved stretches, whether it is only a trial.
    settings
        Catalogue folder.
    author, reason
        Who changes the store, and why.

    Returns
    -------
    Done

    Raises
    ------
    UsageError
        A layer does not hold polygons, is a result, or stands on both sides; or the tolerance is no positive number.
    EmptyError
        A layer has no rows.

    Notes
    -----
    Rows and findings are stored in one transaction; a row that somebody edits meanwhile refuses the whole.
    """
    if not isinstance(target, Store):
        with opened(target, settings or Settings()) as store:
            return reconcile(store, layer, to=to, wish=wish, settings=settings, author=author, reason=reason)
    asked = wish or Wish()
    outlets.require(asked.file, files.SUFFIXES, inputs=[target])
    record = target.catalogue.layer(layer)
    frames = _frames(target, [*map(target.catalogue.layer, to), record])
    done = boundaries.reconcile(
        frames,
        tolerance=record.topology.tolerance if asked.tolerance is None else asked.tolerance,
        authority=target.catalogue.code_list("line_authorities"),
        keys={name: target.catalogue.layer(name).key for name in frames},
        field=AUTHORITY,
        held=to,
    )
    before, after = frames[layer], done.layers[layer]
    same = shapely.equals_identical(before.geometry.to_numpy(), after.geometry.to_numpy())
    if asked.file is not None:
        sheets.write(done.moves, done.findings, asked.file, catalogue=target.catalogue)
    change = None
    if not asked.dry:
        noted = ("reconcile", done.findings)
        change = target.put(layer, after.loc[~same], author=author, reason=reason, noted=noted)
    return Done(layer, done.moves, done.findings, int((~same).sum()), change)


def _frames(store: Store, layers: Sequence[Layer]) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers' rows, refusing what has no lines to reconcile."""
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names) or len(names) < 2:
        raise UsageError(f"{', '.join(names)}: name each layer once, and in --to at least one other", layers=names)
    for layer in layers:
        if layer.geometry != "MultiPolygon" or layer.derived:
            raise UsageError(f"layer {layer.name!r} is not a base layer of polygons", layer=layer.name)
    frames = {name: store.read(name) for name in names}
    for name, frame in frames.items():
        if frame.empty:
            raise EmptyError(f"the layer {name} has no rows; load it first", layer=name)
    return frames
