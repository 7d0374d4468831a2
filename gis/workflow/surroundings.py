"""Station surroundings on a store: catchments by straight line and on foot, figures and programmes, put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import pandas as pd

from gis import findings as faults
from gis import lineage as origins
from gis.analysis import bounds
from gis.analysis import catchments as gis_catchments
from gis.analysis import stations as gis_stations
from gis.analysis.network import Network
from gis.analysis.versions import RAW, STRAIGHT, WALKED
from gis.catalogue import Catalogue
from gis.errors import EmptyError
from gis.lineage import Lineage
from gis.settings import Settings
from gis.store import Store
from gis.workflow import walking

_MEASURED = ("parcels", "buildings", "projects", "facilities", "public_spaces")
_SETTING = ("buildings", "projects", "streets", "vacated_spaces", "constraints")
_PROGRAMME = ("projects", "buildings", "facilities", "vacated_spaces", "blocks", "transfers", "constraints")
# without rows of these, a programme says that gaps cannot be told
_TOLD = ("buildings", "facilities")
_RADIUS = "service_radius."
# findings about catchments are kept apart: every command that draws them says them anew
_ORIGIN = {"origin": "catchments"}
# what is beyond reach is known only where walks to doors were looked for
_BEYOND = "catchment.beyond_network"
# words for what cannot be told, by the layer that is missing
_UNDETERMINED = f"programme_{gis_stations.UNDETERMINED}_"
_KINDS = {
    "project": "project_types",
    "gap": "facility_kinds",
    "stock": "vacated_space_kinds",
    "constraint": "constraint_kinds",
}


@dataclass(frozen=True)
class Surroundings:
    """Hold what surrounds the stations of a store.

    Parameters
    ----------
    results
        Rows of the layer station_results.
    programmes
        Rows of the layer station_programmes.
    rings
        The figures in detail.
    sheds
        What is reached on foot; None where the store has no ways.
    findings
        Everything that a person should look at.
    """

    results: pd.DataFrame
    programmes: pd.DataFrame
    rings: gis_stations.StationRings
    sheds: gis_catchments.Walksheds | None
    findings: pd.DataFrame


@dataclass(frozen=True)
class Drawn:
    """Hold the catchments of a store, as they were drawn and stored.

    Parameters
    ----------
    rows
        Rings and sheds.
    paths
        Where people walk; None where the store has no ways.
    sheds
        What is reached on foot, with the walks that were looked for; None where the store has no ways.
    findings, of_paths
        What a person should know of stations and of ways.
    """

    rows: gpd.GeoDataFrame
    paths: Network | None
    sheds: gis_catchments.Walksheds | None
    findings: pd.DataFrame
    of_paths: pd.DataFrame


def counting(catalogue: Catalogue, settings: Settings) -> gis_stations.Counting:
    """Return by which codes station surroundings are counted, from the code lists.

    Parameters
    ----------
    catalogue
        With the lists land_uses, land_use_classes, building_uses, project_types and facility_kinds.
    settings
        Tolerance (m) and the share of residents who work.

    Returns
    -------
    gis.analysis.stations.Counting
    """
    lists = ("land_use_classes", "building_uses", "project_types", "facility_kinds")
    classes, uses, types, kinds = (tuple(code.code for code in catalogue.code_list(name)) for name in lists)
    return gis_stations.Counting(
        land_classes=classes,
        class_of=catalogue.code_list("land_uses").values("class"),
        building_uses=uses,
        project_types=types,
        facility_kinds=kinds,
        tolerance=settings.tolerance,
        employed_share=settings.employed_share,
    )


def catchments(store: Store, *, settings: Settings, author: str = "gis") -> gpd.GeoDataFrame:
    """Draw the rings of Settings and the walk-sheds of the stations in operation and store them.

    Parameters
    ----------
    store
        With the layers stations and entrances; walkways (or streets) and barriers for walk-sheds.
    settings
        Names and radii (m) of the rings; walking times, speed and depth.
    author
        Who is recorded for the change set.

    Returns
    -------
    geopandas.GeoDataFrame
        Rings (method "EUC"), then sheds ("NET"), raw and de-duplicated. What makes them less than they seem is put into
        the layer findings.

    Raises
    ------
    EmptyError
        The store has no station in operation.
    """
    # where only the ground is asked for, no walk to a door is looked for
    return _catchments(store, settings, author, {}).rows


def draw(store: Store, *, settings: Settings, author: str = "gis") -> Drawn:
    """Draw and store catchments as `catchments` does, with the walks that the surroundings of stations ask for.

    Parameters
    ----------
    store, settings, author
        As for `catchments`.

    Returns
    -------
    Drawn
        What `stations` and block coordination take, so that it is drawn once for both.

    Raises
    ------
    EmptyError
        The store has no station in operation.
    """
    return _catchments(store, settings, author, walking.WALKED)


def catchments_or_none(
    store: Store, *, settings: Settings, author: str = "gis", drawn: Drawn | None = None
) -> tuple[gpd.GeoDataFrame | None, pd.DataFrame]:
    """Draw and store catchments as `catchments` does; where no station is in operation, none stay in the store.

    Parameters
    ----------
    store, settings, author
        As for `catchments`.
    drawn
        What `draw` made of the same store just now; None draws it.

    Returns
    -------
    tuple
        The widest raw rings, one row a station, None where no station is in operation; and findings about stations.
    """
    if len(store.read("stations", where={"state": list(walking.OPERATING)})):
        drawn = drawn or _catchments(store, settings, author, {})
        return outermost(drawn.rows), drawn.findings
    left = store.read("catchments")
    if len(left):
        store.retire("catchments", sorted(left["catchment_id"]), author=author, reason="没有现状运营的轨道站点")
    store.replace("findings", faults.table(), where=_ORIGIN)
    return None, faults.table()


def outermost(drawn: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the widest raw rings: what counts as a catchment in block coordination.

    Parameters
    ----------
    drawn
        As `catchments` draws them.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a station.
    """
    rings = drawn[(drawn["version"] == RAW) & (drawn["method"] == STRAIGHT)]
    return rings[rings["radius_m"] == rings["radius_m"].max()]


