"""What leaves a store: the consultation map, the workbook, the delivery to the city."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from gis.errors import SourceError, UsageError
from gis.lineage import MADE_UP
from gis.publish import delivery, receivers, tables, verification, webmap, workbook
from gis.publish.notice import Notice
from gis.settings import Settings
from gis.store import Store
from gis.workflow import bureau
from gis.workflow.steps import Report

_RESULTS = ("block_results", "station_results", "findings")


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
    frames = {name: store.read(name) for name in _drawable(store)}
    return webmap.write(
        frames, Path(file), catalogue=store.catalogue, notice=notice, edition=edition, lang=store.settings.lang
    )


def write_workbook(store: Store, file: str | Path) -> Path:
    """Write the workbook: 街区统筹一览表, 站点周边分析表, 更新项目台账, 问题清单, 数据说明.

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
        about=tables.About(unit=store.settings.district_name, date=date.today(), data_to=_data_to(store)),
    )


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
    if not path.is_file():
        raise SourceError(f"there is no file {path}", path=str(path))
    return verification.verify(path)


def write_all(store: Store, folder: Path, report: Report, *, name: str) -> None:
    """Write map, workbook and delivery of a store into a folder, as steps of a report.

    Parameters
    ----------
    store
        With the results of both analyses.
    folder
        Where to.
    report
        Collects steps and files.
    name
        Beginning of the files' names.
    """
    editions = ("public", "internal") if synthetic(store) else ("internal",)
    for edition in editions:
        with report.step(f"地图 · map ({edition})") as step:
            drawn = write_map(store, folder / f"{name}-map-{edition}.html", edition=edition)
            step.result = f"{sum(drawn.drawn.values())} 个要素"
            report.files.append(drawn.path)
    with report.step("工作簿 · workbook") as step:
        report.files.append(write_workbook(store, folder / f"{name}-workbook.xlsx"))
        step.result = "街区统筹一览表、站点周边分析表、更新项目台账、问题清单、数据说明"
    with report.step("成果包(三种读取器复核) · delivery") as step:
        made = deliver(store, folder / f"{name}-delivery.zip", author=store.settings.district_name)
        step.result = f"{len(made.layers)} 个图层,{int(made.layers['rows'].sum())} 行"
        report.files.append(made.path)


def _data_to(store: Store) -> date | None:
    """Return the day of the last change (数据截止)."""
    changes = store.changes()
    return changes["at"].max().date() if len(changes) else None


def _drawable(store: Store) -> list[str]:
    """Return the base layers that have a shape, and the findings for the internal edition."""
    layers = store.catalogue.layers.values()
    return [layer.name for layer in layers if layer.spatial and (not layer.derived or layer.name == "findings")]


def _sources(store: Store) -> pd.DataFrame:
    """Return what each layer holds and where it comes from, for 数据说明."""
    rows = []
    for layer in store.catalogue.layers.values():
        frame = store.read(layer.name)
        sources = sorted(set(frame["source"].dropna())) if "source" in frame.columns else []
        rows.append({"layer": layer.name, "zh": layer.zh, "rows": len(frame), "sources": "、".join(sources)})
    return pd.DataFrame(rows)
