"""Files into a store, and the check of what is stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gis import catalogue as gis_catalogue
from gis import findings as gis_findings
from gis import rows as gis_rows
from gis.catalogue import Catalogue, Layer
from gis.errors import CrsError, GisError, UsageError
from gis.intake import (
    again,
    conform,
    drawings,
    emptied,
    exceptions,
    measures,
    outlines,
    placing,
    recipes,
    repair,
    sources,
    validate,
)
from gis.intake.admission import limits
from gis.intake.read import read
from gis.publish import files, waiting, workbook
from gis.settings import Settings
from gis.store import Change, Store, open_store
from gis.workflow import answers, editions, outlets
from gis.workflow.loading import Loading, base_layers, named_layer, stoppable
from gis.workflow.steps import Track, silent


@dataclass(frozen=True)
class Hints:
    """Say what files do not say: layer, CRS, encoding, datum; each is the flag of `gis load` of the same name.

    `recipes` is the folder of recipes; without it one beside a GeoPackage, and none for a database.
    """

    layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    datum: str | None = None
    recipes: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is said and says nothing, as a script with an unset variable does."""
        require_said(layer=self.layer, crs=self.crs, encoding=self.encoding, datum=self.datum)


def require_said(**flags: str | None) -> None:
    """Refuse flags that were given without a value.

    Parameters
    ----------
    **flags
        Value by the flag's name; None where it was not given.

    Raises
    ------
    UsageError
        A value is blank.
    """
    blank = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None and not value.strip()]
    if blank:
        raise UsageError(f"{', '.join(blank)} came without a value; give one, or leave the flag out", flags=blank)


@dataclass(frozen=True)
class Taken:
    """Hold what became of one file: rows in = accepted + quarantined."""

    file: str
    layer: str
    accepted: int
    quarantined: int
    change: Change | None
    findings: pd.DataFrame
    repairs: pd.DataFrame

    def sentence(self, lang: str = "zh") -> str:
        """Return the outcome as one sentence.

        Parameters
        ----------
        lang
            "zh" or "en".

        Returns
        -------
        str
        """
        total = self.accepted + self.quarantined
        if lang == "zh":
            return f"{self.file} → {self.layer}:读入 {total} 行,入库 {self.accepted} 行,待核 {self.quarantined} 行"
        return f"{self.file} → {self.layer}: {total} rows read, {self.accepted} stored, {self.quarantined} quarantined"


@dataclass(frozen=True)
class _Ready:
    """Hold one file that was read and not yet stored; its frame is alone in a list, so that it can be handed over."""

    layer: Layer
    file: str
    noted: pd.DataFrame
    frames: list[pd.DataFrame]
    remember: Callable[[], list[dict[str, Any]]]


def init(target: str | Path, *, settings: Settings | None = None) -> Store:
    """Make an empty store with all layers of the catalogue.

    Parameters
    ----------
    target
        A path ending in .gpkg, or postgresql://….
    settings
        Working CRS and catalogue folder; None takes the defaults.

    Returns
    -------
    gis.store.Store
        Open; close it, or use it in a with statement.
    """
    chosen = settings or Settings()
    return open_store(str(target), catalogue=gis_catalogue.read(chosen.layers), settings=chosen, create=True)


def opened(target: str | Path, settings: Settings) -> Store:
    """Open a store with the catalogue of the settings.

    Parameters
    ----------
    target
        A path ending in .gpkg, or postgresql://….
    settings
        Working CRS and catalogue folder.

    Returns
    -------
    gis.store.Store
    """
    return open_store(str(target), catalogue=gis_catalogue.read(settings.layers), settings=settings)


def load(
    target: str | Path | Store,
    paths: Iterable[str | Path],
    *,
    hints: Hints | None = None,
    settings: Settings | None = None,
    author: str = "gis",
    reason: str = "数据入库",
    report: Path | None = None,
    track: Track = silent,
) -> list[Taken]:
    """Load files: read, conform, repair, validate, split; each file is stored in one transaction.

    Parameters
    ----------
    target
        The store, or its name.
    paths
        Files; each is one layer, named by the hint or by the file's name (blocks, 街区 or JQ). FILE#NAME is one layer,
        sheet or member of several.
    hints
        What the files do not say.
    settings
        Working CRS, bounds, catalogue folder.
    author, reason
        Who changes the store, and why.
    report
        Where to write findings and repairs as a workbook (质检报告), if anywhere.
    track
        Shows progress.

    Returns
    -------
    list of Taken
        One a file, in their order. Everything is read before anything is stored: an unreadable file changes nothing.
    """
    chosen = _settings(target, settings)
    if not isinstance(target, Store):
        with stoppable(partial(opened, target, chosen), author, reason) as store:
            return load(
                store, paths, hints=hints, settings=chosen, author=author, reason=reason, report=report, track=track
            )
    asked = hints or Hints()
    # nothing is stored before everything is read, so what the store knows of the place stays the same
    files = [Path(path) for path in paths]
    outlets.require(report, outlets.SHEETS, inputs=[target, *files])
    alone = len(files) == 1
    # one bar at a time: of files, or of the stages and then the rows of the only one
    job = Loading(target, track if alone else silent)
    with limits.held(chosen.limits):
        ready = [_conformed(target, path, asked, chosen, job) for path in (files if alone else track(files, "读取"))]
    taken = []
    target.track = track if alone else None
    for _ in track(range(len(ready)), "入库") if len(ready) > 1 else range(len(ready)):
        # handed over, not held here: a million rows are kept once
        try:
            taken.append(_stored(target, ready.pop(0), author, reason, job))
        except GisError as error:
            if taken:
                error.message += f"; stored before that: {', '.join(one.file for one in taken)}"
            raise
    if report is not None:
        found = gis_findings.join(*[one.findings for one in taken])
        repairs = pd.concat([one.repairs for one in taken], ignore_index=True) if taken else None
        workbook.write_findings(found, report, catalogue=target.catalogue, repairs=repairs)
    return taken


