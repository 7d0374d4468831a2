"""The register of accepted exceptions (核准例外): it silences a finding until a day, never the check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from gis import findings, rows

LAYER = "exceptions"


def accept(found: pd.DataFrame, register: pd.DataFrame, *, on: date, layer: str | None = None) -> pd.DataFrame:
    """Mark the findings that an exception covers.

    Parameters
    ----------
    found
        A findings table.
    register
        Rows of the layer `exceptions`: code, layer, feature, other, accepted_by, grounds, expires_on.
    on
        The day; an exception holds to the end of the day on which it expires.
    layer
        Report on exceptions of this layer only; None reports on all.

    Returns
    -------
    pandas.DataFrame
        The same findings in the same order: a covered one has severity info and the parameters accepted_by,
        accepted_until, accepted_why and accepted_severity (what it was). Then exception.expired (warning) for each
        exception that holds no longer, and exception.forbidden (warning) for each that would let in what a store
        cannot hold (`gis.rows.RULES`); neither covers anything.

    Notes
    -----
    A finding about two features, or about a gap between several, is covered when the exception names it by `feature`
    and `other`, in either order; without `other`, by its feature alone.
    """
    holding: dict[tuple[str, str], list[Mapping[Any, Any]]] = {}
    notes = []
    for one in register.to_dict("records"):
        until = pd.Timestamp(one["expires_on"]).date()
        mine = layer is None or one["layer"] == layer
        if one["code"] in rows.RULES:
            notes += [_note("exception.forbidden", one, until)] * mine
        elif until < on:
            notes += [_note("exception.expired", one, until)] * mine
        else:
            holding.setdefault((one["code"], one["layer"]), []).append(one)
    if not holding or found.empty:
        return findings.join(found, findings.table(notes))
    records: list[Mapping[Any, Any]] = []
    for row in found.to_dict("records"):
        asked = holding.get((row["code"], row["layer"]), [])
        parameters = json.loads(row["parameters"]) if asked else {}
        covering = next((one for one in asked if _covers(one, row, parameters)), None)
        records.append(row if covering is None else _accepted(row, parameters, covering))
    return findings.join(findings.table(records), findings.table(notes))


def _covers(one: Mapping[Any, Any], row: Mapping[Any, Any], parameters: Mapping[Any, Any]) -> bool:
    """Tell whether an exception names a finding's features."""
    feature = None if pd.isna(row["feature"]) else str(row["feature"])
    about = [feature, *([str(parameters["other"])] if "other" in parameters else [])]
    if feature is None:
        about = [str(name) for name in parameters.get("neighbours", [])]
    if pd.isna(one["other"]):
        return one["feature"] in (about[:1] if feature is not None else about)
    return one["feature"] != one["other"] and {one["feature"], one["other"]} <= set(about)


def _accepted(row: Mapping[Any, Any], parameters: Mapping[Any, Any], one: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a finding with who accepted it, until when and why."""
    said = {
        "accepted_by": one["accepted_by"],
        "accepted_until": str(pd.Timestamp(one["expires_on"]).date()),
        "accepted_why": one["grounds"],
        "accepted_severity": row["severity"],
    }
    text = json.dumps({**parameters, **said}, ensure_ascii=False, sort_keys=True)
    return {**row, "severity": "info", "parameters": text}


def _note(code: str, one: Mapping[Any, Any], until: date) -> dict[str, Any]:
    """Return the finding about an exception that covers nothing."""
    more = {"excepted": one["code"], "accepted_by": one["accepted_by"], "until": str(until)}
    if code == "exception.expired":
        return findings.finding("exception.expired", one["layer"], one["feature"], severity="warning", **more)
    return findings.finding("exception.forbidden", one["layer"], one["feature"], severity="warning", **more)
