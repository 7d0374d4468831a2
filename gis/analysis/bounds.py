"""Bounds: sums of figures that are not known of every thing: at least so much, with so many things lacking."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

_LACKING = "_lacking"
_LISTED = {"feature": "str", "field": "str", "least": "float64", "lacking": "Int64"}


def beside(least: pd.DataFrame, lacking: pd.DataFrame, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Put what sums are at least, and how many things lack a figure, beside the sums.

    Parameters
    ----------
    least
        Sums of what is known of figures that are never below 0; missing where not even that can be told.
    lacking
        How many things have no figure; same index and columns.
    columns
        Columns in which things may lack a figure; None takes all. The others stay as they are.

    Returns
    -------
    pandas.DataFrame
        Each column, followed by <column>_least and <column>_lacking (Int64). The column itself is missing wherever a
        figure lacks: nobody takes a part for the whole.
    """
    some = set(least.columns if columns is None else columns)
    result = {}
    for column in least.columns:
        known = (lacking[column] == 0).to_numpy(dtype=bool)
        result[column] = least[column].where(known)
        if column in some:
            result[f"{column}_least"] = least[column]
            result[f"{column}_lacking"] = lacking[column].astype("Int64")
    return pd.DataFrame(result, index=least.index)


def listed(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """List what is only known in part, a row a figure, for a store that keeps results without their bounds.

    Parameters
    ----------
    table
        With <column>_least and <column>_lacking of some columns.
    key
        Column that names the rows.

    Returns
    -------
    pandas.DataFrame
        feature, field, least (missing where not even that can be told) and lacking; RangeIndex.
    """
    parts = [pd.DataFrame({"feature": [], "field": [], "least": [], "lacking": []}).astype(_LISTED)]
    for name in [column.removesuffix(_LACKING) for column in table.columns if str(column).endswith(_LACKING)]:
        rows = table[table[f"{name}{_LACKING}"].fillna(0) > 0]
        least = rows[f"{name}_least"] if f"{name}_least" in rows.columns else float("nan")
        part = pd.DataFrame({"feature": rows[key], "field": name, "least": least, "lacking": rows[f"{name}{_LACKING}"]})
        parts.append(part.astype(_LISTED))
    return pd.concat(parts, ignore_index=True)
