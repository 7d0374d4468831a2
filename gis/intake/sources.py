"""What a file gave: its frame as it came, and every decision that was made while reading it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from gis.errors import SourceError

# files that hold others
_ZIPS = {".zip", ".kmz", ".ovkmz"}
# what GDAL takes for the address of a file or service, or for the text of one
_ADDRESS = re.compile(r"[/\\]vsi\w*[/\\]|[a-z][\w+.-]+:(?![/\\]?$)|\s*[{<]", re.IGNORECASE)


@dataclass(frozen=True)
class Decision:
    """Record one thing that was settled while reading: so that a person can check it and a load can be repeated.

    Parameters
    ----------
    matter
        "crs", "axes", "encoding", "datum", "layer", "member", "names" (of members) or "geometry".
    value
        What was decided.
    how
        "given" by the caller, "declared" by the file, "standard" of the format, "evidence", or what it was told from.
    """

    matter: str
    value: str
    how: str


@dataclass(frozen=True)
class Hypothesis:
    """Hold one explanation of a file, and how well what is in the file and around it supports it.

    Parameters
    ----------
    matter
        "place", "encoding" or "names" (of members of a zip).
    value
        What the file would be in, such as "EPSG:4548" or "EPSG:4326, GCJ-02".
    score
        From 0, impossible, to 1, all evidence speaks for it; only the order of scores means something.
    evidence
        What speaks for it or against it.
    """

    matter: str
    value: str
    score: float
    evidence: str

    def __str__(self) -> str:
        return f"{self.value} [{self.score:.2f}: {self.evidence}]"


@dataclass(frozen=True)
class Spread:
    """Record one cell of a sheet that is merged over several rows; the frame holds it in each of them.

    Parameters
    ----------
    column
        The column's name.
    rows
        Rows of the frame, from 0; the first is where the cell stands.
    cells
        Its ends as the sheet names them, such as D2:D4.
    """

    column: str
    rows: tuple[int, ...]
    cells: str


@dataclass(frozen=True)
class Content:
    """Hold what a reader found in a file, before its place on the ground is settled.

    Parameters
    ----------
    frame
        A GeoDataFrame, with a CRS where the file has one, or a plain DataFrame.
    format
        Name of the format.
    inner
        Name of the layer or sheet inside the file.
    claims
        Where the frame's CRS comes from: "declared" in the file, "standard" of the format, or "none".
    decisions
        What the reader settled.
    notes
        Rows of findings (`gis.findings.finding`).
    ranking
        Explanations that were weighed, the likeliest first.
    spreads
        Cells that are merged over several rows.
    unread
        What the file says of its CRS in words that nobody here understands; then the frame has no CRS.
    datum
        The shifted datum ("GCJ-02" or "BD-09") that the file names or that its maker is known for, else "".
    marks
        What tells that datum.
    unsaid
        Cells of a sheet that show an error or wait for a result: row of the frame, column, and what stands there.
    unit
        Sign of the unit of area that a title names for a whole table, "" for none, several in one text.
    """

    frame: pd.DataFrame
    format: str
    inner: str | None = None
    claims: str = "none"
    decisions: tuple[Decision, ...] = ()
    notes: tuple[dict[str, Any], ...] = ()
    ranking: tuple[Hypothesis, ...] = ()
    spreads: tuple[Spread, ...] = ()
    unread: str = ""
    datum: str = ""
    marks: str = ""
    unit: str = ""
    unsaid: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """Hold a file's rows as they came, where they lie, and how that was decided.

    Parameters
    ----------
    frame
        A GeoDataFrame with a CRS, or a DataFrame for a table without places. Columns and values as in the file; text
        stays text, integers stay integers. Row numbers of findings count from 1 in this order.
    path
        The file.
    format
        "shapefile", "GeoPackage", "GeoJSON", "GeoParquet", "CSV", "workbook", "OSMnx JSON", "GTFS" or GDAL's name.
    inner
        Name of the layer, sheet or member inside the file, None where there is but one.
    decisions
        What was settled while reading.
    notes
        Findings about the file as a whole.
    ranking
        Explanations that were weighed, the likeliest first; none where the file left no doubt.
    spreads
        Cells that are merged over several rows.
    unsaid
        Cells of a sheet that show an error or wait for a result: row of the frame, column, and what stands there.
    unit
        Sign of the unit of area that a title names for a whole table, "" for none, several in one text.
    """

    frame: pd.DataFrame
    path: Path
    format: str
    inner: str | None
    decisions: tuple[Decision, ...]
    notes: pd.DataFrame = field(repr=False)
    ranking: tuple[Hypothesis, ...] = field(default=(), repr=False)
    spreads: tuple[Spread, ...] = field(default=(), repr=False)
    unit: str = ""
    unsaid: tuple[tuple[int, str, str], ...] = ()

    def decided(self, matter: str) -> Decision | None:
        """Return the decision on a matter, None where there was nothing to decide."""
        return next((item for item in reversed(self.decisions) if item.matter == matter), None)


def parted(path: Path) -> tuple[Path, str | None]:
    """Part FILE#NAME, one layer of several or a member of a zip in whatever folder, into the two.

    Parameters
    ----------
    path
        As it was named.

    Returns
    -------
    tuple
        The file, and the name within it or None.
    """
    if os.path.exists(path):
        return path, None
    for folder in (path, *path.parents):
        file, mark, first = folder.name[1:].partition("#")
        if mark:
            inner = PurePosixPath(first, *path.parts[len(folder.parts) :])
            return folder.with_name(f"{folder.name[0]}{file}"), str(inner)
    return path, None


def absent(path: Path) -> SourceError:
    """Return the error that there is no such file; an address or a query in its place is never asked.

    Parameters
    ----------
    path
        As it was named.

    Returns
    -------
    gis.errors.SourceError
    """
    if _ADDRESS.match(str(path)):
        advice = "an address or a query, and nothing is fetched; save what it gives as a file, and name that"
        return SourceError(f"{path} is no file here but {advice}", path=str(path))
    return SourceError(f"there is no file {path}", path=str(path))


def bare(inner: str, path: Path) -> str:
    """Return what a layer or a member is called by itself: members of a zip have a folder and a suffix too.

    Parameters
    ----------
    inner
        Its name within the file.
    path
        The file.

    Returns
    -------
    str
    """
    return PurePosixPath(inner).stem if path.suffix.lower() in _ZIPS else inner
