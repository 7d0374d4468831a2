"""What a receiver does not get: rows that stay, and in the rows that leave the keys of those that stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis import findings
from gis.catalogue import Catalogue, Layer
from gis.publish.receivers import Receiver

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Leaving:
    """Hold what leaves: frames by layer, how many rows stay of each, and which references were blanked (findings)."""

    frames: Mapping[str, Any]
    withheld: Mapping[str, int]
    findings: pd.DataFrame


def leaving(frames: Mapping[str, Any], receiver: Receiver, catalogue: Catalogue) -> Leaving:
    """Keep back the rows that a receiver does not get, and all that names them.

    Parameters
    ----------
    frames
        Canonical frames by layer.
    receiver
        Says which rows stay.
    catalogue
        Keys and references.

    Returns
    -------
    Leaving
        Without the rows that the receiver's rule holds back and those that cannot stand without them (a required
        reference); a reference to a row that stays is a blank, and a finding counts them.
    """
    if receiver.include_confidential:
        return Leaving(frames, dict.fromkeys(frames, 0), findings.table())
    held = {name: _held(frame, catalogue.layer(name), receiver) for name, frame in frames.items()}
    while _hold_dependants(frames, held, catalogue):
        pass
    kept, found = {}, []
    for name, frame in frames.items():
        layer, rest = catalogue.layer(name), frame[~held[name]]
        for field in layer.fields:
            if field.reference in frames and field.name in frame.columns:
                lost = rest[field.name].isin(_gone(field.reference or "", frames, held, catalogue))
                if lost.any():
                    rest = rest.assign(**{field.name: rest[field.name].mask(lost)})
                    said: dict[str, Any] = {"rows": int(lost.sum()), "target": field.reference}
                    found.append(
                        findings.finding("delivery.reference_withheld", name, severity="info", field=field.name, **said)
                    )
        kept[name] = rest
    return Leaving(kept, {name: int(rows.sum()) for name, rows in held.items()}, findings.table(found))


def _held(frame: pd.DataFrame, layer: Layer, receiver: Receiver) -> Mask:
    """Tell which rows the receiver's rule holds back."""
    held = np.zeros(len(frame), dtype=bool)
    for name, values in receiver.withhold.items():
        if name in layer.columns and name in frame.columns:
            held |= frame[name].isin(values).to_numpy(dtype=bool, na_value=False)
    return held


def _hold_dependants(frames: Mapping[str, Any], held: dict[str, Mask], catalogue: Catalogue) -> bool:
    """Hold back rows that cannot stand without one that is; tell whether there were any."""
    changed = False
    for name, frame in frames.items():
        for field in catalogue.layer(name).fields:
            target = field.reference
            if field.required and target in frames and field.name in frame.columns:
                lost = frame[field.name].isin(_gone(target or "", frames, held, catalogue)).to_numpy(dtype=bool)
                changed |= bool((lost & ~held[name]).any())
                held[name] = held[name] | lost
    return changed


def _gone(name: str, frames: Mapping[str, Any], held: Mapping[str, Mask], catalogue: Catalogue) -> set[Any]:
    """Return the keys of a layer that stay."""
    key = catalogue.layer(name).key
    if key not in frames[name].columns:
        return set()
    keys = frames[name][key]
    return set(keys[held[name]].dropna()) - set(keys[~held[name]])
