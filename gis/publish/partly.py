"""What is known in part of a figure, in words: at least so much with so many lacking, undetermined, or no figure.

One way to say it for sheets, workbooks and printed tables. A dash means that there is nothing to know: a circle has no
walking time, ground without residents no jobs a resident.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gis.publish.wording import MISSING

LAYER = "partial_sums"
Known = Mapping[tuple[str, str], tuple[float | None, int]]
# a ratio is no figure where what it is held against is 0
_BASES = {
    "far_net": "net_land_m2",
    "jobs_per_resident": "residents",
    "jobs_housing_ratio": "residents",
    "mix_land": "parcel_land_m2",
    "mix_floor": "floor_area_m2",
}
_ON_FOOT = ("minutes", "shed_ratio")
# cannot be split between stations
_UNSPLIT = ("project_count", "mix_floor", "shed_ratio")


def known(frame: pd.DataFrame | None, layer: str) -> Known:
    """Return what is known in part of a layer of results.

    Parameters
    ----------
    frame
        Rows of the layer `partial_sums`, or None.
    layer
        Name of the layer of results.

    Returns
    -------
    Mapping
        By key of a row and field: the least (None where not even that can be told), and how many things lack.
    """
    if frame is None or frame.empty:
        return {}
    rows = frame[frame["layer"] == layer]
    least = rows["least"].astype(object).where(rows["least"].notna(), None)
    values = zip(least, rows["lacking"].astype(int), strict=True)
    return dict(zip(zip(rows["feature"], rows["field"], strict=True), values, strict=True))


def bound(least: float | None, lacking: int, words: Mapping[str, str], factor: float = 1.0, digits: int = 0) -> str:
    """Say what is known of a figure.

    Parameters
    ----------
    least
        What it is at least, or nothing.
    lacking
        How many things lack it.
    words
        Those of the workbook.
    factor, digits
        What the figure is multiplied with, and digits after the point.

    Returns
    -------
    str
    """
    if least is None or pd.isna(least):
        return words["unknown_of"].format(count=lacking) if lacking else words["unknown"]
    # a bound that is rounded up is none
    return words["at_least"].format(least=f"{down(least * factor, digits):,.{digits}f}", count=lacking)


def down(amount: float, digits: int) -> float:
    """Round down, but for the noise of a product.

    Parameters
    ----------
    amount
        A number.
    digits
        Digits after the point.

    Returns
    -------
    float
    """
    return math.floor(round(amount * 10**digits, 6)) / 10**digits


def of_station(row: Mapping[Any, Any], field: str, partial: Known, words: Mapping[str, str], **shown: Any) -> str:
    """Say what is known of a figure that is missing in a station's results.

    Parameters
    ----------
    row
        A row of `station_results`.
    field
        The figure.
    partial
        From `known`.
    words
        Those of the workbook.
    **shown
        factor and digits, as for `bound`.

    Returns
    -------
    str
        「—」 where there is nothing to know.
    """
    one = partial.get((str(row["station_result_id"]), field))
    if one is not None:
        return bound(*one, words, **shown)
    nothing = (
        (field in _ON_FOOT and row["method"] != "NET")
        or (field in _UNSPLIT and row["version"] == "shared")
        or (field in _BASES and _is_zero(row[_BASES[field]]))
        or (field == "affordable_share" and pd.notna(row["affordable_floor_m2"]))
    )
    return MISSING if nothing else words["unknown"]


def of_block(row: Mapping[Any, Any], field: str, partial: Known, words: Mapping[str, str], **shown: Any) -> str:
    """Say what is known of a figure that is missing in a block's results.

    Parameters
    ----------
    row
        A row of `block_results`; what lies outside all blocks has no area.
    field, partial, words, **shown
        As for `of_station`.

    Returns
    -------
    str
        「—」 where there is nothing to know.
    """
    one = partial.get((str(row["block_id"]), field))
    if one is not None:
        return bound(*one, words, **shown)
    return MISSING if pd.isna(row["area_m2"]) else words["unknown"]


def _is_zero(value: Any) -> bool:
    """Tell whether a number is known and 0."""
    return not pd.isna(value) and float(value) == 0.0
