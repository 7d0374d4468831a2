"""What a store needs from the place that keeps its tables; GeoPackage and PostGIS are the two places.

Statements are written once, with `%s` for every bound value; a home quotes names, all of them the catalogue's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyproj

from gis.catalogue import Catalogue, Layer
from gis.store.records import Column, Row, columns

CHANGES = "gis_changes"
FACTS = "gis_store"
LINEAGE = "gis_lineage"
FORMAT = "1"


def history(layer: str) -> str:
    """Return the name of a layer's history table.

    Parameters
    ----------
    layer
        Name of the layer.

    Returns
    -------
    str
    """
    return f"gis_history_{layer}"


@dataclass(frozen=True)
class Layout:
    """Describe a table as it is found: the type of each column, and name, type and SRID of its geometry.

    Columns that the database computes from others are named apart: they hold nothing of their own.
    """

    types: Mapping[str, str]
    geometry: str | None = None
    kind: str | None = None
    srid: int | None = None
    computed: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """Return the names of the columns that hold something."""
        return frozenset(self.types)


class Home(ABC):
    """Keep the tables of one store: run statements, hold the writing lock, know the tables' shape.

    `name` is what messages call it (never a password); `srid` is how it numbers the store's CRS.
    """

    name: str
    srid: int

    @abstractmethod
    def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        Parameters
        ----------
        statement
            SQL with `%s` for bound values.
        parameters
            The values.

        Returns
        -------
        list of tuple

        Raises
        ------
        StoreError, StoreLockedError, StorePermissionError
            The home's own errors, in one clear sentence.
        """

    @abstractmethod
    def transaction(self, tables: Iterable[str] = ()) -> AbstractContextManager[None]:
        """Hold the writing lock; commit at the end, roll back on any error.

        Parameters
        ----------
        tables
            Tables that will be written.

        Returns
        -------
        context manager
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def table(self, name: str) -> str:
        """Return a table's name, quoted and qualified.

        Parameters
        ----------
        name
            Plain name.

        Returns
        -------
        str
        """

    @abstractmethod
    def column(self, name: str, alias: str | None = None) -> str:
        """Return a column's name, quoted.

        Parameters
        ----------
        name
            Plain name.
        alias
            Alias of its table.

        Returns
        -------
        str
        """

    @abstractmethod
    def shown(self, column: Column, alias: str, name: str | None = None) -> str:
        """Return the expression that yields a column's plain value (`gis.store.records`).

        Parameters
        ----------
        column
            The column.
        alias
            Alias of its table.
        name
            Its name where the table calls it otherwise.

        Returns
        -------
        str
        """

    @abstractmethod
    def among(self, expression: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        """Return the condition that an expression is one of many values.

        Parameters
        ----------
        expression
            SQL.
        values
            Plain values of one type, none missing.

        Returns
        -------
        tuple
            SQL and bound values.
        """

    @abstractmethod
    def within(self, layer: str, layout: Layout, bbox: Sequence[float]) -> tuple[str, list[Any]]:
        """Return the condition, for the alias t, that a row's box meets another, through the spatial index.

        Parameters
        ----------
        layer
            Name of the layer.
        layout
            Its table as found.
        bbox
            West, south, east, north in metres; rows just outside may be let through.

        Returns
        -------
        tuple
            SQL and bound values.
        """

    @abstractmethod
    def unlike(self, one: str, other: str) -> str:
        """Return the condition that two lists of expressions differ, missing values being alike.

        Parameters
        ----------
        one, other
            Expressions with commas between.

        Returns
        -------
        str
        """

    @abstractmethod
    def insert(self, table: str, names: Sequence[Column], rows: Sequence[Row]) -> None:
        """Insert rows.

        Parameters
        ----------
        table
            Plain name.
        names
            Columns of the rows.
        rows
            Plain values.
        """

    @abstractmethod
    def update(self, table: str, names: Sequence[Column], rows: Sequence[Row], key: str) -> None:
        """Update the rows that have the same key.

        Parameters
        ----------
        table
            Plain name.
        names
            Columns of the rows; the key is one of them.
        rows
            Plain values.
        key
            Name of the key.
        """

    def delete(self, table: str, keys: Collection[str], key: str) -> None:
        """Delete rows by key.

        Parameters
        ----------
        table
            Plain name.
        keys
            Keys of the rows.
        key
            Name of the key.
        """
        condition, values = self.among(self.column(key), keys)
        self.run(f"DELETE FROM {self.table(table)} WHERE {condition}", values)

    @abstractmethod
    def layout(self, table: str) -> Layout | None:
        """Return a table as it is found, None where there is none.

        Parameters
        ----------
        table
            Plain name.

        Returns
        -------
        Layout or None
        """

    @abstractmethod
    def create_store(self, crs: pyproj.CRS) -> None:
        """Make the store's own tables; the parameters of a bureau's own grid stay out of them.

        Parameters
        ----------
        crs
            Working CRS.
        """

    @abstractmethod
    def create_layer(self, layer: Layer) -> None:
        """Make a layer's table with its indexes, still without triggers of history.

        Parameters
        ----------
        layer
            The layer.
        """

    @abstractmethod
    def create_history(self, layer: Layer) -> None:
        """Make a layer's history table.

        Parameters
        ----------
        layer
            A base layer.
        """

    @abstractmethod
    def create_triggers(self, layer: Layer) -> None:
        """Make the triggers that record every edit of a layer, in place of those that are there.

        Parameters
        ----------
        layer
            A base layer.
        """

    @abstractmethod
    def remake(self, layer: Layer) -> list[str]:
        """Make a layer's table, whoever made it, the one that the store makes; its rows are not kept.

        Parameters
        ----------
        layer
            The layer.

        Returns
        -------
        list of str
            What hung on the table and could not be kept, as SQL names it.
        """

    @abstractmethod
    def alter(self, old: Layer, new: Layer) -> None:
        """Add fields to a layer and widen others, in its table and its history; rows and keys stay.

        Parameters
        ----------
        old, new
            The layer as stored and as wanted.
        """

    @abstractmethod
    def altered(self, layer: Layer) -> dict[str, str]:
        """Name the columns, and the spatial index, that are not as the store made them.

        Parameters
        ----------
        layer
            The layer.

        Returns
        -------
        dict
            What is there now, by the column's name.
        """

    @abstractmethod
    def refill(self, layer: Layer, rows: Sequence[Row], last: int) -> None:
        """Put rows in place of all that a layer's table holds, and drop its triggers, so that nothing is recorded.

        Parameters
        ----------
        layer
            A base layer whose table is as the store made it.
        rows
            Plain values, each row's fid first.
        last
            The highest fid that the layer ever had: new rows are numbered from there.
        """

    @abstractmethod
    def triggers_sound(self, layer: Layer) -> bool:
        """Tell whether a layer's triggers are there, are ours and are switched on.

        Parameters
        ----------
        layer
            A base layer.

        Returns
        -------
        bool
        """

    @abstractmethod
    def titles(self, layer: Layer) -> dict[str, str | None]:
        """Return what other programs are told a layer's table and its columns are called.

        Parameters
        ----------
        layer
            The layer.

        Returns
        -------
        dict
            Title by column, that of the table by an empty name; None where there is none.
        """

    @abstractmethod
    def describe(self, catalogue: Catalogue, layers: Iterable[Layer], *, anew: bool = False) -> None:
        """Write titles and styles where other programs look for them.

        Parameters
        ----------
        catalogue
            Source of code lists.
        layers
            The layers to describe.
        anew
            Write titles also where it is not known who wrote those that are there.
        """

    @abstractmethod
    def touch(self, layer: Layer) -> None:
        """Note that a layer's rows have changed where other programs look for it.

        Parameters
        ----------
        layer
            The layer.
        """

    @abstractmethod
    def open_change(self, author: str, reason: str, operation: str, layer: str | None) -> int:
        """Begin a change set inside a transaction; rows written until its end belong to it.

        Parameters
        ----------
        author, reason
            Who and why.
        operation
            "put", "retire", "restore", "load", "replace", "adopt" or "migrate".
        layer
            The layer written, None for several.

        Returns
        -------
        int
            Number of the change set.
        """

    @abstractmethod
    def close_change(self, number: int, counts: str) -> None:
        """End a change set.

        Parameters
        ----------
        number
            The open change set.
        counts
            JSON with what was done.
        """

    @abstractmethod
    def moment(self, at: Any) -> Any:
        """Return a point in time as the home compares it.

        Parameters
        ----------
        at
            A datetime with time zone.

        Returns
        -------
        object
        """

    def select(self, layer: Layer, layout: Layout, alias: str = "t") -> str:
        """Return the list of expressions that yield a stored row, NULL where the table lacks a column.

        Parameters
        ----------
        layer
            The layer.
        layout
            Its table as found.
        alias
            Alias of the table.

        Returns
        -------
        str
        """
        parts = []
        for column in columns(layer):
            name = layout.geometry if column.type == "geometry" else column.name
            there = name is not None and name in layout.columns
            parts.append(self.shown(column, alias, name) if there else "NULL")
        return ", ".join(parts)

    def facts(self) -> dict[str, str]:
        """Return what the store says about itself: format, catalogue, CRS.

        Returns
        -------
        dict
        """
        return dict(self.run(f"SELECT {self.column('name')}, {self.column('value')} FROM {self.table(FACTS)}"))

    def state(self, facts: Mapping[str, str]) -> None:
        """Write facts about the store.

        Parameters
        ----------
        facts
            Value by name.
        """
        for name, value in facts.items():
            self.run(f"DELETE FROM {self.table(FACTS)} WHERE {self.column('name')} = %s", [name])
            self.run(f"INSERT INTO {self.table(FACTS)} VALUES (%s, %s)", [name, value])
