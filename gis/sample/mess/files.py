"""Spoilings of whole files: zips, tables as people lay them out, parts missing, containers that say nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from gis.sample.mess import draft as drafts
from gis.sample.mess.draft import Draft, Spoiling


def _options(draft: Draft, **options: Any) -> Draft:
    """Set options of the writer."""
    return drafts.with_options(draft, **options)


def _geometry_only(draft: Draft) -> Draft:
    """Keep nothing but the geometry, as drawings do."""
    every = draft
    for field in draft.layer.fields:
        every = drafts.marked(every, range(len(draft.cells)), field.name)
    return replace(every, columns={}, declared=None)


def _undeclared(draft: Draft, *, srs_id: int) -> Draft:
    """Store a GeoPackage layer with one of the two numbers that mean no CRS."""
    return drafts.with_options(replace(draft, declared=None), srs_id=srs_id)


def _empty(draft: Draft) -> Draft:
    """Leave out every row."""
    none = draft.cells.iloc[:0]
    return replace(draft, cells=none, shapes=draft.shapes[:0], truth=draft.truth.iloc[:0], marks=frozenset())


def _spoiling(trap: str, needs: str, why: str, **options: Any) -> Spoiling:
    """Return a spoiling that the writer does."""
    return Spoiling(trap, 9, needs, why, partial(_options, **options))


_ONE = "one reading only"
_NO_CRS = "tables and drawings have no CRS"
_GONE = "what is missing cannot be found in the rest"

SPOILINGS = {
    "zip_plain": _spoiling("zips", "file", _ONE),
    "zip_gbk_names": _spoiling("zips", "file", "names without the flag are no UTF-8 but GBK", gbk_names=True),
    "zip_junk": _spoiling("zips", "file", "what file managers leave behind is known by name", junk=True),
    "zip_folder": _spoiling("zips", "file", _ONE, folder="成果/矢量"),
    "zip_two": Spoiling("zips", 9, "nothing", "two layers, and nobody said which", partial(_options, second=True),
                        {"layer": "first"}),
    "zip_escape": _spoiling("zips", "nothing", "a member leaves the folder; such a zip is not unpacked", escape=True),
    "csv_plain": _spoiling("tables", "file", _NO_CRS),
    "csv_one_cell": _spoiling("tables", "file", _ONE, one_cell=True),
    "csv_headerless": _spoiling("tables", "nothing", "the first line is a row; no column has a name", headerless=True),
    "csv_bom": _spoiling("tables", "file", _ONE, bom=True),
    "csv_semicolons": _spoiling("tables", "file", _ONE, delimiter=";"),
    "csv_tabs": _spoiling("tables", "file", _ONE, delimiter="\t"),
    "csv_gbk": _spoiling("tables", "file", "no UTF-8; as GB18030 it gives common characters", encoding="gbk"),
    "csv_utf16": _spoiling("tables", "file", "the byte order mark says it", encoding="utf-16"),
    "title_row": _spoiling("tables", "file", "a title stands alone in the first row, the names below", title=True),
    "xlsx_plain": _spoiling("tables", "file", _NO_CRS),
    "xlsx_empty_sheet": _spoiling("tables", "file", "the other sheet has no rows", empty_sheet=True),
    "xlsx_two_sheets": Spoiling("tables", 9, "nothing", "two sheets have rows, and nobody said which",
                                partial(_options, second=True), {"layer": "first"}),
    "kml_plain": _spoiling("containers", "file", "KML is in WGS 84 by its standard"),
    "dxf_plain": Spoiling("containers", 8, "nothing", _NO_CRS, _geometry_only),
    "srs_0": Spoiling("containers", 8, "fit", _NO_CRS, partial(_undeclared, srs_id=0), {"crs": "EPSG:4548"}),
    "srs_minus_1": Spoiling("containers", 8, "fit", _NO_CRS, partial(_undeclared, srs_id=-1), {"crs": "EPSG:4548"}),
    "gpkg_two": Spoiling("containers", 9, "nothing", "two layers, and nobody said which",
                         partial(_options, second=True), {"layer": "first"}),
    "no_rows": Spoiling("parts missing", 6, "nothing", _GONE, _empty),
    "no_shx": _spoiling("parts missing", "nothing", _GONE, without=(".shx",)),
    "no_dbf": _spoiling("parts missing", "nothing", _GONE, without=(".dbf",)),
    "no_shx_no_dbf": _spoiling("parts missing", "nothing", _GONE, without=(".shx", ".dbf")),
    "half_shp": _spoiling("parts missing", "nothing", _GONE, half=(".shp",)),
    "half_dbf": _spoiling("parts missing", "nothing", _GONE, half=(".dbf",)),
    "half_file": _spoiling("parts missing", "nothing", _GONE, half=("",)),
    "zero_bytes": _spoiling("parts missing", "nothing", _GONE, zero=True),
}  # fmt: skip
