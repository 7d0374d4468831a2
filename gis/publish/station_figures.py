"""The column of figures beside a station's map: key figures by band, three small charts, and the special programme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gis.catalogue import Catalogue
from gis.publish import paper, partly, rounding, tables, wording
from gis.publish.paper import GREY, INK, PALE, Box, Sheet
from gis.publish.tables import MISSING

# what is shown of a band, in this order; titles are words of the catalogue ([station_sheet] figure.…)
FIGURES = (
    "area_m2",
    "shed_ratio",
    "floor_area_m2",
    "residents",
    "jobs",
    "jobs_housing_ratio",
    "far_gross",
    "mix_land",
    "street_density",
    "public_space_share",
    "renewable_floor_m2",
    "stock_floor_m2",
)
# items of a programme in the order of the sheet, and how many rows of each at most
_ITEMS = (
    ("project", 9), ("gap", 4), ("stock", 4), ("transfer_in", 2), ("transfer_out", 2), ("transfer_within", 2),
    ("constraint", 3),
)  # fmt: skip
_FAR, _RESIDENTS, _JOBS = "#4f7f8c", "#d59a3a", "#8a6bb1"
_SIZE = 6.2
_ROW = 4.1


def key_figures(sheet: Sheet, box: Box, bands: pd.DataFrame, catalogue: Catalogue, partial: partly.Known) -> None:
    """Draw the table of key figures: a row a figure, a column a band.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Its place (mm).
    bands
        The station's rows of station_results, one a band, narrowest first.
    catalogue
        Titles, units and how figures are rounded.
    partial
        What is known in part of the rows.
    """
    words, told = catalogue.words("station_sheet"), catalogue.words("workbook")
    layer = catalogue.layer("station_results")
    _heading(sheet, box, words["figures"])
    if bands.empty:
        _empty(sheet, box, words["figures_none"])
        return
    first, unit = box.width * 0.25, box.width * 0.09
    step = (box.width - first - unit) / len(bands)
    pitch = (box.height - 6.0) / (len(FIGURES) + 1)
    top = box.top - 6.0
    sheet.box(Box(box.left, top - pitch, box.width, pitch), fill="#e8eef3")
    sheet.text(box.left + 1.2, top - pitch / 2, words["figure"], _SIZE, bold=True)
    sheet.text(box.left + first + unit / 2, top - pitch / 2, words["unit"], _SIZE, ha="center", bold=True)
    for place, ring in enumerate(bands["ring"]):
        right = box.left + first + unit + (place + 1) * step - 1.5
        sheet.text(right, top - pitch / 2, sheet.fitted(ring, step - 2, _SIZE), _SIZE, ha="right", bold=True)
    for number, name in enumerate(FIGURES, start=1):
        y = top - (number + 0.5) * pitch
        column = tables.column(layer.field(name), catalogue)
        sheet.line((box.left, y - pitch / 2), (box.right, y - pitch / 2), colour=PALE, width=0.3)
        sheet.text(box.left + 1.2, y, words[f"figure.{name}"], _SIZE)
        sheet.text(box.left + first + unit / 2, y, column.unit, 5.6, ha="center", color=GREY)
        for place, row in enumerate(bands.to_dict("records")):
            right = box.left + first + unit + (place + 1) * step - 1.5
            said, size = shown(row[name], column.display), _SIZE
            if said == MISSING and column.display is not None:
                factor, digits = column.display.factor, column.display.digits
                said = partly.of_station(row, name, partial, told, factor=factor, digits=digits)
                size = max(4.2, min(_SIZE, _SIZE * (step - 2) / max(1e-9, paper.width(said, _SIZE))))
            sheet.text(right, y, sheet.fitted(said, step - 2, size), size, ha="right")
    sheet.line((box.left, top), (box.right, top), width=0.8)
    sheet.line((box.left, box.bottom), (box.right, box.bottom), width=0.8)


def shown(value: object, display: rounding.Display | None) -> str:
    """Return a figure as it is printed.

    Parameters
    ----------
    value
        A number, or nothing.
    display
        Factor and digits; shares are in per cent with one digit.

    Returns
    -------
    str
        「—」 where there is none.
    """
    number = _number(value)
    if number is None or display is None:
        return MISSING
    if display is rounding.SHARE:
        return f"{number * 100:,.1f}"
    return f"{number * display.factor:,.{display.digits}f}"


def charts(sheet: Sheet, box: Box, bands: pd.DataFrame, catalogue: Catalogue) -> None:
    """Draw three charts: gross FAR between the bands, people and jobs, land by use.

    On foot, people and jobs are those of the buildings reached, which need not stand on the ground along the ways: they
    are shown as amounts, not a hectare of it.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Their place (mm).
    bands
        The station's rows of station_results, one a band, narrowest first, each holding those before it.
    catalogue
        Words, and the land-use palette.
    """
    words = catalogue.words("station_sheet")
    rings = between(bands)
    by_time = bands["minutes"].notna().all()
    unit = words["step.minutes" if by_time else "step.metres"]
    rings["step"] = [unit.format(step=step) for step in rings["step"]]
    third = box.width / 3
    places = [Box(box.left + n * third, box.bottom, third - 3, box.height) for n in range(3)]
    unknown = catalogue.words("workbook")["unknown"]
    _bars(sheet, places[0], words["chart.far"], rings["step"], [("", _FAR, rings["far"], 2)], unknown)
    shown_as = {name: _gained(bands[name]) if by_time else rings[name] for name in ("residents", "jobs")}
    people = [(words["chart.residents"], _RESIDENTS, shown_as["residents"], 0)]
    people += [(words["chart.jobs"], _JOBS, shown_as["jobs"], 0)]
    _bars(sheet, places[1], words["chart.reached" if by_time else "chart.density"], rings["step"], people, unknown)
    _land(sheet, places[2], words, bands, catalogue)


def between(bands: pd.DataFrame) -> pd.DataFrame:
    """Return densities of the ground between a band and the one inside it.

    Parameters
    ----------
    bands
        Rows of station_results, narrowest first, each holding those before it; columns ring, minutes, radius_m,
        area_m2, floor_area_m2, residents, jobs.

    Returns
    -------
    pandas.DataFrame
        Columns step (text), far (floor area over ground), residents and jobs (a hectare); NaN where a figure is
        missing or where there is no ground between.
    """
    by_time = bands["minutes"].notna().all() and len(bands) > 0
    ends = pd.to_numeric(bands["minutes" if by_time else "radius_m"]).astype("float64").tolist()
    starts = [0.0, *ends][: len(ends)]
    found = pd.DataFrame({"step": [f"{a:g}–{b:g}" for a, b in zip(starts, ends, strict=True)]}, dtype="object")
    area = _gained(bands["area_m2"])
    area = area.where(area > 0)
    found["far"] = _gained(bands["floor_area_m2"]) / area
    for name in ("residents", "jobs"):
        found[name] = _gained(bands[name]) / area * 10_000
    return found


def programme(sheet: Sheet, box: Box, rows: pd.DataFrame, catalogue: Catalogue) -> bool:
    """Draw the special programme: projects with lead and year, gaps, stock, transfers, constraints.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Its place (mm).
    rows
        The station's rows of station_programmes.
    catalogue
        Titles of items, states and types, and the colours of project types.

    Returns
    -------
    bool
        Whether all of it stands there, no row left out and no text cut.
    """
    words = catalogue.words("station_sheet")
    _heading(sheet, box, words["programme"])
    if rows.empty:
        _empty(sheet, box, words["programme_none"])
        return True
    given = {item: rows[rows["item"] == item].sort_values("sequence", kind="stable") for item, _ in _ITEMS}
    room = int((box.height - 6.0) / _ROW)
    quota = _quotas([len(part) for part in given.values()], room)
    y, whole = box.top - 6.0 - _ROW / 2, sum(quota) == len(rows)
    for (item, part), count in zip(given.items(), quota, strict=True):
        if part.empty or not count:
            continue
        _item_head(sheet, box, y, item, part, count, catalogue)
        y -= _ROW
        for row in part.head(count).to_dict("records"):
            whole &= (_project_row if item == "project" else _item_row)(sheet, box, y, row, catalogue)
            sheet.line((box.left, y - _ROW / 2), (box.right, y - _ROW / 2), colour=PALE, width=0.25)
            y -= _ROW
    return whole


def _quotas(counts: Sequence[int], room: int) -> list[int]:
    """Return how many rows of each item are printed: at first a few of each, then more while there is room."""
    heads = sum(1 for count in counts if count)
    found = [min(count, most) for count, (_, most) in zip(counts, _ITEMS, strict=True)]
    while sum(found) + heads > room and max(found) > 1:
        found[found.index(max(found))] -= 1
    for place, count in enumerate(counts):
        found[place] += max(0, min(count - found[place], room - heads - sum(found)))
    return found


def _item_head(
    sheet: Sheet, box: Box, y: float, item: str, part: pd.DataFrame, shown_rows: int, catalogue: Catalogue
) -> None:
    """Write the heading of one item: its title, how many there are and can't be told, the headings of its columns."""
    words = catalogue.words("station_sheet")
    unknown = int(part["note"].isin(wording.undetermined(catalogue)).sum())
    titles = catalogue.code_list("programme_items").titles()
    title = words["item"].format(item=titles.get(item, item), count=len(part) - unknown)
    if unknown == len(part):
        title = words["item_all_unknown"].format(item=titles.get(item, item), count=unknown)
    elif unknown:
        title += words["item_unknown"].format(count=unknown)
    if shown_rows < len(part):
        title += words["item_more"].format(count=len(part) - shown_rows)
    sheet.box(Box(box.left, y - _ROW / 2, box.width, _ROW), fill="#eef1f4")
    sheet.text(box.left + 1.2, y, title, _SIZE, bold=True)
    if item == "project":
        for share, name in ((0.60, "lead"), (0.795, "state"), (0.895, "year")):
            sheet.text(box.left + box.width * share, y, words[name], 5.6, color=GREY)