def take_in(
    store: Store,
    layer: str,
    frame: pd.DataFrame,
    *,
    file: str,
    author: str,
    reason: str,
    noted: pd.DataFrame | None = None,
    job: Loading | None = None,
) -> Taken:
    """Repair, validate and store the rows of one layer; faulty rows go to quarantine with their reasons.

    Parameters
    ----------
    store
        Where to.
    layer
        Name of the layer.
    frame
        Rows with the layer's canonical names, in the working CRS.
    file
        Where they come from, for the record.
    author, reason
        Who changes the store, and why.
    noted
        Findings made on the way here.
    job
        The load that this is a part of.

    Returns
    -------
    Taken

    Notes
    -----
    Findings of other files about the layer stay, but for those about features that come again.
    """
    known = job or Loading(store)
    known.stage()
    record = store.catalogue.layer(layer)
    flat = outlines.flattened(frame.geometry.to_numpy(), record) if record.spatial else None
    frame = gis_rows.canonical(frame, record, store.settings.crs)
    frame, quoted = editions.traced(store, layer, frame)
    frame, same = again.placed(frame, known.frame(layer), record)
    mended = repair.repair(frame, record, kept=same)
    known.stage()
    found = gis_findings.join(
        _about(noted, layer),
        quoted,
        gis_findings.table() if flat is None else flat,
        mended.findings,
        _validated(known, store.catalogue, mended.frame, record, known.local(store.settings)),
    )
    frame, found = emptied.relieve(mended.frame, found, record)
    frame = again.filled(frame, known.frame(layer), record)
    found = exceptions.accept(found, known.frame(exceptions.LAYER), on=date.today(), layer=layer)
    accepted, quarantined = validate.split(frame, found, layer=layer, file=file)
    held = pd.concat([_waiting(store, record, accepted, file), quarantined], ignore_index=True)
    standing = _standing(store, record, frame, file)
    known.stage()
    said = gis_findings.join(standing, found.assign(file=file))
    change = store.load(layer, accepted, held, said, author=author, reason=f"{reason}:{file}")
    known.changed(layer)
    return Taken(file, layer, len(accepted), len(quarantined), change, found, mended.repairs)


