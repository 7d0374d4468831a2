"""The bureau's workbook: 街区统筹一览表, 站点周边分析表, 站城融合专项计划表, 更新项目台账, 问题清单, 数据说明.

Internal by nature: it shows fields that no public edition does, and says so on every sheet and page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gis import findings, writing
from gis.catalogue import Catalogue, Layer
from gis.lineage import MADE_UP
from gis.publish import partly, rounding, tables, wording
from gis.publish.tables import INTERNAL, About, Column, Table
from gis.publish.wording import MISSING

# what touches several blocks or rings is counted in each: such columns have no sum
_BLOCKS_NOT_SUMMED = ("unit_count", "conflict_count")
_STATIONS_NOT_SUMMED = ("project_count", "vacated_count")
# less than nothing may remain
_SIGNED = ("remaining_m2",)
_STATION_DISPLAYS = {"street_m": rounding.KILOMETRES}
# a repair may gain a square centimetre, and says so
_GROUND = rounding.Display("m²", 1.0, 4, "#,##0.0000")
_SEVERITY_ORDER = ("error", "warning", "info")
_SOURCES = ("zh", "layer", "rows", "sources")


def write(
    out: Path,
    frames: Mapping[str, pd.DataFrame],
    *,
    catalogue: Catalogue,
    sources: pd.DataFrame | None = None,
    synthetic: bool = False,
    about: About | None = None,
) -> Path:
    """Write the workbook.

    Parameters
    ----------
    out
        *.xlsx; replaced in one step.
    frames
        Any of "block_results", "station_results", "partial_sums", "station_programmes", "projects" (with geometry for
        图形面积) and "findings"; what is not there gives a sheet without rows.
    catalogue
        Titles, units, code lists, words and sentences.
    sources
        One row a layer: layer, zh, rows, sources (text); for 数据说明.
    synthetic
        Whether this is sample data; then every sheet and page says so.
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

    Notes
    -----
    Land is in 公顷, floor area in 万m² (projects: m²), shares in per cent with one digit; rows are rounded so that they
    add up to the total. A result that is not known is 「≥」 with what lacks, or 暂无法判定; a blank cell of a base
    layer, and what there is not to know, is 「—」. A total of which rows lack is 「≥」 too, and says below how many.
    """
    person = about or About()
    words = catalogue.words("workbook")
    notices = (INTERNAL, MADE_UP) if synthetic else (INTERNAL,)
    sheets = (
        _blocks(frames.get("block_results"), frames.get(partly.LAYER), catalogue, words),
        _stations(frames.get("station_results"), frames.get(partly.LAYER), catalogue, words),
        _programmes(frames.get("station_programmes"), frames.get(partly.LAYER), catalogue, words),
        _projects(frames.get("projects"), catalogue, words),
        _findings(frames.get("findings"), catalogue, words["findings"]),
    )
    explained = (*sheets, _notes(sources, sheets, catalogue, words))
    return _write(out, explained, person, notices, words["title"])


def write_findings(
    found: pd.DataFrame,
    out: Path,
    *,
    catalogue: Catalogue,
    repairs: pd.DataFrame | None = None,
    about: About | None = None,
) -> Path:
    """Write findings alone as a workbook, 质检报告.

    Parameters
    ----------
    found
        A findings table.
    out
        *.xlsx; replaced in one step.
    catalogue
        Sentences, titles and who takes what (code list `parties`).
    repairs
        Repairs as `gis.intake.repair` lists them, for a sheet of their own.
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

    Notes
    -----
    The first sheet has one row for each thing that a person must act on (errors and warnings), gravest first, with a
    column for who takes it; the second has the rest: notes, and findings that an exception covers.
    """
    words = catalogue.words("workbook")
    told = found["severity"] == "info"
    sheets = [
        _findings(found.loc[~told], catalogue, words["report"], words["report_basis"]),
        _findings(found.loc[told], catalogue, words["noted"]),
    ]
    if repairs is not None:
        sheets.append(_repairs(repairs, catalogue))
    return write_sheets(out, sheets, about or About(), words["report"])


def findings_sheet(found: pd.DataFrame, catalogue: Catalogue) -> Table:
    """Lay out all findings on one sheet.

    Parameters
    ----------
    found
        A findings table.
    catalogue
        Sentences, titles and who takes what.

    Returns
    -------
    gis.publish.tables.Table
    """
    return _findings(found, catalogue, catalogue.words("workbook")["findings"])


def write_sheets(out: Path, sheets: Sequence[Table], about: About, title: str) -> Path:
    """Write sheets that stay in the bureau as a workbook.

    Parameters
    ----------
    out
        *.xlsx; replaced in one step.
    sheets
        In their order.
    about
        Who answers for it.
    title
        What the workbook is called.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    StorePermissionError
        The system does not let us write there.
    """
    return _write(out, tuple(sheets), about, (INTERNAL,), title)


def write_tables(out: Path, sheets: tuple[Table, ...], *, title: str, about: About | None = None) -> Path:
    """Write sheets that are for the bureau itself as a workbook.

    Parameters
    ----------
    out
        *.xlsx; replaced in one step.
    sheets
        What to draw.
    title
        Title of the file.
    about
        Who answers for it.

    Returns
    -------
    pathlib.Path
        `out`.
    """
    return _write(out, sheets, about or About(), (INTERNAL,), title)


def _write(out: Path, sheets: tuple[Table, ...], about: About, notices: tuple[str, ...], title: str) -> Path:
    """Write sheets into a file that appears whole or not at all."""
    with writing.whole(out) as temporary, writing.scratch() as folder:
        book = tables.writer(temporary, about, title, folder)
        for sheet in sheets:
            tables.write_sheet(book, sheet, about, notices=notices)
        book.close()
    return out


def _rows(frame: pd.DataFrame | None, layer: Layer) -> pd.DataFrame:
    """Return the layer's columns of a frame; those that are not there are blank."""
    given = pd.DataFrame(columns=list(layer.columns)) if frame is None else pd.DataFrame(frame)
    return given.reindex(columns=list(layer.columns)).reset_index(drop=True)


