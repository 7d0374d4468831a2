"""Walking tables: candidates for new crossings ranked (通道比选), and planned stations switched on (规划站点情景)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gis.catalogue import Catalogue
from gis.publish import partly, rounding, workbook
from gis.publish.tables import About, Column, Table

_FIGURES = {
    "parcel_count": rounding.COUNT,
    "building_count": rounding.COUNT,
    "project_count": rounding.COUNT,
    "residents": rounding.COUNT,
    "jobs": rounding.COUNT,
    "renewable_floor_m2": rounding.FLOOR,
}


def write_crossings(
    results: pd.DataFrame,
    by_station: pd.DataFrame,
    out: Path,
    *,
    catalogue: Catalogue,
    names: Mapping[str, str],
    about: About | None = None,
) -> Path:
    """Write what candidates for new crossings gain as a workbook.

    Parameters
    ----------
    results, by_station
        Tables of `analysis.catchments.crossings`.
    out
        *.xlsx; replaced in one step.
    catalogue
        Words.
    names
        Names of stations and candidates by their keys.
    about
        Who answers for it.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    StorePermissionError
        The system does not let us write there.
    """
    words = catalogue.words("workbook")
    head = ("candidate_id", "candidate_name")
    whole = _named(results, "candidate_id", "candidate_name", names)
    single = _named(_named(by_station, "candidate_id", "candidate_name", names), "station_id", "station_name", names)
    sheets = (
        _table(words["crossings"], whole, ("rank", *head, "minutes"), words, words["crossings_basis"]),
        _table(
            words["crossings_stations"], single, (*head, "station_name", "minutes"), words, words["crossings_basis"]
        ),
    )
    return workbook.write_tables(out, sheets, about=about, title=words["crossings"])


def write_scenario(
    totals: pd.DataFrame,
    by_station: pd.DataFrame,
    out: Path,
    *,
    catalogue: Catalogue,
    names: Mapping[str, str],
    about: About | None = None,
) -> Path:
    """Write what planned stations change as a workbook.

    Parameters
    ----------
    totals, by_station
        Tables of `analysis.stations.compare`.
    out
        *.xlsx; replaced in one step.
    catalogue
        Words.
    names
        Names of stations by their keys.
    about
        Who answers for it.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    StorePermissionError
        The system does not let us write there.
    """
    words = catalogue.words("workbook")
    single = _named(by_station, "station_id", "station_name", names)
    basis = words["scenario_basis"]
    sheets = (
        _long(words["scenario"], totals, ("minutes",), ("before", "after", "gained"), words, basis),
        _long(
            words["scenario_stations"], single, ("station_name", "minutes"),
            ("before", "after", "entered", "left"), words, basis,
        ),
    )  # fmt: skip
    return workbook.write_tables(out, sheets, about=about, title=words["scenario"])


def readable(frame: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Return a table of `compare` or `crossings` as it is read: bounds in words, where a figure is not known.

    Parameters
    ----------
    frame
        With <amount>, <amount>_least and <amount>_lacking.
    catalogue
        Words.

    Returns
    -------
    pandas.DataFrame
        Without the columns that are put into words; amounts in the units that they had.
    """
    words = catalogue.words("workbook")
    table = frame.copy()
    for name in _bounded(frame):
        told = _told(frame, name, words, pd.Series(1.0, index=frame.index), 2)
        table[name] = frame[name].astype(object).where(frame[name].notna(), told)
    return table.drop(columns=[f"{name}_{part}" for name in _bounded(frame) for part in ("least", "lacking")])


def _bounded(frame: pd.DataFrame) -> list[str]:
    """Return the amounts that come with bounds."""
    return [name for name in frame.columns if f"{name}_least" in frame.columns]


def _told(frame: pd.DataFrame, name: str, words: Mapping[str, str], factor: pd.Series, digits: int) -> pd.Series:
    """Put into words what is known of an amount: at least so much, or nothing; how many things lack."""
    if name not in _bounded(frame):
        return pd.Series(words["unknown"], index=frame.index, dtype=object)
    least, lacking = frame[f"{name}_least"] * factor, frame[f"{name}_lacking"].fillna(0).astype(int)
    told = [partly.bound(*each, words, digits=digits) for each in zip(least, lacking, strict=True)]
    return pd.Series(told, index=frame.index, dtype=object)


def _named(frame: pd.DataFrame, key: str, column: str, names: Mapping[str, str]) -> pd.DataFrame:
    """Add the names of keys; a key without a name stands for itself."""
    return frame.assign(**{column: [names.get(value, value) for value in frame[key]]})


def _head(name: str, words: Mapping[str, str]) -> Column:
    """Return a column that says what a row is about."""
    display = {"rank": rounding.PLAIN, "minutes": rounding.PLAIN}.get(name)
    return Column(words[f"walking_{name}"], name, display, words["walking_minutes_unit"] if name == "minutes" else "")


def _table(title: str, frame: pd.DataFrame, head: tuple[str, ...], words: Mapping[str, str], basis: str) -> Table:
    """Lay out figures, a column each."""
    columns = [_head(name, words) for name in head]
    shown = frame.reset_index(drop=True)
    for name, display in _FIGURES.items():
        if name in frame.columns:
            factor = pd.Series(display.factor, index=shown.index)
            shown[f"{name}_told"] = _told(shown, name, words, factor, display.digits)
            unit = display.unit or words[f"walking_{name}_unit"]
            columns.append(Column(words[f"walking_{name}"], name, display, unit, partly=f"{name}_told"))
    return Table(title, shown, tuple(columns), basis, total="")


def _long(
    title: str,
    frame: pd.DataFrame,
    head: tuple[str, ...],
    values: tuple[str, ...],
    words: Mapping[str, str],
    basis: str,
) -> Table:
    """Lay out figures in rows, floor area in 万m²."""
    floor = frame["figure"].str.endswith("_m2")
    factor = floor.map({True: rounding.FLOOR.factor, False: 1.0})
    scaled = frame.assign(
        figure=[words[f"walking_{name}"] for name in frame["figure"]],
        unit=[rounding.FLOOR.unit if is_floor else words[f"walking_{name}_unit"]
              for name, is_floor in zip(frame["figure"], floor, strict=True)],
        **{name: frame[name] * factor for name in values},
        **{f"{name}_told": _told(frame, name, words, factor, rounding.AMOUNT.digits) for name in values},
    )  # fmt: skip
    columns = [_head(name, words) for name in head]
    columns += [Column(words["walking_figure"], "figure"), Column(words["walking_unit"], "unit")]
    columns += [Column(words[f"walking_{name}"], name, rounding.AMOUNT, partly=f"{name}_told") for name in values]
    return Table(title, scaled.reset_index(drop=True), tuple(columns), basis, total="")
