"""What leaves a store: the consultation map, the workbook, the delivery to the city."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from gis.analysis.catchments import Crossings
from gis.analysis.stations import Comparison
from gis.errors import EmptyError, SourceError, StorePermissionError, UsageError
from gis.lineage import MADE_UP
from gis.publish import (
    delivery,
    partly,
    receivers,
    station_sheet,
    tables,
    verification,
    waiting,
    walking,
    webmap,
    workbook,
)
from gis.publish.notice import Notice
from gis.publish.paper import TitleBlock
from gis.settings import Settings
from gis.store import Store
from gis.workflow import bureau, editions
from gis.workflow.steps import Report, made

_RESULTS = ("block_results", "station_results", "partial_sums", "station_programmes", "findings")
_ON_SHEETS = (
    "stations", "catchments", "station_results", "partial_sums", "station_programmes", "entrances", "streets",
    "walkways", "barriers",
    "waters", "buildings", "public_spaces", "projects", "facilities", "vacated_spaces",
)  # fmt: skip


# findings that touch all that is reached on foot
_REMARKED = ("network.kind_unknown", "network.slope_unknown")
# what the figures and programmes of stations count besides
_BEHIND_SHEETS = ("parcels", "blocks", "transfers", "constraints")


def synthetic(store: Store) -> bool:
    """Tell whether a store holds the sample town.

    Parameters
    ----------
    store
        Any store.

    Returns
    -------
    bool
        True if a block says of its source that it is made up.
    """
    return bool((store.read("blocks")["source"] == MADE_UP).any())


def write_map(
    store: Store, file: str | Path, *, edition: str = "public", notice: Notice | None = None
) -> webmap.MapReport:
    """Write the consultation map (public edition) or the bureau's own (internal edition).

    Parameters
    ----------
    store
        All base layers are handed in; the catalogue decides what may be drawn.
    file
        The HTML file.
    edition
        "public" or "internal".
    notice
        The consultation. A public map of real data needs one; the sample town and internal maps have a stated default.
        What a public map calls its features is kept in the store (`gis.edition`), so that comments find back.

    Returns
    -------
    gis.publish.webmap.MapReport

    Raises
    ------
    UsageError
        A public map of real data without a notice.
    """
    made_up = synthetic(store)
    if notice is None:
        if edition == "public" and not made_up:
            raise UsageError(
                "a public map must say who consults, on what basis, until when and where to answer; "
                "give --notice FILE.toml, or --internal for the bureau's own map"
            )
        notice = bureau.sample_notice() if made_up else bureau.internal_notice(store.settings)
    frames = {name: store.read(name) for name in (*_drawable(store), waiting.LAYER)}
    said = notice
    return webmap.write(
        frames,
        Path(file),
        catalogue=store.catalogue,
        notice=said,
        edition=edition,
        lang=store.settings.lang,
        keep=(lambda report: editions.keep(store, report, said)) if edition == "public" else None,
    )


def write_workbook(store: Store, file: str | Path) -> Path:
    """Write the workbook: 街区统筹一览表, 站点周边分析表, 站城融合专项计划表, 更新项目台账, 问题清单, 数据说明.

    Parameters
    ----------
    store
        With the results of both analyses.
    file
        *.xlsx.

    Returns
    -------
    pathlib.Path
        The file.
    """
    frames = {name: store.read(name) for name in (*_RESULTS, "projects")}
    return workbook.write(
        Path(file),
        frames,
        catalogue=store.catalogue,
        sources=_sources(store),
        synthetic=synthetic(store),
        about=_about(store),
    )


def write_scenario(store: Store, made: Comparison, file: str | Path) -> Path:
    """Write what planned stations change as a workbook.

    Parameters
    ----------
    store
        For the names of stations.
    made
        As `walking.scenario` gives it.
    file
        *.xlsx.

    Returns
    -------
    pathlib.Path
        The file.
    """
    names = _station_names(store)
    return walking.write_scenario(
        made.totals, made.stations, Path(file), catalogue=store.catalogue, names=names, about=_about(store)
    )


def write_crossings(store: Store, made: Crossings, candidates: pd.DataFrame, file: str | Path) -> Path:
    """Write what candidates for new crossings gain as a workbook.

    Parameters
    ----------
    store
        For the names of stations.
    made
        As `walking.crossings` gives it.
    candidates
        candidate_id, and name where they have one.
    file
        *.xlsx.

    Returns
    -------
    pathlib.Path
        The file.
    """
    named = candidates.reindex(columns=["candidate_id", "name"]).dropna()
    names = _station_names(store) | dict(named.itertuples(index=False))
    return walking.write_crossings(
        made.results, made.stations, Path(file), catalogue=store.catalogue, names=names, about=_about(store)
    )


def readable(store: Store, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a scenario or of crossings with what is only known in part in words.

    Parameters
    ----------
    store
        For the words.
    frame
        Totals or results of `walking.scenario` or `walking.crossings`.

    Returns
    -------
    pandas.DataFrame
    """
    return walking.readable(frame, store.catalogue)


