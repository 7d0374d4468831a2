"""What a careful operator asks of a store: to follow the catalogue, to show who changed what, to bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gis.publish import files
from gis.settings import Settings
from gis.store import Change, Store
from gis.workflow import outlets
from gis.workflow.intake import opened

_ABOUT_A_CHANGE = ["change", "at", "author", "reason", "operation"]


def migrate(target: str | Path, *, settings: Settings) -> list[str]:
    """Bring a store up to the present catalogue.

    Parameters
    ----------
    target
        The store.
    settings
        Catalogue folder.

    Returns
    -------
    list of str
        What was done, one line a step; empty when there was nothing to do.
    """
    with opened(target, settings) as store:
        return [str(step) for step in store.migrate().steps]


def adopt(target: str | Path, *, settings: Settings, author: str, reason: str, discard: bool = False) -> Change:
    """Record what other programs changed in a store as one change set.

    Parameters
    ----------
    target
        The store.
    settings
        Catalogue folder.
    author, reason
        Who vouches for the changes, and why.
    discard
        Take the last recorded state back instead.

    Returns
    -------
    gis.store.Change
        Its findings say which columns of the other program could not stay.
    """
    with opened(target, settings) as store:
        return store.adopt(author=author, reason=reason, discard=discard)


def export(target: str | Path | Store, layer: str, file: Path, *, settings: Settings | None = None) -> int:
    """Write one layer to a file of the format that its suffix names.

    Parameters
    ----------
    target
        The store, or its name.
    layer
        Name of the layer.
    file
        *.gpkg, *.geojson, *.parquet, *.csv or *.xlsx. For shapefiles use `deliver`, which keeps names and encodings.
    settings
        Catalogue folder.

    Returns
    -------
    int
        Rows written.
    """
    if not isinstance(target, Store):
        with opened(target, settings or Settings()) as store:
            return export(store, layer, file)
    outlets.require(file, files.SUFFIXES, inputs=[target])
    frame = target.read(layer).drop(columns="_version", errors="ignore")
    return files.write(frame, file, layer=target.catalogue.layer(layer))


def history(target: str | Path, layer: str, key: str, *, settings: Settings) -> pd.DataFrame:
    """Return who changed a feature, when and why, with its state after each change.

    Parameters
    ----------
    target
        The store.
    layer, key
        The feature.
    settings
        Catalogue folder.

    Returns
    -------
    pandas.DataFrame
        As `Store.history`.
    """
    with opened(target, settings) as store:
        return store.history(layer, key)


def edits(states: pd.DataFrame) -> pd.DataFrame:
    """Say in words what each change of a feature changed.

    Parameters
    ----------
    states
        As `history` returns them.

    Returns
    -------
    pandas.DataFrame
        change, at, author, reason, operation, edits ("name: old → new"; geometry is only named).
    """
    fields = [name for name in states.columns if name not in {*_ABOUT_A_CHANGE, "_version"}]
    said = [""]
    for row in range(1, len(states)):
        before, after = states.iloc[row - 1], states.iloc[row]
        changed = [name for name in fields if not _alike(before[name], after[name])]
        words = [name if name == "geometry" else f"{name}: {before[name]} → {after[name]}" for name in changed]
        said.append("; ".join(words))
    return pd.DataFrame(states[_ABOUT_A_CHANGE]).assign(edits=said[: len(states)])


def restore(
    target: str | Path, feature: tuple[str, str, int], *, settings: Settings, author: str, reason: str
) -> Change:
    """Bring a feature back to its state after a change.

    Parameters
    ----------
    target
        The store.
    feature
        Layer, key and the change's number.
    settings
        Catalogue folder.
    author, reason
        Who, and why.

    Returns
    -------
    gis.store.Change
    """
    layer, key, change = feature
    with opened(target, settings) as store:
        return store.restore(layer, key, change, author=author, reason=reason)


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, blanks included."""
    return bool(pd.isna(one) and pd.isna(other)) or bool(one == other)