def _catchments(store: Store, settings: Settings, author: str, things: Mapping[str, str]) -> Drawn:
    """Draw catchments, store them with what is to be known of them, and return also what is reached on foot."""
    stations = store.read("stations", where={"state": list(walking.OPERATING)})
    if stations.empty:
        raise EmptyError(
            "没有现状运营的轨道站点,请先入库站点 · the layer stations has no station in operation; load stations first"
        )
    entrances = walking.entrances(store, stations)
    drawn = gis_catchments.rings(stations, entrances, settings.rings)
    paths, sheds = walking.network(store, settings=settings), None
    if paths is None:
        found = faults.join(_no_network(), gis_catchments.check(stations, entrances))
    else:
        sheds = walking.sheds(store, paths, stations, settings, things=things)
        drawn = gpd.GeoDataFrame(pd.concat([drawn, sheds.sheds], ignore_index=True), crs=drawn.crs)
        found = sheds.findings[sheds.findings["code"] != _BEYOND]
    layer = store.catalogue.layer("catchments")
    source = store.catalogue.words("workbook")["computed"]
    rows = drawn.assign(source=source).reindex(columns=[*layer.columns, drawn.geometry.name])
    _replace_rows(store, "catchments", rows, author=author, reason="站点影响区按现有站点、出入口与步行网络重新划定")
    found = faults.join(found, gis_catchments.beyond(drawn, store.read("districts")))
    of_paths = faults.table() if paths is None else paths.findings
    made_by = None if sheds is None else sheds.lineage
    store.replace("findings", faults.join(found, of_paths), lineage=made_by, where=_ORIGIN)
    return Drawn(drawn, paths, sheds, found, of_paths)