def _project_row(sheet: Sheet, box: Box, y: float, row: Mapping[Any, Any], catalogue: Catalogue) -> bool:
    """Write one project: number, colour of its type, name, lead department, state, year; tell whether all fits."""
    types = catalogue.code_list("project_types")
    kind = str(row["kind"])
    code = next((code for code in types if kind in (code.code, code.zh, code.more.get("short"))), None)
    colour = str(code.more["color"]) if code is not None else PALE
    sheet.text(box.left + 4, y, _whole(row["sequence"]), _SIZE, ha="right", bold=True)
    sheet.box(Box(box.left + 5.2, y - 1.1, 3.2, 2.2), fill=colour, line=INK, width=0.3)
    state = catalogue.code_list("project_states").titles().get(str(row["state"]), row["state"])
    cells = ((9.6, 0.60, row["title"]), (0.60, 0.795, row["lead"]), (0.795, 0.895, state), (0.895, 1.0, row["year"]))
    whole = True
    for start, end, value in cells:
        left = start if start > 1 else start * box.width
        said = _whole(value) if value is row["year"] else wording.said(value)
        fits = paper.fitted(said, box.width * end - left - 1, _SIZE)
        whole &= fits == paper.printable(said)
        sheet.text(box.left + left, y, fits, _SIZE)
    return whole