def _blocks(
    frame: pd.DataFrame | None, partial: pd.DataFrame | None, catalogue: Catalogue, words: Mapping[str, str]
) -> Table:
    """Lay out 街区统筹一览表."""
    layer = catalogue.layer("block_results")
    rows = _rows(frame, layer).sort_values(layer.key, kind="stable")
    known = partly.known(partial, layer.name)
    columns = tables.columns(layer, catalogue, not_summed=_BLOCKS_NOT_SUMMED)
    rows, columns = _told(rows, columns, layer, known, words, partly.of_block)
    # departments that are not named are counted
    rows["lead_departments"] = [
        _listed(said, known.get((key, "lead_departments")), words)
        for key, said in zip(rows[layer.key], rows["lead_departments"], strict=True)
    ]
    return Table(words["blocks"], rows, columns, words["blocks_basis"])


def _listed(said: Any, one: tuple[float | None, int] | None, words: Mapping[str, str]) -> Any:
    """Say beside a list how many things do not say what they would add to it."""
    if one is None:
        return said
    if wording.said(said) == MISSING:
        return partly.bound(*one, words)
    return words["partial_list"].format(listed=said, count=one[1])


def _told(
    rows: pd.DataFrame,
    columns: Sequence[Column],
    layer: Layer,
    known: partly.Known,
    words: Mapping[str, str],
    of_row: Callable[..., str],
) -> tuple[pd.DataFrame, tuple[Column, ...]]:
    """Add to numbers what is written where they are missing, and what they are at least."""
    more: dict[str, list[Any]] = {}
    told: list[Column] = []
    records = rows.to_dict("records")
    for item in columns:
        if item.display is None:
            told.append(item)
            continue
        name, shown = item.source, {"factor": item.display.factor, "digits": item.display.digits}
        blank = rows[name].isna().tolist()
        more[f"{name}_told"] = [
            of_row(row, name, known, words, **shown) if gone else MISSING
            for row, gone in zip(records, blank, strict=True)
        ]
        more[f"{name}_least"] = [known.get((str(row[layer.key]), name), (None, 0))[0] for row in records]
        signed = name in _SIGNED
        told.append(dataclasses.replace(item, partly=f"{name}_told", least=f"{name}_least", signed=signed))
    return pd.concat([rows, pd.DataFrame(more, index=rows.index, dtype=object)], axis=1), tuple(told)