def stations(store: Store, *, settings: Settings, author: str = "gis", drawn: Drawn | None = None) -> Surroundings:
    """Describe the surroundings of each station in operation, draw up its programme, and put both back.

    Parameters
    ----------
    store
        With the layers stations, entrances, parcels, buildings, projects, facilities, public_spaces, streets, walkways,
        barriers, vacated_spaces, constraints, blocks and transfers.
    settings
        Rings, walking times, speed and depth.
    author
        Who is recorded for the change set of the catchments.
    drawn
        What `draw` made of the same store just now; None draws it.

    Returns
    -------
    Surroundings
    """
    made = drawn or draw(store, settings=settings, author=author)
    rows, sheds = made.rows, made.sheds
    rings = rows[rows["method"] == STRAIGHT]
    bands = gis_catchments.bands(rings)
    on_foot = rows[(rows["method"] == WALKED) & (rows["version"] == RAW)]
    pieces = gis_stations.facets(on_foot)
    measured = pd.concat([rows, bands[bands["inner_m"] > 0], pieces], ignore_index=True)
    how = counting(store.catalogue, settings)
    frames = {name: store.read(name) for name in {"stations", *_MEASURED, *_SETTING}}
    walked = _members(sheds, settings)
    layers = {name: frames[name] for name in _MEASURED}
    figures = gis_stations.rings(frames["stations"], measured, layers, counting=how, walked=walked)
    further, found = gis_stations.setting(measured, {name: frames[name] for name in _SETTING}, how)
    times = measured.reindex(columns=["minutes", "shed_ratio"]).astype("float64").reset_index(drop=True)
    results = pd.concat([figures.results, times, further], axis=1)
    if walked is not None:
        # pieces of ground are no catchments: what they hold is split between the stations
        even = gis_stations.shared(results, pieces, frames, counting=how, walked=walked)
        results = pd.concat([results[results["version"] != gis_stations.FACET], even], ignore_index=True)
    programmes = programme(store, rows, sheds, how, walked=walked)
    people = bounds.listed(programmes, "station_programme_id")
    programmes = _as_stored(programmes, store.catalogue)
    columns = list(store.catalogue.layer("station_results").columns)
    partial = bounds.listed(results, "station_result_id")
    results = results.reindex(columns=columns)
    of_walks = faults.table() if sheds is None else sheds.findings[sheds.findings["code"] == _BEYOND]
    notes = faults.join(of_walks, figures.findings, found, _undetermined(programmes, store.catalogue))
    made_by = _lineage(figures.lineage, made.paths, sheds, settings)
    store.replace("station_results", results, lineage=made_by)
    keep_partial(store, "station_results", partial, made_by)
    store.replace("station_programmes", programmes, lineage=made_by)
    keep_partial(store, "station_programmes", people, made_by)
    store.replace("findings", notes, lineage=made_by, where={"origin": "stations"})
    return Surroundings(results, programmes, figures, sheds, faults.join(made.findings, made.of_paths, notes))


def keep_partial(store: Store, layer: str, partial: pd.DataFrame, made_by: Lineage) -> None:
    """Put what results are at least, and how many things lack in them, beside the results.

    Parameters
    ----------
    store
        Where to put it.
    layer
        The layer of the results.
    partial
        As `analysis.bounds.listed` gives it.
    made_by
        What the results were made from.
    """
    key = layer + "-" + partial["feature"] + "-" + partial["field"]
    rows = partial.assign(partial_sum_id=key, layer=layer)
    store.replace("partial_sums", rows, lineage=made_by, where={"layer": layer})


def _no_network() -> pd.DataFrame:
    """Report that there is nothing to walk on."""
    return faults.table([faults.finding("station.no_network", "walkways", severity="warning")])


