"""Derived layers: replaced whole or by parts, with lineage, without row history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from gis import crs as systems
from gis import findings, rows
from gis.catalogue import Catalogue, Layer
from gis.errors import UsageError
from gis.lineage import Lineage
from gis.store import edits, foreign, reading
from gis.store.edits import Desk
from gis.store.home import LINEAGE, Home
from gis.store.records import VERSION, columns, encode

# a sentence is cut to what its field holds
_SENTENCE = 254


def replace(desk: Desk, layer: Layer, frame: pd.DataFrame, part: Mapping[str, Any]) -> int:
    """Replace a derived layer's rows, or those of one part.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        A derived layer.
    frame
        Its new rows, as `shaped` returns them.
    part
        Value by field; empty for the whole layer.

    Returns
    -------
    int
        Number of new rows.

    Raises
    ------
    RowsRefused
        Rows break rules, or a key is taken by a row of another part.
    """
    home = desk.home
    if isinstance(frame, gpd.GeoDataFrame) and layer.spatial:
        systems.require(frame, desk.crs, name=f"the frame for {layer.name}")
    unknown = findings.table(edits.unknown_columns(frame, layer))
    edits.refuse(unknown, layer)
    edits.refuse(rows.check(frame, layer, desk.catalogue), layer)
    sound = rows.canonical(frame, layer, desk.crs)
    for name, value in part.items():
        if not sound[layer.field(name).name].eq(value).all():
            raise UsageError(f"layer {layer.name!r}: every row must have {name} = {value!r} to replace that part")
    layout = home.layout(layer.name)
    if layout is None or not foreign.whole(home, layer, layout):
        # another program has overwritten it; the rows of other parts are still results
        kept = foreign.found(home, layer, layout).rows if part and layout is not None else []
        home.remake(layer)
        home.run(f"DELETE FROM {home.table(layer.name)}")
        home.insert(layer.name, columns(layer), kept)
        home.describe(desk.catalogue, [layer])
    condition, values = reading.conditions(home, layer, part)
    home.run(f"DELETE FROM {home.table(layer.name)} AS t WHERE {condition}", values)
    taken = reading.by_key(home, layer, set(sound[layer.key]))
    edits.refuse(
        findings.table(
            findings.finding("row.duplicate_key", layer.name, key, field=layer.key, row=0, value=key, count=2)
            for key in sorted(taken)
        ),
        layer,
    )
    home.insert(layer.name, columns(layer), encode(sound, layer))
    home.touch(layer)
    return len(sound)


def shaped(frame: pd.DataFrame, layer: Layer, desk: Desk, lang: str, part: Mapping[str, Any]) -> pd.DataFrame:
    """Give a table of findings, or of quarantined rows, what its layer has beside: number, sentence, point.

    Parameters
    ----------
    frame
        Rows; those of other layers are returned as they are.
    layer
        The derived layer that they are for.
    desk
        Home, catalogue, CRS.
    lang
        Language of the sentences.
    part
        Value by field: a column that is missing is filled with it.

    Returns
    -------
    pandas.DataFrame
    """
    frame = frame.drop(columns=VERSION, errors="ignore")
    if layer.name not in {"findings", "quarantine"}:
        return frame
    frame = frame.reset_index(drop=True)
    for name, value in part.items():
        frame = frame if name in frame.columns else frame.assign(**{name: value})
    if layer.key not in frame.columns:
        stem = "-".join(map(str, part.values())) or layer.singular
        frame = frame.assign(**{layer.key: [f"{stem}-{number:06d}" for number in range(1, len(frame) + 1)]})
    if layer.name == "findings" and "text" not in frame.columns:
        words, titles = desk.catalogue.words("findings", lang), desk.catalogue.titles(lang)
        said = [findings.sentence(dict(row), words, titles)[:_SENTENCE] for _, row in frame.iterrows()]
        frame = frame.assign(text=pd.Series(said, index=frame.index, dtype="str"))
    if layer.spatial and not isinstance(frame, gpd.GeoDataFrame):
        return findings.points(frame, desk.crs.to_wkt())
    return frame


def note(home: Home, layer: Layer, change: int, lineage: Lineage | None) -> None:
    """Keep what a derived layer was made from.

    Parameters
    ----------
    home
        The store's home, in a transaction.
    layer
        A derived layer.
    change
        Number of the change set.
    lineage
        Inputs, parameters, versions; None where nobody says.
    """
    home.run(f"DELETE FROM {home.table(LINEAGE)} WHERE layer = %s", [layer.name])
    record = lineage.json() if lineage is not None else None
    home.run(f"INSERT INTO {home.table(LINEAGE)} VALUES (%s, %s, %s)", [layer.name, change, record])


def load(desk: Desk, layer: Layer, tables: Mapping[str, pd.DataFrame], lang: str, change: int) -> dict[str, int]:
    """Replace what `quarantine` and `findings` say about a layer.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        The base layer that was loaded.
    tables
        Quarantined rows and findings, by the derived layer's name.
    lang
        Language of the sentences.
    change
        Number of the change set.

    Returns
    -------
    dict
        Number of rows by the derived layer's name.
    """
    counts = {}
    for name, frame in tables.items():
        record = desk.catalogue.layer(name)
        # findings of the analyses about the same layer stay
        part = {"layer": layer.name} | ({"origin": "load"} if "origin" in record.columns else {})
        counts[name] = replace(desk, record, shaped(frame, record, desk, lang, part), part)
        note(desk.home, record, change, None)
    return counts


def beside(catalogue: Catalogue) -> list[Layer]:
    """Return the layer that edits of base layers write to as well, none where the catalogue has no findings.

    Parameters
    ----------
    catalogue
        The store's catalogue.

    Returns
    -------
    list of gis.catalogue.Layer
    """
    return [layer for layer in catalogue.layers.values() if layer.name == "findings"]


def noted(desk: Desk, layer: Layer, said: tuple[str, pd.DataFrame] | None, lang: str, change: int) -> dict[str, int]:
    """Replace the findings of one origin about a layer, and about the other layers that the new ones name.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        The base layer that was edited.
    said
        Who found them, and the table of `gis.findings`; None where nothing was looked for.
    lang
        Language of the sentences.
    change
        Number of the change set.

    Returns
    -------
    dict
        Number of findings, empty where nothing was looked for.
    """
    if said is None:
        return {}
    origin, found = said
    record = desk.catalogue.layer("findings")
    total = 0
    for name in sorted({layer.name, *found["layer"]}):
        part = {"layer": name, "origin": origin}
        total += replace(desk, record, shaped(found[found["layer"] == name], record, desk, lang, part), part)
    note(desk.home, record, change, None)
    return {record.name: total}


def forget(desk: Desk, layer: Layer, keys: str | Collection[str]) -> None:
    """Drop what checks and loads found about features that are no more.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        The base layer that they were in.
    keys
        One key or several.
    """
    gone = [keys] if isinstance(keys, str) else list(keys)
    part = {"layer": layer.name, "origin": ["load", "check"], "feature": gone}
    for record in beside(desk.catalogue):
        condition, values = reading.conditions(desk.home, record, part)
        desk.home.run(f"DELETE FROM {desk.home.table(record.name)} AS t WHERE {condition}", values)
        desk.home.touch(record)