def _stations(
    frame: pd.DataFrame | None, partial: pd.DataFrame | None, catalogue: Catalogue, words: Mapping[str, str]
) -> Table:
    """Lay out 站点周边分析表, where only ground that is counted once enters the total."""
    layer = catalogue.layer("station_results")
    rows = _rows(frame, layer)
    columns = tables.columns(
        layer, catalogue, without=(layer.key,), displays=_STATION_DISPLAYS, not_summed=_STATIONS_NOT_SUMMED
    )
    # 名称在前,冻结的前三列才认得出是哪一圈
    front = ("name", "ring", "method", "version")
    ordered: Sequence[Column] = sorted(
        columns, key=lambda item: front.index(item.source) if item.source in front else len(front)
    )
    rows = rows.sort_values(["method", "version", "station_id", "inner_m", "radius_m"], kind="stable")
    rows, ordered = _told(rows, ordered, layer, partly.known(partial, layer.name), words, partly.of_station)
    entering, walked = _counted_once(rows)
    suffix = "_walk" if walked else ""
    basis = words["stations_basis"].format(method=words[f"stations_method{suffix}"])
    total = words[f"stations_total{suffix}"]
    return Table(words["stations"], rows, ordered, basis, entering, total)


def _counted_once(rows: pd.DataFrame) -> tuple[pd.Series, bool]:
    """Tell which rows count ground once: the widest de-duplicated extent of each station, of one method only."""
    once = (rows["version"] == "nearest") & (rows["inner_m"].fillna(0) == 0)
    walked = rows["method"] == "NET"
    by_walk = bool((once & walked).any()) and not bool((once & ~walked).any())
    once &= walked if by_walk else ~walked
    # discs hold the rings inside them, and sheds those of fewer minutes
    widest = rows["radius_m"].where(once).groupby(rows["station_id"]).transform("max")
    return once & (rows["radius_m"] == widest), by_walk


def _programmes(
    frame: pd.DataFrame | None, partial: pd.DataFrame | None, catalogue: Catalogue, words: Mapping[str, str]
) -> Table:
    """Lay out 站城融合专项计划表: station by station, item by item, in the order of the programme."""
    layer = catalogue.layer("station_programmes")
    rank = {code.code: place for place, code in enumerate(catalogue.code_list("programme_items"))}
    rows = _rows(frame, layer)
    rows = rows.assign(place=rows["item"].map(rank)).sort_values(["station_id", "place", "sequence"], kind="stable")
    titles, known = wording.kinds(catalogue), partly.known(partial, layer.name)
    bounds = [known.get((str(key), "residents")) for key in rows[layer.key]]
    rows["residents_told"] = [MISSING if one is None else partly.bound(*one, words) for one in bounds]
    # 项目、缺口与存量性质不同,各列不合计
    columns = [
        dataclasses.replace(
            item,
            total=False,
            titles=titles if item.source in ("kind", "title") else item.titles,
            partly="residents_told" if item.source == "residents" else "",
        )
        for item in tables.columns(layer, catalogue, without=(layer.key,), displays=rounding.PROGRAMME)
    ]
    front = ("name", "item", "sequence", "title", "kind")
    ordered = sorted(columns, key=lambda item: front.index(item.source) if item.source in front else len(front))
    return Table(words["programmes"], rows, tuple(ordered), words["programmes_basis"], total="")


def _projects(frame: pd.DataFrame | None, catalogue: Catalogue, words: Mapping[str, str]) -> Table:
    """Lay out 更新项目台账, the measured area beside the approved one."""
    layer = catalogue.layer("projects")
    rows = _rows(frame, layer)
    rows["measured_area_m2"] = frame.geometry.area.to_numpy() if isinstance(frame, gpd.GeoDataFrame) else float("nan")
    rows = rows.sort_values(layer.key, kind="stable")
    columns = list(tables.columns(layer, catalogue))
    place = [item.source for item in columns].index("approved_area_m2") + 1
    land = rounding.LAND
    columns.insert(place, Column(words["measured_area"], "measured_area_m2", land, land.unit, total=True))
    return Table(words["projects"], rows, tuple(columns), words["projects_basis"])