def told(store: Store, results: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Return results as they are printed: where a figure is missing, what is known of it.

    Parameters
    ----------
    store
        For what is known in part, and the words.
    results
        Rows of the layer.
    layer
        "block_results" or "station_results".

    Returns
    -------
    pandas.DataFrame
        Numbers in the units that they had.
    """
    of_row = {"block_results": partly.of_block, "station_results": partly.of_station}[layer]
    known = partly.known(store.read(partly.LAYER), layer)
    words, table = store.catalogue.words("workbook", store.settings.lang), results.copy()
    records = results.to_dict("records")
    for name in results.select_dtypes("number").columns:
        digits = 0 if pd.api.types.is_integer_dtype(results[name]) else 2
        said = [of_row(row, name, known, words, digits=digits) if pd.isna(row[name]) else row[name] for row in records]
        table[name] = pd.Series(said, index=results.index, dtype=object)
    return table


def write_sheets(store: Store, folder: str | Path, *, suffix: str = ".pdf") -> Iterator[Path]:
    """Write the sheet of each station in operation: its walk-sheds, figures and programme on one page.

    Parameters
    ----------
    store
        With the results of the stations' analysis.
    folder
        Where the sheets go; made if it is not there.
    suffix
        ".pdf" or ".png".

    Yields
    ------
    pathlib.Path
        Each file, when it is written.

    Raises
    ------
    EmptyError
        The stations have not been analysed yet.
    """
    frames = {name: store.read(name) for name in _ON_SHEETS}
    if frames["station_results"].empty:
        raise EmptyError("there are no results of stations yet; run `gis stations STORE` first")
    folder, found = made(Path(folder)), store.read("findings")
    about = TitleBlock(
        unit=store.settings.district_name,
        date=date.today(),
        data_to=_data_to(store),
        sources=_said_sources(frames),
        waiting=waiting.sentence(_waiting(store, (*_ON_SHEETS, *_BEHIND_SHEETS)), store.catalogue),
        remarks="".join(found.loc[found["code"].isin(_REMARKED), "text"]),
    )
    made_up, names = synthetic(store), _station_names(store)
    for key in sorted(set(frames["station_results"]["station_id"])):
        # keys and names may hold anything, a file's name may not
        name = re.sub(r"[^\w-]+", "_", f"{names.get(key) or key}-{key}")[:80]
        file = Path(folder) / f"{name}{suffix}"
        options: dict[str, Any] = {"about": about, "synthetic": made_up, "font": store.settings.font}
        yield station_sheet.write(file, key, frames, catalogue=store.catalogue, **options)


def _said_sources(frames: Mapping[str, pd.DataFrame]) -> str:
    """Return what the drawn layers say of their sources, each once."""
    drawn = (frame["source"] for name, frame in frames.items() if name != "catchments" and "source" in frame.columns)
    return "、".join(dict.fromkeys(str(value) for column in drawn for value in column.dropna().unique()))


def titles(store: Store, layer: str = "station_results") -> dict[str, str]:
    """Return the titles of the columns of results, walks and crossings.

    Parameters
    ----------
    store
        For its catalogue and language.
    layer
        The layer of the results.

    Returns
    -------
    dict
        Title by column.
    """
    lang, catalogue = store.settings.lang, store.catalogue
    prefix = "walking_"
    named = {
        name.removeprefix(prefix): title
        for name, title in catalogue.words("workbook", lang).items()
        if name.startswith(prefix) and not name.endswith("_unit")
    }
    fields = catalogue.layer(layer).fields
    return named | {field.name: field.zh if lang == "zh" else field.en for field in fields}


def _station_names(store: Store) -> dict[str, str]:
    """Return the names of stations by key."""
    return dict(store.read("stations")[["station_id", "name"]].itertuples(index=False))


def _about(store: Store) -> tables.About:
    """Return who answers for a table made today, and what waits and is not counted in it."""
    waits = waiting.sentence(_waiting(store), store.catalogue)
    return tables.About(unit=store.settings.district_name, date=date.today(), data_to=_data_to(store), waiting=waits)


def deliver(
    store: Store, file: str | Path, *, profile: str = "city", author: str = "gis", on: date | None = None
) -> delivery.DeliveryReport:
    """Write the shapefile delivery and compare it with the store row by row.

    Parameters
    ----------
    store
        Layers that have rows are handed in.
    file
        *.zip.
    profile
        The receiver, by its name in the catalogue.
    author
        填报单位.
    on
        Date of the delivery; today if None.

    Returns
    -------
    gis.publish.delivery.DeliveryReport
    """
    frames = {name: store.read(name) for name in store.catalogue.layers}
    return delivery.write(
        {name: frame for name, frame in frames.items() if len(frame)},
        Path(file),
        catalogue=store.catalogue,
        profile=receivers.read(profile, store.catalogue, settings=store.settings),
        author=author,
        date=on or date.today(),
        synthetic=synthetic(store),
    )


def verify(package: str | Path, *, settings: Settings | None = None) -> pd.DataFrame:
    """Check a delivery package.

    Parameters
    ----------
    package
        The zip.
    settings
        Not needed by the check; taken so that all commands are called alike.

    Returns
    -------
    pandas.DataFrame
        Findings, empty when nothing is wrong.

    Raises
    ------
    SourceError
        There is no such file.
    """
    path = Path(package)
    if not os.path.isfile(path):
        what = "is a folder; give the zip" if os.path.isdir(path) else "is not there"
        raise SourceError(f"{path} {what}", path=str(path))
    return verification.verify(path)


def write_all(store: Store, folder: Path, report: Report, *, name: str) -> None:
    """Write map, sheets, workbook and delivery of a store into a folder, as steps of a report.

    Parameters
    ----------
    store
        With the results of both analyses.
    folder
        Where to.
    report
        Collects steps and files, and what could not be made: one output does not stop the others.
    name
        Beginning of the files' names.
    """
    sheets = folder / f"{name}-sheets"
    _clear(folder, name, sheets)
    editions = ("public", "internal") if synthetic(store) else ("internal",)
    for edition in editions:
        with report.output(f"地图 · map ({edition})") as step:
            drawn = write_map(store, folder / f"{name}-map-{edition}.html", edition=edition)
            step.result = f"{sum(drawn.drawn.values())} 个要素"
            report.files.append(drawn.path)
    with report.output("站点图 · sheets of stations") as step:
        before = len(report.files)
        for sheet in write_sheets(store, sheets):
            report.files.append(sheet)
        step.result = f"{len(report.files) - before} 张 A3(步行可达范围、指标、专项计划)"
    with report.output("工作簿 · workbook") as step:
        report.files.append(write_workbook(store, folder / f"{name}-workbook.xlsx"))
        step.result = "街区统筹一览表、站点周边分析表、站城融合专项计划表、更新项目台账、问题清单、数据说明"
    with report.output("成果包(三种读取器复核) · delivery") as step:
        made = deliver(store, folder / f"{name}-delivery.zip", author=store.settings.district_name)
        step.result = f"{len(made.layers)} 个图层,{int(made.layers['rows'].sum())} 行"
        report.files.append(made.path)


def _clear(folder: Path, name: str, sheets: Path) -> None:
    """Remove what an earlier run made, so that what can't be made now is not there."""
    endings = ("map-public.html", "map-internal.html", "workbook.xlsx", "delivery.zip")
    for old in [*(folder / f"{name}-{ending}" for ending in endings), *sheets.glob("*.pdf")]:
        try:
            old.unlink(missing_ok=True)
        except OSError as error:
            raise StorePermissionError(f"cannot replace {old}: {error.strerror}", path=str(old)) from None


def _data_to(store: Store) -> date | None:
    """Return the day of the last change (数据截止)."""
    changes = store.changes()
    return changes["at"].max().date() if len(changes) else None


def _waiting(store: Store, layers: Collection[str] | None = None) -> tuple[waiting.Waiting, ...]:
    """Return what waits of some layers, or of all."""
    held = waiting.count(store.read(waiting.LAYER), store.catalogue)
    return tuple(one for one in held if layers is None or one.layer in layers)


def _drawable(store: Store) -> list[str]:
    """Return the base layers that have a shape, and the findings for the internal edition."""
    layers = store.catalogue.layers.values()
    return [layer.name for layer in layers if layer.spatial and (not layer.derived or layer.name == "findings")]


def _sources(store: Store) -> pd.DataFrame:
    """Return what each layer holds and where it comes from, for 数据说明."""
    rows = []
    held = {one.layer: one for one in _waiting(store)}
    for layer in store.catalogue.layers.values():
        frame = store.read(layer.name)
        sources = sorted(set(frame["source"].dropna())) if "source" in frame.columns else []
        said = "、".join(sources)
        one = held.get(layer.name)
        if one is not None:
            waits = store.catalogue.words("workbook")["waiting"].format(rows=waiting.sentence([one], store.catalogue))
            said = ";".join(filter(None, [said, waits]))
        rows.append({"layer": layer.name, "zh": layer.zh, "rows": len(frame), "sources": said})
    return pd.DataFrame(rows)