def _item_row(sheet: Sheet, box: Box, y: float, row: Mapping[Any, Any], catalogue: Catalogue) -> bool:
    """Write one gap, stock, transfer or constraint: name, kind, floor area or land, note; tell whether all fits."""
    words = catalogue.words("station_sheet")
    sheet.text(box.left + 4, y, _whole(row["sequence"]), _SIZE, ha="right", color=GREY)
    titles = wording.kinds(catalogue)
    kind, title = wording.said(row["kind"], titles), wording.said(row["title"], titles)
    title = kind if title == MISSING else title if kind in (MISSING, title) else f"{title} · {kind}"
    named = paper.fitted(title, box.width * 0.46 - 6, _SIZE)
    sheet.text(box.left + 5.2, y, named, _SIZE)
    facts = []
    if _number(row["floor_area_m2"]) is not None:
        facts.append(words["floor"].format(area=shown(row["floor_area_m2"], rounding.SQUARE_METRES)))
    elif _number(row["land_m2"]) is not None:
        facts.append(words["land"].format(area=shown(row["land_m2"], rounding.LAND)))
    if _number(row["walk_minutes"]) is not None:
        facts.append(words["walk"].format(minutes=f"{float(row['walk_minutes']):.0f}"))
    if _number(row["residents"]) is not None:
        facts.append(words["concerned"].format(count=f"{float(row['residents']):,.0f}"))
    note = wording.said(row["note"])
    facts += [note] if note != MISSING else []
    said = ",".join(facts) or MISSING
    fits = paper.fitted(said, box.width * 0.53 - 1, _SIZE)
    sheet.text(box.left + box.width * 0.47, y, fits, _SIZE)
    return (named, fits) == (paper.printable(title), paper.printable(said))


def _bars(
    sheet: Sheet,
    box: Box,
    title: str,
    steps: pd.Series,
    series: Sequence[tuple[str, str, pd.Series, int]],
    unknown: str,
) -> None:
    """Draw bars side by side, each with its figure; one that is not known says so."""
    sheet.text(box.left, box.top - 2.2, title, 6.4, bold=True)
    low, high = box.bottom + 4.2, box.top - (11.0 if len(series) > 1 else 8.0)
    known = [value for _, _, values, _ in series for value in values if math.isfinite(value)]
    most = max([*known, 0.0]) or 1.0
    step = box.width / max(1, len(steps))
    wide = min(5.6, step * 0.7 / len(series))
    sheet.line((box.left, low), (box.right, low), width=0.5)
    for place, name in enumerate(steps):
        middle = box.left + (place + 0.5) * step
        sheet.text(middle, low - 2.0, name, 5.6, ha="center", color=GREY)
        for number, (_, colour, values, digits) in enumerate(series):
            x, value = middle + (number - len(series) / 2) * wide, float(values.iloc[place])
            if not math.isfinite(value):
                sheet.text(x + wide / 2, low + 1.0, unknown, 5.2, ha="center", va="bottom", rotation=90, color=GREY)
                continue
            tall = max(0.0, value) / most * (high - low)
            sheet.box(Box(x + 0.25, low, wide - 0.5, tall), fill=colour)
            sheet.text(x + wide / 2, low + tall + 1.5, f"{value:,.{digits}f}", 5.2, ha="center")
    for number, (name, colour, _, _) in enumerate(series if len(series) > 1 else ()):
        left = box.left + number * box.width / 2
        sheet.box(Box(left, box.top - 6.6, 2.6, 1.8), fill=colour)
        sheet.text(left + 3.4, box.top - 5.7, name, 5.4)


