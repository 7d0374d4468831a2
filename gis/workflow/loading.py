"""One load under way: which layer a file is, what its store says of the place, read once, and the stages of a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gis import crs as gis_crs
from gis.catalogue import Catalogue, Layer
from gis.errors import GisError, UsageError
from gis.intake import workbooks
from gis.intake.placing import Target
from gis.settings import Settings
from gis.stopping import Stopped
from gis.store import Store, changes
from gis.workflow.steps import Track, silent

# layers whose lines most others share
_TRUSTED = ("districts", "townships", "blocks", "street_blocks")
# what becomes of one file before it is stored; the store shows its rows by itself
STAGES = ("读取", "规整", "修复", "检查")
# files whose sheets have names
_WORKBOOKS = {".xlsx", ".xlsm", ".xls", ".ods"}


@contextmanager
def stoppable(opening: Callable[[], Store], author: str, reason: str) -> Iterator[Store]:
    """Lend a store for a load, and find out, where that is interrupted, which files are stored already.

    Parameters
    ----------
    opening
        Opens the store; it is closed at the end.
    author, reason
        Who changes the store, and why.

    Yields
    ------
    gis.store.Store

    Raises
    ------
    Stopped
        It was interrupted.
    """
    try:
        store = opening()
    except KeyboardInterrupt:
        raise Stopped(()) from None
    with store:
        before = changes.last(store.home)
        try:
            yield store
        except KeyboardInterrupt:
            raise Stopped(_stored(store, before, author, f"{reason}:")) from None


def _stored(store: Store, before: int, author: str, start: str) -> list[str] | None:
    """Return the files that were stored after a change set, None where the store does not tell."""
    try:
        told = changes.reasons_since(store.home, before, author)
    except GisError:
        return None
    return [one.removeprefix(start) for one in told if one.startswith(start)]


class Loading:
    """Know what a store says of where a file's rows should lie and of what they refer to, and show how far it is.

    Parameters
    ----------
    store
        Where to. A layer is read when it is first asked for, and anew only after it was changed.
    track
        Shows the stages of a single file; silent where several files have a bar of their own.
    """

    def __init__(self, store: Store, track: Track = silent) -> None:
        self._store = store
        self._frames: dict[str, Any] = {}
        self._stages: Iterator[str] = iter(track(list(STAGES), "读取与检查"))

    def stage(self) -> None:
        """Say that the next stage begins; after the last one the bar is done."""
        next(self._stages, None)

    def frame(self, layer: str) -> Any:
        """Return a layer's rows.

        Parameters
        ----------
        layer
            Its name.

        Returns
        -------
        pandas.DataFrame
            As the store reads it; not to be changed.
        """
        if layer not in self._frames:
            self._frames[layer] = self._store.read(layer)
        return self._frames[layer]

    def changed(self, layer: str) -> None:
        """Forget a layer that was written.

        Parameters
        ----------
        layer
            Its name.
        """
        self._frames.pop(layer, None)

    def local(self, settings: Settings) -> Settings:
        """Return settings with the bounds of the districts that the store holds.

        Parameters
        ----------
        settings
            They stay as they are where it holds none, and where nobody vouches for the way to degrees.

        Returns
        -------
        gis.settings.Settings
        """
        districts = self.frame("districts")
        if districts.empty or not gis_crs.reaches_degrees(districts.crs):
            return settings
        west, south, east, north = gis_crs.to(districts, gis_crs.CGCS2000).total_bounds
        if not (west < east and south < north):
            # districts without a drawn outline say nothing of where they are
            return settings
        return replace(settings, bounds=(float(west), float(south), float(east), float(north)))

    def fit(self, layer: Layer) -> dict[str, gpd.GeoDataFrame]:
        """Return the stored layers whose lines a file for a layer should share, as far as there are any.

        Parameters
        ----------
        layer
            What the file is to be.

        Returns
        -------
        dict
            Frame by name.
        """
        names = [name for name in _TRUSTED if layer.spatial and name != layer.name]
        return {name: self.frame(name) for name in names if len(self.frame(name))}

    def target(self, layer: Layer) -> Target:
        """Return what is known of the layer that a file is to be.

        Parameters
        ----------
        layer
            What the file is to be.

        Returns
        -------
        gis.intake.placing.Target
        """
        # features that may not overlap lie side by side, along the lines of the trusted layers
        return Target(self.frame(layer.name) if layer.spatial else None, layer.topology.overlap == "error")

    def keys(self, layer: Layer) -> dict[str, set[str]]:
        """Return the keys that a layer's rows may refer to.

        Parameters
        ----------
        layer
            The layer.

        Returns
        -------
        dict
            Keys by the name of the layer referred to.
        """
        names = sorted({field.reference for field in layer.fields if field.reference})
        return {name: set(self.frame(name)[self._store.catalogue.layer(name).key]) for name in names}

    def parents(self, layer: Layer) -> dict[str, pd.DataFrame]:
        """Return the layers whose ground a layer's features must not leave.

        Parameters
        ----------
        layer
            The layer.

        Returns
        -------
        dict
            Frame by name.
        """
        return {name: self.frame(name) for name in layer.within if name in self._store.layers()}


def named_layer(catalogue: Catalogue, path: Path, layer: str | None) -> Layer:
    """Return the layer that a file is to be: the one named, else the one whose name, title or delivery name it bears.

    A workbook of one sheet may bear it on the sheet instead, as our own exports do.

    Parameters
    ----------
    catalogue
        Layers.
    path
        The file.
    layer
        From the hint.

    Returns
    -------
    gis.catalogue.Layer

    Raises
    ------
    UsageError
        The file's name is no layer's.
    UnknownNameError
        The layer named does not exist.
    """
    if layer is not None:
        return catalogue.layer(layer)
    # to open a pipe is to wait for somebody to write into it
    sheets = workbooks.names(path) if path.suffix.lower() in _WORKBOOKS and path.is_file() else ()
    for name in (path.stem, *(sheets if len(sheets) == 1 else ())):
        for record in base_layers(catalogue):
            if name in {record.name, record.zh, record.delivery}:
                return record
    names = ", ".join(f"{record.name} ({record.zh})" for record in base_layers(catalogue))
    raise UsageError(f"{path.name}: which layer is it? give --layer; layers are {names}", file=path.name)


def base_layers(catalogue: Catalogue) -> Sequence[Layer]:
    """Return the layers that hold what files brought, not results.

    Parameters
    ----------
    catalogue
        Layers.

    Returns
    -------
    sequence of gis.catalogue.Layer
    """
    return [layer for layer in catalogue.layers.values() if not layer.derived]
