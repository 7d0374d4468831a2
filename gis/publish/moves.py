"""What a reconciliation moved, for people: a sheet of stretches beside its findings, or the stretches as lines."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from gis.catalogue import Catalogue, Layer
from gis.publish import files, rounding, workbook
from gis.publish.tables import About, Column, Table

_TEXTS = ("layer", "feature", "followed_layer", "followed")
_METRES = ("length_m", "shift_m", "x", "y")
# a stretch of a metre that moved a millimetre gives ten square centimetres
_GROUND = rounding.Display("m²", 1.0, 3, "#,##0.000")


def write(
    moves: gpd.GeoDataFrame,
    found: pd.DataFrame,
    out: Path,
    *,
    catalogue: Catalogue,
    about: About | None = None,
) -> Path:
    """Write the stretches that moved.

    Parameters
    ----------
    moves
        As `gis.intake.reconcile.Reconciled` has them.
    found
        Findings of the reconciliation; a workbook has a sheet of them.
    out
        *.xlsx for a workbook; *.gpkg, *.geojson, *.parquet or *.csv for the stretches alone, as lines.
    catalogue
        Titles and sentences.
    about
        Who answers for the workbook.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    UsageError
        Another suffix.
    StorePermissionError
        The system does not let us write there.
    """
    words = catalogue.words("workbook")
    if out.suffix.lower() == ".xlsx":
        sheets = (_stretches(moves, catalogue), workbook.findings_sheet(found, catalogue))
        return workbook.write_sheets(out, sheets, about or About(), words["moves"])
    files.write(moves, out, layer=_layer(words["moves"], catalogue.words("workbook", "en")["moves"]))
    return out


def _stretches(moves: gpd.GeoDataFrame, catalogue: Catalogue) -> Table:
    """Lay out 界线移动: what moved, onto whose line, how far, and the ground gained and lost."""
    words = catalogue.words("workbook")
    titles = {name: layer.zh for name, layer in catalogue.layers.items()}
    columns = [
        Column(
            words.get(f"move_{name}") or words[f"finding_{name}"],
            name,
            titles=titles if name.endswith("layer") else None,
        )
        for name in _TEXTS
    ]
    columns += [Column(words[f"move_{name}"], name, rounding.PLACE, "m") for name in _METRES[:2]]
    columns += [Column(words[f"move_{name}"], name, _GROUND, "m²", total=True) for name in ("gained_m2", "lost_m2")]
    columns += [Column(words[f"finding_{name}"], name, rounding.PLACE, "m") for name in _METRES[2:]]
    rows = pd.DataFrame(moves.drop(columns=moves.geometry.name))
    return Table(words["moves"], rows, tuple(columns), words["moves_basis"])


def _layer(zh: str, en: str) -> Layer:
    """Return what a file of stretches is called; it is no layer of a store."""
    return Layer("moves", "move", zh, en, "LineString", "feature", ())
