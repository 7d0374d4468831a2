"""How many rows and columns a file promises, counted where it says so before a row is read."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio

from gis.errors import SourceError
from gis.intake.admission import limits, nesting, packages

# steps of SQLite between two looks at the clock
_STEPS = 100_000
_BATCH = 10_000
_PIECE = 1 << 24
_JSON = {".json", ".geojson", ".geojsonl", ".topojson"}
_NAME = re.compile(rb'"([^"]*)"\s*:')
_BYTES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


def layer(path: Path, name: str) -> None:
    """Refuse a layer with more rows or columns than allowed, or with geometries that nest too deep.

    Parameters
    ----------
    path
        The file as GDAL opens it.
    name
        Name of the layer.

    Raises
    ------
    SourceError
        With the number.
    """
    if path.suffix.lower() == ".gpkg":
        _table(path, name)
        return
    if path.suffix.lower() in _JSON and not _has_many_names(path):
        return
    # readers take ever longer for each further column, and not so who only asks for their names
    info = pyogrio.read_info(path, layer=name, encoding="latin-1" if path.suffix.lower() == ".tab" else None)
    limits.require("columns", len(info["fields"]))
    limits.require("rows", int(info["features"]))


def _has_many_names(path: Path) -> bool:
    """Tell whether a JSON has more names than columns are allowed, told without parsing it once more."""
    names: set[bytes] = set()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE) + stream.readline(_PIECE):
            names.update(_NAME.findall(piece))
            if len(names) > limits.current().columns:
                return True
    return False


def parquet(path: Path) -> None:
    """Refuse a Parquet file with more rows, columns or bytes than allowed, or with geometries that nest too deep.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SourceError
        With the number.
    """
    with pq.ParquetFile(path) as file:
        about = file.metadata
        limits.require("columns", len(file.schema_arrow), path.name)
        limits.require("rows", about.num_rows, path.name)
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        limits.require("bytes", sum(group.total_byte_size for group in groups), path.name)
        grown = 0
        for field in file.schema_arrow:
            if not about.num_rows or not _is_bytes(field.type):
                continue
            if b"geo" in (file.schema_arrow.metadata or {}):
                nesting.wkb(_long(file, field.name), path.name)
            if sum(_most(group, field.name) for group in groups) > limits.current().bytes:
                grown += _unpacked(path, field.name, grown)


def _is_bytes(kind: pa.DataType) -> bool:
    """Tell whether the values of a column are texts or bytes."""
    return any(test(kind.value_type if pa.types.is_dictionary(kind) else kind) for test in _BYTES)


def _long(file: pq.ParquetFile, name: str) -> Iterator[bytes]:
    """Yield the values of a column that are long enough for geometries in others."""
    for batch in file.iter_batches(_BATCH, columns=[name]):
        column = batch.column(0)
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        raw = pc.cast(plain, pa.large_binary())
        for value in pc.filter(raw, pc.greater(pc.binary_length(raw), 9 * limits.current().nesting)):
            if value.is_valid:
                yield value.as_py()


def _most(group: pq.RowGroupMetaData, name: str) -> int:
    """Return how many bytes a column may unpack to at most: each value may be the longest of its dictionary."""
    columns = [group.column(number) for number in range(group.num_columns)]
    return sum(
        one.num_values * one.total_uncompressed_size if one.has_dictionary_page else one.total_uncompressed_size
        for one in columns
        if one.path_in_schema.split(".")[0] == name
    )


def _unpacked(path: Path, name: str, before: int) -> int:
    """Return how many bytes a column unpacks to; each text is held once."""
    total = 0
    with pq.ParquetFile(path, read_dictionary=[name]) as file:
        for batch in file.iter_batches(_BATCH, columns=[name]):
            column = batch.column(0)
            if pa.types.is_dictionary(column.type):
                lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
            else:
                lengths = pc.binary_length(column)
            total += pc.sum(lengths).as_py() or 0
            limits.require("bytes", before + total, path.name)
    return total


def _table(path: Path, name: str) -> None:
    """Refuse a table or view of a GeoPackage that is too long, too wide, takes too long, or nests too deep."""
    table = packages.quoted(name)
    try:
        with _opened(path) as base:
            limits.require("columns", len(base.execute(f"PRAGMA table_info({table})").fetchall()))
            counted = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {limits.current().rows + 1})"
            limits.require("rows", base.execute(counted).fetchone()[0])
            nesting.wkb(_shapes(base, table, name))
    except sqlite3.DatabaseError as error:
        raise SourceError(f"{path.name} is damaged: {error}; ask for it again", path=path.name) from None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for reading, and stop what it is asked for when the time is over."""
    until = time.monotonic() + limits.current().seconds
    try:
        with closing(packages.opened(path)) as base:
            base.text_factory = lambda raw: raw.decode("utf-8", "replace")
            base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            yield base
    except sqlite3.OperationalError as error:
        if time.monotonic() > until:
            raise limits.late() from None
        # a view may call a function that only the program which made it has
        if "no such" not in str(error):
            raise


def _shapes(base: sqlite3.Connection, table: str, name: str) -> Iterator[bytes]:
    """Yield the geometries of a table that are long enough to hold others."""
    columns = base.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (name,)).fetchall()
    for (column,) in columns:
        quoted = packages.quoted(str(column))
        long = f"typeof({quoted}) = 'blob' AND length({quoted}) > {9 * limits.current().nesting}"
        for (blob,) in base.execute(f"SELECT {quoted} FROM {table} WHERE {long}"):
            yield blob
