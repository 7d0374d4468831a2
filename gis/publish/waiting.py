"""Rows that wait to be looked at (待核数据): how many a layer has and why, for everything that leaves without them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gis import findings
from gis.catalogue import Catalogue
from gis.publish import publication

LAYER = "quarantine"


@dataclass(frozen=True)
class Waiting:
    """Hold what waits of one layer: its name, the number of rows, and rows by reason (a finding's code) and field."""

    layer: str
    rows: int
    reasons: tuple[tuple[str, str, int], ...]


def count(held: pd.DataFrame | None, catalogue: Catalogue) -> tuple[Waiting, ...]:
    """Count the rows that wait, by layer and reason.

    Parameters
    ----------
    held
        Rows of the layer `quarantine`, or None.
    catalogue
        The order of the layers.

    Returns
    -------
    tuple of Waiting
        Layers without such rows are left out; a row with several reasons counts under each.
    """
    if held is None or held.empty:
        return ()
    found = []
    for name in [layer for layer in catalogue.layers if layer in set(held["layer"])]:
        rows = held[held["layer"] == name]
        pairs = (set(_reasons(text)) for text in rows["reasons"])
        counts = Counter(pair for one in pairs for pair in one)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        found.append(Waiting(name, len(rows), tuple((code, field, number) for (code, field), number in ordered)))
    return tuple(found)


def public(held: pd.DataFrame | None, catalogue: Catalogue) -> pd.DataFrame | None:
    """Keep the rows that the public would see if nothing were wrong with them; the others are not even counted.

    Parameters
    ----------
    held
        Rows of the layer `quarantine`, or None.
    catalogue
        Says which layers and rows are public.

    Returns
    -------
    pandas.DataFrame or None
    """
    if held is None:
        return None
    shown = [_shown(layer, text, catalogue) for layer, text in zip(held["layer"], held["content"], strict=True)]
    return held[np.array(shown, dtype=bool)]


def why(one: Waiting, catalogue: Catalogue, lang: str = "zh") -> str:
    """Return why the rows of a layer wait, the commonest reason first.

    Parameters
    ----------
    one
        A layer's.
    catalogue
        Words and titles of fields.
    lang
        "zh" or "en".

    Returns
    -------
    str
    """
    words, titles = catalogue.words("waiting", lang), catalogue.titles(lang)
    said = []
    for code, field, number in one.reasons:
        title = titles.get(f"{one.layer}.{field}", field)
        named = words["field"].format(reason=words.get(code, code), field=title) if field else words.get(code, code)
        said.append(f"{named} {number}")
    return words["between"].join(said)


def sentence(all_: Sequence[Waiting], catalogue: Catalogue, lang: str = "zh", *, reasons: bool = True) -> str:
    """Return one sentence on all that waits, or an empty text.

    Parameters
    ----------
    all_
        From `count`.
    catalogue
        Words and titles.
    lang
        "zh" or "en".
    reasons
        Whether to say why.

    Returns
    -------
    str
    """
    words = catalogue.words("waiting", lang)
    parts = []
    for one in all_:
        part = words["rows"].format(layer=catalogue.layer(one.layer).title(lang), rows=one.rows)
        parts.append(words["why"].format(rows=part, why=why(one, catalogue, lang)) if reasons else part)
    return words["between"].join(parts)


def table(all_: Sequence[Waiting], catalogue: Catalogue, lang: str = "zh") -> pd.DataFrame:
    """Return a finding for each layer of which rows wait.

    Parameters
    ----------
    all_
        From `count`.
    catalogue
        Words and titles.
    lang
        Language of the reasons.

    Returns
    -------
    pandas.DataFrame
        Code row.waiting, severity warning.
    """
    return findings.table(
        findings.finding(
            "row.waiting", one.layer, severity="warning", rows=one.rows, reasons=why(one, catalogue, lang)
        )
        for one in all_
    )


def _reasons(text: Any) -> list[tuple[str, str]]:
    """Return code and field of each reason of a row."""
    listed = json.loads(text) if isinstance(text, str) else []
    return [(str(one.get("code", "")), str(one.get("field", ""))) for one in listed]


def _shown(name: str, text: Any, catalogue: Catalogue) -> bool:
    """Tell whether a row would be drawn for the public; what cannot be told stays here."""
    layer = catalogue.layers.get(name)
    if layer is None or layer.public not in publication.DRAWN or not isinstance(text, str):
        return False
    row = pd.DataFrame([json.loads(text)])
    granted = all(field in row and row[field].isin(list(values)).all() for field, values in layer.publish_when.items())
    return granted and not publication.are_secret(row).any()
