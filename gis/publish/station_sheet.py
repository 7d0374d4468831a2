"""A station's special programme on one A3 sheet: the map with the sheds drawn, key figures, projects, gaps, stock.

Internal by nature: it shows fields that no public edition does, carries a coordinate grid, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gis import crs
from gis.catalogue import Catalogue
from gis.errors import FrameError, UnknownNameError, UsageError
from gis.lineage import MADE_UP
from gis.publish import furniture, legend, paper, partly, station_figures, station_map, station_pages, wording
from gis.publish.paper import SCALES, Box, Sheet, TitleBlock
from gis.publish.station_map import Surroundings
from gis.publish.tables import INTERNAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SCALES", "TitleBlock", "draw", "write"]

MAP = Box(16.0, 44.0, 262.0, 226.0)
LEGEND = Box(16.0, 11.0, 262.0, 27.5)
_LEFT, _WIDE = 284.0, 122.0
FIGURES = Box(_LEFT, 206.0, _WIDE, 64.0)
CHARTS = Box(_LEFT, 168.0, _WIDE, 34.0)
PROGRAMME = Box(_LEFT, 52.0, _WIDE, 112.0)
NOTES = Box(_LEFT, 30.0, _WIDE, 19.0)
SIGNED = Box(_LEFT, 11.0, _WIDE, 17.0)
# frames that the map reads, besides the catchments
_MAPPED: tuple[str, ...] = ("stations", "entrances", "streets", "walkways", "barriers", "waters", "buildings")
_MAPPED += ("public_spaces", "projects", "facilities", "vacated_spaces")
_DRAWN = ["station_id", "ring", "radius_m", "minutes", "method", "version", "shed_ratio", "geometry"]
_TABLES = ("station_results", "station_programmes")


def write(
    path: Path,
    station_id: str,
    frames: Mapping[str, pd.DataFrame],
    *,
    catalogue: Catalogue,
    about: TitleBlock | None = None,
    synthetic: bool = False,
    scale: int | None = None,
    font: Path | None = None,
) -> Path:
    """Write the sheet of one station.

    Parameters
    ----------
    path
        *.pdf or *.png (10 dots a mm); replaced in one step. What has no room on the first page follows on further
        ones, of a picture in *.2.png and so on.
    station_id
        The station.
    frames
        Canonical frames by layer name: "stations", and any of "catchments" (walk-sheds; rings where there are none),
        "station_results", "partial_sums", "station_programmes", "entrances", "streets", "walkways", "barriers",
        "waters", "buildings", "public_spaces", "projects", "facilities" and "vacated_spaces". Others are passed over.
    catalogue
        Words, colours, units and code lists.
    about
        稿别, 图签, 数据来源 and 数据截止; what is empty is left to be written by hand.
    synthetic
        Whether this is sample data; then the sheet says so.
    scale
        Denominator of the map, one of `SCALES`; None takes the largest that holds 97 % of the widest shed; what lies
        outside is said on the map.
    font
        File of another Chinese typeface (*.otf, *.ttf, *.ttc) than the one that comes with the packages.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    UsageError
        Another suffix or scale, or a font that cannot be used.
    UnknownNameError
        No such station.
    FrameError
        The station has no place.
    CrsError
        A frame has no CRS, a geographic one, or not the one of the others.
    MissingDependencyError
        The package with the typeface is not installed.
    StorePermissionError
        The system does not let us write there.

    Notes
    -----
    The scale is exact when the sheet is printed at 100 %. The same input gives the same bytes; the
    system's fonts are not asked.
    """
    paper.checked_suffix(path)
    options: dict[str, Any] = {"about": about, "synthetic": synthetic, "scale": scale, "font": font}
    return paper.save(_sheets(station_id, frames, catalogue=catalogue, **options), path)


def draw(
    station_id: str,
    frames: Mapping[str, pd.DataFrame],
    *,
    catalogue: Catalogue,
    about: TitleBlock | None = None,
    synthetic: bool = False,
    scale: int | None = None,
    font: Path | None = None,
) -> Figure:
    """Draw the sheet of one station without writing it, for a notebook.

    Parameters
    ----------
    station_id, frames, catalogue, about, synthetic, scale, font
        As `write` takes them.

    Returns
    -------
    matplotlib.figure.Figure
        The first page, 420 mm by 297 mm; its axes "map" are in metres of the working CRS.

    Raises
    ------
    UsageError, UnknownNameError, FrameError, CrsError, MissingDependencyError
        As `write` raises them.
    """
    options: dict[str, Any] = {"about": about, "synthetic": synthetic, "scale": scale, "font": font}
    return _sheets(station_id, frames, catalogue=catalogue, **options)[0].figure


def _sheets(
    station_id: str,
    frames: Mapping[str, pd.DataFrame],
    *,
    catalogue: Catalogue,
    about: TitleBlock | None,
    synthetic: bool,
    scale: int | None,
    font: Path | None,
) -> list[Sheet]:
    """Draw everything, from the border to the signatures, and further pages of what has no room."""
    if scale is not None and scale not in SCALES:
        raise UsageError(f"scale is {scale}; allowed: {', '.join(map(str, SCALES))}", scale=scale)
    block = about or TitleBlock()
    results, items = (_table(frames.get(name), name, station_id, catalogue) for name in _TABLES)
    around = _surroundings(station_id, frames, items)
    with paper.plain(font):
        sheet, words = Sheet(), catalogue.words("station_sheet")
        partial = frames.get(partly.LAYER)
        whole = _compose(sheet, around, _bands(results), items, catalogue, scale, partial)
        notices = (INTERNAL, MADE_UP) if synthetic else (INTERNAL,)
        name = wording.station(sheet.fitted(around.station["name"], 90, 19), words)
        sheet.frame(words["title"].format(name=name), notices, block.draft)
        _notes(sheet, block, around, len(results) > 0, catalogue)
        furniture.signatures(sheet, SIGNED, block)

        def further() -> Sheet:
            page = Sheet()
            page.frame(words["title_further"].format(name=name), notices, block.draft)
            return page

        known = partly.known(partial, "station_programmes")
        more = station_pages.draw(further, items.iloc[:0] if whole else items, sheet.cut, catalogue, known)
        station_pages.numbered([sheet, *more], words)
    return [sheet, *more]


def _compose(
    sheet: Sheet,
    around: Surroundings,
    bands: pd.DataFrame,
    items: pd.DataFrame,
    catalogue: Catalogue,
    scale: int | None,
    partial: pd.DataFrame | None,
) -> bool:
    """Draw the map with its legend, and the column of figures; tell whether all of the programme stands there."""
    _, keys = station_map.draw(sheet, MAP, around, catalogue, scale)
    legend.draw(sheet, LEGEND, keys)
    if around.sheds.empty:
        said = catalogue.words("station_sheet")["sheds_none"]
        sheet.text(MAP.left + 4, MAP.top - 5, said, 8.5, color=paper.RED, bold=True, halo=2.5)
    known = partly.known(partial, "station_results")
    station_figures.key_figures(sheet, FIGURES, bands, catalogue, known)
    if len(bands):
        station_figures.charts(sheet, CHARTS, bands, catalogue)
    return station_figures.programme(sheet, PROGRAMME, items, catalogue)


def _table(frame: pd.DataFrame | None, name: str, station_id: str, catalogue: Catalogue) -> pd.DataFrame:
    """Return a station's rows of a result, with all columns of the layer."""
    columns = list(catalogue.layer(name).columns)
    given = pd.DataFrame(columns=columns) if frame is None else pd.DataFrame(frame).reindex(columns=columns)
    return given[given["station_id"] == station_id].reset_index(drop=True)


