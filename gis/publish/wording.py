"""Values as people read them in tables and on sheets: codes by their titles, lists joined, what is missing as 「—」."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gis.catalogue import Catalogue

MISSING = "—"
# what stands in brackets behind the name of a station, such as its line
_BEHIND = re.compile(r"(?<=\S)\s*[(\uff08][^()\uff08\uff09]*[)\uff09]\s*$")
_IS_STATION = re.compile(r"(站|站点|站台|驛|駅|\bstation)$", re.IGNORECASE)
# what the kind of an item of a station's programme may be a code of; the first list that has it names it
_KINDS = ("project_types", "facility_kinds", "vacated_space_kinds", "constraint_kinds", "building_uses")


def said(value: Any, titles: Mapping[str, str] | None = None) -> Any:
    """Return one text or date as it is read.

    Parameters
    ----------
    value
        A cell.
    titles
        Titles by code; a value that is no code stays as it is.

    Returns
    -------
    str or datetime.datetime
        Booleans as 是 and 否, lists joined with 、, also when they come as JSON.
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return "是" if value else "否"
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, str) and titles is not None:
        return titles.get(value, value)
    if isinstance(value, str) and value.startswith("["):
        value = _listed(value)
    if isinstance(value, (list, tuple)):
        return "、".join(str(part) for part in value) or MISSING
    return str(value).strip() or MISSING


def station(name: str, words: Mapping[str, str]) -> str:
    """Return what a station is called on a sheet: 北京站 is not called 北京站站, nor 清河站(13号线) 清河站(13号线)站.

    Parameters
    ----------
    name
        As the layer has it, or what room leaves of it.
    words
        Those of the station's sheet.

    Returns
    -------
    str
    """
    behind = _BEHIND.search(name)
    bare = name if behind is None else name[: behind.start()]
    if _IS_STATION.search(bare.strip()):
        return name
    return words["station_name"].format(name=bare.strip()) + name[len(bare) :]


def kinds(catalogue: Catalogue) -> dict[str, str]:
    """Return the titles of all codes that may stand as kind or title of an item in a station's programme.

    Parameters
    ----------
    catalogue
        Code lists.

    Returns
    -------
    dict
        Chinese by code, short where there is a short form.
    """
    found: dict[str, str] = {}
    for name in reversed(_KINDS):
        if name in catalogue.codes:
            found |= catalogue.code_list(name).titles(short=True)
    return found


def undetermined(catalogue: Catalogue) -> list[str]:
    """Return what the note of a gap says where nobody can tell whether there is one.

    Parameters
    ----------
    catalogue
        Words of the workbook.

    Returns
    -------
    list of str
    """
    return [word for name, word in catalogue.words("workbook").items() if name.startswith("programme_undetermined_")]


def _listed(text: str) -> Any:
    """Return a JSON list, or the text if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