def _land(sheet: Sheet, box: Box, words: Mapping[str, str], bands: pd.DataFrame, catalogue: Catalogue) -> None:
    """Draw the land of each band by use, as a bar of 100 %, and the uses that occur."""
    unknown = catalogue.words("workbook")["unknown"]
    sheet.text(box.left, box.top - 2.2, words["chart.land"], 6.4, bold=True)
    codes = [code for code in catalogue.code_list("land_use_classes") if f"land_{code.code}_m2" in bands.columns]
    land = pd.DataFrame({code.code: pd.to_numeric(bands[f"land_{code.code}_m2"]) for code in codes}, dtype="float64")
    known = land.loc[:, (land.fillna(0) > 0).any() | land.isna().any()]
    tops, head = box.top - 5.2, 6.4
    for place, (minutes, row) in enumerate(zip(bands["minutes"], known.to_dict("records"), strict=True)):
        y, total = tops - place * 4.4, math.fsum(row.values())
        total = total if math.isfinite(total) else 0.0
        name = words["step.minutes"].format(step=f"{minutes:g}") if pd.notna(minutes) else str(place + 1)
        sheet.text(box.left + head - 1.2, y - 1.5, name, 5.6, ha="right", color=GREY)
        if not total:
            said = MISSING if row and all(value == 0 for value in row.values()) else unknown
            sheet.text(box.left + head, y - 1.5, said, 5.6, color=GREY)
        left = box.left + head
        for code in codes:
            # where a class is not known the others are no shares of the whole
            share = max(0.0, row.get(code.code, 0.0)) / total if total else 0.0
            if share > 0:
                wide = share * (box.width - head)
                sheet.box(Box(left, y - 3.0, wide, 3.0), fill=str(code.more["color"]), line="white", width=0.3)
                left += wide
    used = [code for code in codes if (land[code.code] > 0).any()]
    start, step = tops - len(bands) * 4.4 - 1.4, (box.width) / 2
    pitch = min(2.75, max(1.9, (start - box.bottom) / max(1, -(-len(used) // 2))))
    for number, code in enumerate(used):
        x, y = box.left + (number % 2) * step, start - (number // 2) * pitch
        sheet.box(Box(x, y - 0.8, 2.2, 1.6), fill=str(code.more["color"]), line=GREY, width=0.2)
        sheet.text(x + 2.9, y, sheet.fitted(code.zh, step - 3.2, 4.8), 4.8)


def _heading(sheet: Sheet, box: Box, title: str) -> None:
    """Write the heading of a part of the column."""
    sheet.box(Box(box.left, box.top - 4.4, 1.2, 4.0), fill=INK)
    sheet.text(box.left + 2.6, box.top - 2.4, title, 8.5, bold=True)


def _empty(sheet: Sheet, box: Box, said: str) -> None:
    """Say in an empty part why it is empty."""
    rest = Box(box.left, box.bottom, box.width, box.height - 6.0)
    sheet.box(rest, fill="#f6f6f4", line=PALE, width=0.4)
    sheet.text(rest.left + rest.width / 2, rest.bottom + rest.height / 2, said, 7.5, ha="center", color=GREY)


def _gained(column: pd.Series) -> pd.Series:
    """Return what a band has more than the one inside it."""
    values = pd.to_numeric(column).astype("float64").reset_index(drop=True)
    inner = values.shift(1)
    inner.iloc[:1] = 0.0
    return values - inner


def _number(value: object) -> float | None:
    """Return a finite number or None."""
    if value is None or value is pd.NA or isinstance(value, str):
        return None
    number = float(value)  # type: ignore[arg-type]  # cells are numbers or one of the blanks above
    return number if math.isfinite(number) else None


def _whole(value: object) -> str:
    """Return a whole number without separators, or 「—」."""
    number = _number(value)
    return MISSING if number is None else f"{number:.0f}"