def _surroundings(station_id: str, frames: Mapping[str, pd.DataFrame], items: pd.DataFrame) -> Surroundings:
    """Return what the map draws, after refusing unknown stations and frames whose CRSs differ."""
    wanted = (*_MAPPED, "catchments")
    spatial = {name: frame for name, frame in frames.items() if name in wanted and isinstance(frame, gpd.GeoDataFrame)}
    if "stations" not in spatial:
        raise FrameError("frames has no layer stations with geometry", layer="stations")
    crs.require_same(spatial)
    stations = spatial["stations"]
    mine = stations[stations["station_id"] == station_id]
    if mine.empty:
        known = ", ".join(sorted(str(key) for key in stations["station_id"]))
        raise UnknownNameError(f"there is no station {station_id!r}; there are: {known}", station_id=station_id)
    place = mine.geometry.iloc[0]
    if place is None or place.is_empty:
        raise FrameError(f"station {station_id} has no place", station_id=station_id)
    station = pd.Series({**mine.iloc[0].to_dict(), "geometry": place})
    drawn = spatial.get("catchments", stations.iloc[:0].reindex(columns=["geometry"])).reindex(columns=_DRAWN)
    raw = gpd.GeoDataFrame(drawn[drawn["version"] == "raw"], geometry="geometry", crs=stations.crs)
    raw = raw[~(raw.geometry.isna() | raw.geometry.is_empty)]
    sheds = raw[(raw["method"] == "NET") & raw["minutes"].notna()]
    sheds = sheds.sort_values("minutes", ascending=False, kind="stable")
    rings = raw[raw["method"] != "NET"].sort_values("radius_m", ascending=False, kind="stable")
    others = sheds[sheds["station_id"] != station_id].drop_duplicates("station_id")
    projects = items[(items["item"] == "project") & items["sequence"].notna()]
    return Surroundings(
        station=station,
        frames={name: spatial[name] for name in _MAPPED if name in spatial},
        sheds=sheds[sheds["station_id"] == station_id].reset_index(drop=True),
        rings=rings[rings["station_id"] == station_id].reset_index(drop=True),
        others=others.reset_index(drop=True),
        numbers={str(key): int(place) for key, place in zip(projects["feature_id"], projects["sequence"], strict=True)},
        stock=frozenset(items.loc[items["item"] == "stock", "feature_id"].dropna().astype(str)),
    )


