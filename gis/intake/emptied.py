"""Cells of optional fields that break a rule: emptied, with what they said kept, so that their rows may enter.

Only what a layer requires (key, required fields, geometry) holds a row back. What a cell said stays in `extra`, and its
finding names the cell and what is allowed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gis import findings, rows
from gis.catalogue import Field, Layer
from gis.intake import values

# faults of a single cell
_RULES = {code for code in rows.RULES if code.startswith("row.")} - {"row.required"} | {"row.digits_lost"}
# what decides whether a row may be shown: where it cannot be read, nobody may take it for harmless
_FLAG = "confidential"
GUARDS = frozenset({_FLAG, "owner_class"})


def relieve(frame: pd.DataFrame, found: pd.DataFrame, layer: Layer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Empty the cells of optional fields that break a rule, and make their findings warnings.

    Parameters
    ----------
    frame
        Rows in canonical shape.
    found
        Findings about them, of `conform` and of `validate`.
    layer
        The layer.

    Returns
    -------
    tuple
        The rows, what was emptied kept in `extra` under the field's title; and the findings, those of emptied cells
        with the parameter `kept` (under which name), and row.withheld (warning) for each row that counts as
        confidential because the cell that would tell cannot be read.
    """
    optional = {field.name: field for field in layer.fields if not field.required}
    asked = found["code"].isin(_RULES) & found["field"].isin(list(optional))
    if not asked.any():
        return frame, found
    extras: dict[int, dict[str, Any]] = {}
    names: dict[tuple[int, str], str] = {}
    said = []
    for record in found.loc[asked].to_dict("records"):
        one = {str(name): value for name, value in record.items()}
        parameters = json.loads(one["parameters"])
        row, name = int(parameters["row"]) - 1, str(one["field"])
        if one["severity"] == "error":
            if (row, name) not in names:
                extra = extras.setdefault(row, _extra(frame, row))
                names[row, name] = _free(optional[name], extra)
                extra[names[row, name]] = frame[name].iloc[row]
            kept = json.dumps({**parameters, "kept": names[row, name]}, ensure_ascii=False, sort_keys=True)
            one |= {"severity": "warning", "parameters": kept}
        said.append((row, name, one))
    frame = _without(frame, names, extras)
    guarded = {row: one for row, name, one in said if name in GUARDS} if _FLAG in layer.columns else {}
    if guarded:
        flagged = pd.Series(range(len(frame)), index=frame.index).isin(list(guarded))
        frame = frame.assign(**{_FLAG: frame[_FLAG].mask(flagged, True)})
    withheld = findings.table(_withheld(row, one) for row, one in guarded.items())
    return frame, findings.join(found.loc[~asked], findings.table(one for *_, one in said), withheld)


def holds(extra: Any, parameters: Any) -> bool:
    """Tell whether a stored row still keeps what a cell said that was emptied.

    Parameters
    ----------
    extra
        The row's `extra`, as JSON text or missing.
    parameters
        Those of a finding, as JSON text or missing.

    Returns
    -------
    bool
    """
    name = None if values.missing(parameters) else json.loads(str(parameters)).get("kept")
    return name is not None and not values.missing(extra) and name in json.loads(str(extra))


def _free(field: Field, extra: Mapping[str, Any]) -> str:
    """Return the name under which a cell is kept: the field's title, with a number where something else has it."""
    names = itertools.chain([field.zh], (f"{field.zh}_{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in extra)


def _extra(frame: pd.DataFrame, row: int) -> dict[str, Any]:
    """Return what a row's `extra` holds."""
    text = frame["extra"].iloc[row] if "extra" in frame.columns else None
    return {} if values.missing(text) else dict(json.loads(str(text)))


def _without(
    frame: pd.DataFrame, names: Mapping[tuple[int, str], str], extras: Mapping[int, Mapping[str, Any]]
) -> pd.DataFrame:
    """Empty cells, and set what `extra` holds of their rows."""
    if not names:
        return frame
    numbers = pd.Series(range(len(frame)), index=frame.index)
    changed = {}
    for field in dict.fromkeys(name for _, name in names):
        changed[field] = frame[field].mask(numbers.isin([row for row, name in names if name == field]))
    texts = frame["extra"].tolist() if "extra" in frame.columns else [None] * len(frame)
    for row, extra in extras.items():
        texts[row] = values.as_json(extra)
    changed["extra"] = pd.Series(pd.array(texts, dtype="str"), index=frame.index)
    return frame.assign(**changed)


def _withheld(row: int, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding about a row that counts as confidential until somebody has looked at it."""
    feature = None if values.missing(one["feature"]) else str(one["feature"])
    place = (one["x"], one["y"])
    return findings.finding(
        "row.withheld", one["layer"], feature, severity="warning", field=one["field"], at=place, row=row + 1
    )