def check(
    target: str | Path | Store,
    *,
    settings: Settings | None = None,
    report: Path | None = None,
    points: Path | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Validate every base layer of a store and keep the findings in it.

    Parameters
    ----------
    target
        The store, or its name.
    settings
        Bounds and catalogue folder.
    report
        Where to write the findings as a workbook (质检报告), if anywhere.
    points
        Where to write the findings as a layer of points (*.gpkg, *.geojson …), if anywhere.
    track
        Shows progress.

    Returns
    -------
    pandas.DataFrame
        Findings of all layers, and of those that have rows waiting how many and why (row.waiting). One that an
        exception of the register covers is of severity info and says so.
    """
    chosen = _settings(target, settings)
    if not isinstance(target, Store):
        with opened(target, chosen) as store:
            return check(store, settings=chosen, report=report, points=points, track=track)
    outlets.require(report, outlets.SHEETS, inputs=[target])
    outlets.require(points, files.SUFFIXES, inputs=[target, report])
    job = Loading(target)
    local = job.local(chosen)
    held = waiting.count(target.read(waiting.LAYER), target.catalogue)
    tables = [target.findings(), waiting.table(held, target.catalogue, chosen.lang)]
    for layer in track(base_layers(target.catalogue), "检查"):
        frame = job.frame(layer.name).drop(columns="_version")
        if len(frame):
            tables.append(_validated(job, target.catalogue, frame, layer, local))
    found = exceptions.accept(gis_findings.join(*tables), job.frame(exceptions.LAYER), on=date.today())
    target.replace("findings", found, where={"origin": "check"})
    _leave_files(target, job)
    if report is not None:
        workbook.write_findings(found, report, catalogue=target.catalogue)
    if points is not None:
        layer = target.catalogue.layer("findings")
        files.write(target.read("findings", where={"origin": "check"}), points, layer=layer)
    return found


def sentences(found: pd.DataFrame, settings: Settings) -> list[str]:
    """Word findings in the language of the settings.

    Parameters
    ----------
    found
        A findings table.
    settings
        Language and catalogue folder.

    Returns
    -------
    list of str
        One a row.
    """
    catalogue = gis_catalogue.read(settings.layers)
    texts, titles = catalogue.words("findings", settings.lang), catalogue.titles(settings.lang)
    return [gis_findings.sentence(dict(row), texts, titles) for _, row in found.iterrows()]


def _settings(target: object, settings: Settings | None) -> Settings:
    """Return the settings given, else those of the open store, else the defaults."""
    return settings or (target.settings if isinstance(target, Store) else Settings())


def _conformed(store: Store, path: Path, hints: Hints, settings: Settings, job: Loading) -> _Ready:
    """Read and conform one file; nothing is stored."""
    path, inner = sources.parted(path)
    # a name that is too long for the system is no file either
    if not os.path.exists(path):
        raise sources.absent(path)
    said = {name: getattr(hints, name) for name in recipes.FLAGS}
    known = answers.about(path, said, whole=inner is None, folder=hints.recipes, store=store)
    named = path if inner is None else path.with_name(f"{sources.bare(inner, path)}{path.suffix}")
    layer = named_layer(store.catalogue, named, hints.layer or (known.recipe.layer if known.recipe else None))
    job.stage()
    bounds, fit = job.local(settings).bounds, job.fit(layer)
    source = read(path, layer=inner, **known.flags, bounds=bounds, fit=fit, target=job.target(layer))
    job.stage()
    source = drawings.labelled(source, layer, store.catalogue)
    try:
        made = conform.conform(source, layer, settings=settings, catalogue=store.catalogue)
    except CrsError as error:
        raise placing.ranked(error, source.ranking) from None
    noted = gis_findings.join(source.notes, gis_findings.table(known.notes(path.name)), made.findings)
    return _Ready(layer, path.name, noted, [made.frame], partial(known.keep, known.learnt(source, layer.name)))


def _stored(store: Store, one: _Ready, author: str, reason: str, job: Loading) -> Taken:
    """Store one file that was read, and only then write down how."""
    noted, file, frames = one.noted, one.file, one.frames
    # named one by one: a call with ** would hold the frame to its end
    taken = take_in(store, one.layer.name, frames.pop(), file=file, author=author, reason=reason, noted=noted, job=job)
    return replace(taken, findings=gis_findings.join(taken.findings, gis_findings.table(one.remember())))


def _validated(
    job: Loading, catalogue: Catalogue, frame: pd.DataFrame, layer: Layer, settings: Settings
) -> pd.DataFrame:
    """Validate a layer's rows against the code lists and against the layers that they refer to."""
    keys, parents = job.keys(layer), job.parents(layer)
    # a corner that a damaged file has thrown off the map may be further than numbers go; its row has its finding
    with np.errstate(over="ignore", invalid="ignore"):
        found = validate.validate(
            frame, layer, catalogue=catalogue, settings=settings, references=keys, parents=parents
        )
        return gis_findings.join(found, measures.check(frame, layer))


def _waiting(store: Store, layer: Layer, accepted: pd.DataFrame, file: str) -> pd.DataFrame:
    """Return the layer's quarantined rows of other files, but for features that are accepted now."""
    held = store.read("quarantine", where={"layer": layer.name})
    settled = held["file"].eq(file) | held["feature"].isin(accepted[layer.key])
    return held.loc[~settled, list(store.catalogue.layer("quarantine").columns)]


def _standing(store: Store, layer: Layer, frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Return what was found in other files of the layer, but for features that come again."""
    held = store.read("findings", where={"layer": layer.name, "origin": "load"})
    gone = held["file"].eq(file) | held["feature"].isin(frame[layer.key].dropna().astype(str))
    return held.loc[~gone, [*gis_findings.COLUMNS, "file"]]


def _leave_files(store: Store, job: Loading) -> None:
    """Drop what loads found about features that were checked anew.

    What is about files, waiting rows and cells that are still empty for a reason stays.
    """
    held = store.read("findings", where={"origin": "load"})
    keys = {layer.name: layer.key for layer in base_layers(store.catalogue)}
    stored = {name: job.frame(name) for name in held["layer"].unique() if name in keys}
    extras = {
        name: dict(zip(frame[keys[name]], frame.get("extra", [None] * len(frame)), strict=True))
        for name, frame in stored.items()
    }
    stays = []
    for layer, feature, text in zip(held["layer"], held["feature"], held["parameters"], strict=True):
        known = extras.get(layer, {})
        stays.append(isinstance(feature, str) and (feature not in known or emptied.holds(known[feature], text)))
    if not all(stays):
        store.replace("findings", held.loc[stays, [*gis_findings.COLUMNS, "file"]], where={"origin": "load"})


def _about(noted: pd.DataFrame | None, layer: str) -> pd.DataFrame:
    """Return findings about a file as findings about the layer that it becomes, the file as feature."""
    if noted is None:
        return gis_findings.table()
    whole = noted["layer"].ne(layer) & noted["feature"].isna()
    return noted.assign(feature=noted["feature"].mask(whole, noted["layer"]), layer=layer)