def _undetermined(programmes: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Report the kinds of facilities of which there is no row, so that nobody can tell whether they lack."""
    words = catalogue.words("workbook")
    rows = programmes[programmes["note"] == words[f"{_UNDETERMINED}facilities"]]
    kinds = list(dict.fromkeys(rows["kind"]))
    found = [faults.finding("station.gap_undetermined", "facilities", severity="warning", kinds=kinds)] if kinds else []
    return faults.table(found)


def _members(sheds: gis_catchments.Walksheds | None, settings: Settings) -> dict[str, pd.DataFrame] | None:
    """Return which buildings and facilities belong to which walk-shed."""
    if sheds is None:
        return None
    return {
        walking.WALKED[name]: gis_catchments.members(sheds.reached[name], f"{name}_id", settings.walk_minutes)
        for name in ("building", "facility")
    }


def _lineage(
    figures: Lineage, paths: Network | None, sheds: gis_catchments.Walksheds | None, settings: Settings
) -> Lineage:
    """Return what the results were made from."""
    told: dict[str, object] = {"walk_minutes": list(settings.walk_minutes), "employed_share": settings.employed_share}
    if paths is not None and sheds is not None:
        told |= {"network": paths.lineage.json(), "sheds": sheds.lineage.json()}
    return Lineage(figures.operation, figures.inputs, {**figures.parameters, **told}, origins.versions())


def programme(
    store: Store,
    drawn: gpd.GeoDataFrame,
    sheds: gis_catchments.Walksheds | None,
    how: gis_stations.Counting,
    on: date | None = None,
    *,
    walked: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Draw up the programme of each station in its widest walk-shed, or ring where there is no network.

    Parameters
    ----------
    store
        With the base layers.
    drawn
        Catchments, as `catchments` draws them.
    sheds
        What is reached on foot.
    how
        Codes to count by.
    on
        Day whose norms are in force; today if None.
    walked
        Which buildings belong to which walk-shed, as the figures count them.

    Returns
    -------
    pandas.DataFrame
        Rows of the layer station_programmes, kinds and notes in Chinese, with the bounds of their residents.
    """
    catalogue = store.catalogue
    extent = drawn[(drawn["version"] == RAW) & (drawn["method"] == (STRAIGHT if sheds is None else WALKED))]
    extent = extent.sort_values("radius_m").drop_duplicates("station_id", keep="last").sort_values("station_id")
    frames = {name: store.read(name) for name in _PROGRAMME}
    standards = {
        norm.key.removeprefix(_RADIUS): gis_stations.Standard(norm.value, norm.source)
        for norm in catalogue.norms
        if norm.key.startswith(_RADIUS) and norm.value is not None and norm.applies(on or date.today())
    }
    kinds = {kind: standards[kind] for kind in how.facility_kinds if kind in standards}
    table = gis_stations.programme(
        extent,
        {name: frame for name, frame in frames.items() if len(frame) or name in _TOLD},
        counting=how,
        standards=kinds,
        states=[code.code for code in catalogue.code_list("project_states")],
        walks=None if sheds is None else sheds.reached,
        walked=walked,
    )
    return _worded(table, store)


def _as_stored(programmes: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Return programmes with the columns of their layer."""
    return programmes.reindex(columns=list(catalogue.layer("station_programmes").columns))


def _worded(table: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Name the items of programmes, and put codes in kinds and notes into words."""
    catalogue = store.catalogue
    titles = {item: catalogue.code_list(name).titles() for item, name in _KINDS.items()}
    names = store.read("stations").set_index("station_id")["name"]
    words = catalogue.words("workbook")
    facilities, effects = titles["gap"], catalogue.code_list("constraint_effects").titles()

    def note(item: str, text: object) -> str | None:
        if not isinstance(text, str) or not text:
            # what a constraint does to a project must be asked
            return words["programme_effect_unknown"] if item == "constraint" else None
        if item == "gap":
            return _gap_note(text, words)
        if item == "stock":
            return words["programme_stock"].format(kinds="、".join(_served(text, facilities, words)))
        return effects.get(text, text) if item == "constraint" else text

    told = table.assign(
        station_programme_id=table["station_id"] + "-" + table["item"] + "-" + table["sequence"].astype("str"),
        name=table["station_id"].map(names),
        kind=[titles.get(item, {}).get(kind, kind) for item, kind in zip(table["item"], table["kind"], strict=True)],
        note=pd.Series([note(*each) for each in zip(table["item"], table["note"], strict=True)], dtype=object),
    )
    gaps = told["item"] == "gap"
    # a gap has no feature: its code only ordered the rows
    named = told["title"].astype(object).mask(gaps, told["kind"])
    told = told.assign(title=named, feature_id=told["feature_id"].astype(object).mask(gaps, None))
    beside = ["residents_least", "residents_lacking"]
    return told.reindex(columns=[*catalogue.layer("station_programmes").columns, *beside])


def _gap_note(text: str, words: Mapping[str, str]) -> str:
    """Put in words how a gap is measured, after what is only known in part, or why nobody can tell."""
    first, _, rest = text.partition(";")
    if first == gis_stations.UNDETERMINED:
        return words[f"{_UNDETERMINED}{rest}"]
    if first.isdigit() and rest:
        count, _, standard = rest.partition(";")
        return words["programme_gap_least"].format(least=f"{int(first):,}", count=count, standard=standard)
    return words["programme_gap"].format(standard=text)


def _served(text: str, kinds: Mapping[str, str], words: Mapping[str, str]) -> list[str]:
    """Put in words whom facilities on vacated ground would serve, kind by kind."""
    said = []
    for kind, least, blank in (part.split("=") for part in text.split(";")):
        word = words["programme_serves" if blank == "0" else "programme_serves_least"]
        said.append(word.format(kind=kinds.get(kind, kind), residents=f"{int(least):,}", count=blank))
    return said


def _replace_rows(store: Store, layer: str, rows: gpd.GeoDataFrame, *, author: str, reason: str) -> None:
    """Make a base layer hold exactly these rows, in change sets that show only what differs."""
    key = store.catalogue.layer(layer).key
    gone = sorted(set(store.read(layer)[key]) - set(rows[key]))
    if gone:
        store.retire(layer, gone, author=author, reason=reason)
    store.put(layer, rows, author=author, reason=reason, force=True)