def _findings(frame: pd.DataFrame | None, catalogue: Catalogue, title: str, basis: str = "") -> Table:
    """Lay out 问题清单: how grave, what it is, who takes it, where it is."""
    words = catalogue.words("workbook")
    given = findings.table() if frame is None else pd.DataFrame(frame)
    rank = {severity: place for place, severity in enumerate(_SEVERITY_ORDER)}
    given = given.sort_values("severity", key=lambda column: column.map(rank), kind="stable")
    texts, severities = catalogue.words("findings"), catalogue.code_list("severities").titles()
    parties = catalogue.code_list("parties")
    titles = {"severity": severities, "party": parties.titles()}
    takes = parties.values("takes")
    words_of = (texts, catalogue.titles())
    rows = [_finding(row, catalogue, words_of, takes) for row in given.to_dict("records")]
    names = ("severity", "text", "party", "layer", "feature", "field", "x", "y", "code")
    displays = {"x": rounding.PLACE, "y": rounding.PLACE}
    columns = tuple(
        Column(
            words[f"finding_{name}"],
            name,
            displays.get(name),
            "m" if name in displays else "",
            titles=titles.get(name),
        )
        for name in names
    )
    return Table(title, pd.DataFrame(rows, columns=list(names)), columns, basis or words["findings_basis"], total="")


def _finding(
    row: Mapping[Any, Any],
    catalogue: Catalogue,
    words: tuple[Mapping[str, str], Mapping[str, str]],
    takes: Mapping[str, Any],
) -> dict[str, Any]:
    """Return one finding with the titles of its layer and field, its sentence and who takes it."""
    said = findings.sentence(row, *words)
    return {**row, **_titled(row, catalogue), "text": said, "party": findings.party(str(row["code"]), takes)}


def _titled(row: Mapping[Any, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return the titles of a row's layer and field."""
    layer = catalogue.layers.get(str(row["layer"]))
    titles = {item.name: item.zh for item in layer.fields} if layer else {}
    field = row.get("field")
    return {"layer": layer.zh if layer else row["layer"], "field": titles.get(str(field), field)}


def _repairs(frame: pd.DataFrame, catalogue: Catalogue) -> Table:
    """Lay out 修复记录: what was done to which row, vertices and ground before and after."""
    words = catalogue.words("workbook")
    # turning a ring moves no line; how many were turned is among the notes
    frame = frame.loc[frame["code"] != "repair.orientation"]
    rows = frame.assign(layer=[_titled(row, catalogue)["layer"] for row in frame.to_dict("records")])
    done = {code: words[code] for code in ("repair.vertices", "repair.structure")}
    counts, places = ("row", "before_vertices", "after_vertices"), ("x", "y")
    grounds = ("before_m2", "after_m2", "gained_m2", "lost_m2")
    displays = dict.fromkeys(counts, rounding.COUNT) | dict.fromkeys(grounds, _GROUND)
    displays |= dict.fromkeys(places, rounding.PLACE)
    columns = tuple(
        Column(
            words.get(f"repair_{name}") or words[f"finding_{name}"],
            name,
            displays.get(name),
            "m" if name in places else "m²" if name in grounds else "",
            titles=done if name == "code" else None,
        )
        for name in ("code", "layer", "feature", *counts, *grounds, *places)
    )
    return Table(words["repairs"], rows, columns, words["repairs_basis"], total="")


def _notes(
    sources: pd.DataFrame | None, sheets: Sequence[Table], catalogue: Catalogue, words: Mapping[str, str]
) -> Table:
    """Lay out 数据说明: what each layer holds, how to read the figures, and what each sheet counts, whole on paper."""
    notes = [words[f"note_{number}"] for number in range(1, 7)]
    rows = pd.DataFrame(columns=list(_SOURCES)) if sources is None else sources.reindex(columns=list(_SOURCES))
    told = pd.DataFrame({"zh": words["note"], "layer": None, "rows": None, "sources": notes})
    # a sheet's own line goes over the edge of a page
    for sheet in sheets:
        told.loc[len(told)] = [words["basis_of"].format(sheet=sheet.name), None, None, sheet.basis]
    told.loc[len(told)] = [words["catalogue"], None, None, catalogue.digest]
    frame = pd.concat([rows.astype("object"), told.astype("object")], ignore_index=True)
    titles = (words["source_zh"], words["source_layer"], words["source_rows"], words["source_sources"])
    columns = tuple(
        Column(title, name, rounding.COUNT if name == "rows" else None, words["row_unit"] if name == "rows" else "")
        for title, name in zip(titles, _SOURCES, strict=True)
    )
    return Table(words["notes"], frame, columns, words["notes_basis"], total="")