def _bands(results: pd.DataFrame) -> pd.DataFrame:
    """Return the raw bands that hold those inside them: by walking time, or rings where there are none by time."""
    whole = results[(results["version"] == "raw") & (pd.to_numeric(results["inner_m"]).fillna(0) == 0)]
    walked = whole[whole["method"] == "NET"]
    chosen = walked if len(walked) else whole
    return chosen.sort_values(["minutes", "radius_m"], kind="stable").reset_index(drop=True)


def _notes(sheet: Sheet, block: TitleBlock, around: Surroundings, has_results: bool, catalogue: Catalogue) -> None:
    """Write where the data come from, up to when, in which CRS, and what the figures count."""
    words = catalogue.words("station_sheet")
    line = "________"
    frame = around.frames["stations"]
    basis = words["basis" if len(around.sheds) or not has_results else "basis_rings"]
    said = (
        (words["sources"], block.sources or (MADE_UP if _made_up(frame) else line)),
        (words["data_to"], block.data_to.isoformat() if block.data_to else line),
        (words["crs"], _crs_name(frame.crs, words)),
        *([(words["waiting"], block.waiting)] if block.waiting else []),
        *([(words["remarks"], block.remarks)] if block.remarks else []),
        (words["counting"], basis),
    )
    y = NOTES.top - 1.2
    for title, value in said:
        rest = int((y - NOTES.bottom + 2.9) / 2.9)
        if rest < 1:
            sheet.cut[paper.printable(f"{title}:{value}")] = None
            continue
        for part in sheet.wrapped(f"{title}:{value}", NOTES.width - 1, 5.6, min(4, rest)):
            sheet.text(NOTES.left, y, part, 5.6)
            y -= 2.9


def _crs_name(given: Any, words: Mapping[str, str]) -> str:
    """Return the number of a public CRS; a bureau's own grid is only called that."""
    label = crs.label(given)
    return label if label.startswith("EPSG:") else words["crs_own"]


def _made_up(frame: pd.DataFrame) -> bool:
    """Tell whether the rows themselves say that they are sample data."""
    return "source" in frame.columns and bool((frame["source"] == MADE_UP).all())
