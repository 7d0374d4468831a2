"""The store: one contract over two homes. Change sets, history, stale edits, restore, adopt, migrate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

import pandas as pd
import pyproj

from gis import findings as issues
from gis.catalogue import Catalogue, Layer
from gis.errors import AdoptionNeededError, MigrationNeededError, UsageError
from gis.lineage import Lineage
from gis.settings import Settings
from gis.store import changes, derived, edits, integrity, migrations, reading
from gis.store.changes import Change, Draft
from gis.store.edits import Desk, Track
from gis.store.home import Home
from gis.store.migrations import Plan
from gis.store.records import decode


class Store:
    """Keep a district's layers with their whole history; `gis.store.open_store` opens one.

    Parameters
    ----------
    home
        Where the tables are.
    catalogue
        The rules of the layers.
    settings
        The bureau's settings.
    crs
        Working CRS of the store.

    Notes
    -----
    Every write is one change set, all or nothing. A writer holds the store's lock from its first look to its last
    row, so nobody else's edit can come between. Reading never waits for a writer to finish its checks.
    """

    def __init__(self, home: Home, catalogue: Catalogue, settings: Settings, crs: pyproj.CRS) -> None:
        self.home = home
        # what messages call the store
        self.name = home.name
        self.catalogue = catalogue
        self.settings = settings
        self.crs = crs
        # shows progress while very many rows are written
        self.track: Track | None = None
        self._schema, self._digest = (home.facts()[name] for name in ("schema", "catalogue"))
        self._held = migrations.held(self._schema)
        self._faults = integrity.inspect(home, self._tables())

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close the file or the connection."""
        self.home.close()

    def layers(self) -> tuple[str, ...]:
        """Return the names of the layers that the store holds, in the catalogue's order."""
        return tuple(name for name in self.catalogue.layers if name in self._held)

    def read(
        self,
        layer: str,
        *,
        where: Mapping[str, Any] | None = None,
        bbox: Sequence[float] | None = None,
        as_of: int | datetime | None = None,
    ) -> pd.DataFrame:
        """Read a layer as it is, or as it was.

        Parameters
        ----------
        layer
            Name of the layer.
        where
            Value, or list of values, by field; None stands for a missing value.
        bbox
            West, south, east, north in metres: features whose own box meets it.
        as_of
            Number of a change set, or a datetime with time zone, of transaction time.

        Returns
        -------
        pandas.DataFrame
            The layer's fields, `extra` where a row has one, `_version`, geometry; RangeIndex, in the order in which
            features came in; a GeoDataFrame in the store's CRS where the layer has geometry.

        Raises
        ------
        UnknownNameError
            No such layer or field.
        UsageError
            A naive datetime, an unknown change set, or a value that its field cannot have.
        """
        record = self.catalogue.layer(layer)
        migrations.require_same(self.home, self._schema)
        if as_of is None:
            found = reading.current(self.home, record, where=where, bbox=bbox, made=self._held.get(layer))
        else:
            self._base(record, "was not kept: it is replaced whole and has no history")
            reading.present(self.home, record)
            found = reading.past(self.home, record, reading.number_at(self.home, as_of), where=where)
        return reading.framed(self.home, record, self.crs, found, bbox=bbox)

    def put(
        self,
        layer: str,
        frame: pd.DataFrame,
        *,
        author: str,
        reason: str,
        force: bool = False,
        noted: tuple[str, pd.DataFrame] | None = None,
    ) -> Change:
        """Insert new features and change known ones; rows that are not in the frame stay as they are.

        Parameters
        ----------
        layer
            Name of a base layer.
        frame
            Rows with canonical column names. A column that is absent keeps what is stored; columns that no field
            knows belong into `extra`, a JSON text.
        author, reason
            Who and why.
        force
            Change rows whatever their `_version`.
        noted
            Who found what on the way, such as ("reconcile", a table of `gis.findings`); replaces what was so found.

        Returns
        -------
        Change
            With the numbers of rows inserted, updated and unchanged.

        Raises
        ------
        CrsError
            The frame has no CRS or another one than the store.
        RowsRefused
            Rows break rules, or known keys come without `_version`; every fault is listed and nothing is written.
        StaleEditError
            Rows were changed or retired by somebody else after they were read; both versions are listed.
        """
        record = self._base(self.catalogue.layer(layer), "is derived: it is replaced whole with replace()")
        with self._change(author, reason, "put", [record, *derived.beside(self.catalogue)]) as draft:
            draft.counts.update(edits.write(self._desk, record, edits.settle(self._desk, record, frame, force=force)))
            draft.counts.update(derived.noted(self._desk, record, noted, self.settings.lang, draft.number))
        return draft.change

    def retire(self, layer: str, keys: str | Collection[str], *, author: str, reason: str) -> Change:
        """Take features out of the present, and what checks found about them; history keeps the features.

        Parameters
        ----------
        layer
            Name of a base layer.
        keys
            One key or several.
        author, reason
            Who and why.

        Returns
        -------
        Change

        Raises
        ------
        UnknownNameError, RowsRefused
            A key does not exist; other features refer to one of them.
        """
        record = self._base(self.catalogue.layer(layer), "is derived: it is replaced whole with replace()")
        with self._change(author, reason, "retire", [record, *derived.beside(self.catalogue)]) as draft:
            draft.counts["retired"] = edits.retire(self._desk, record, keys)
            derived.forget(self._desk, record, keys)
        return draft.change

    def history(self, layer: str, key: str) -> pd.DataFrame:
        """Read every state that a feature ever had.

        Parameters
        ----------
        layer
            Name of a base layer.
        key
            The feature's key.

        Returns
        -------
        pandas.DataFrame
            change, author, reason, at (UTC), operation (insert, update, retire), then as `read`; oldest first. A
            retired state shows what was retired.

        Raises
        ------
        UnknownNameError
            The layer never had such a feature.
        UsageError
            The key is no text.
        """
        record = self._base(self.catalogue.layer(layer), "has no history: it is replaced whole")
        migrations.require_same(self.home, self._schema)
        found = reading.states(self.home, record, key)
        frame = reading.framed(self.home, record, self.crs, found, skip=5)
        for place, name in enumerate(("change", "author", "reason", "at", "operation")):
            frame.insert(place, name, [row[place] for row in found])
        frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
        return frame

    def restore(self, layer: str, key: str, change: int, *, author: str, reason: str) -> Change:
        """Make a feature again what it was after a change set.

        Parameters
        ----------
        layer
            Name of a base layer.
        key
            The feature's key.
        change
            Number of a change set.
        author, reason
            Who and why.

        Returns
        -------
        Change

        Raises
        ------
        UsageError
            The feature did not exist then.
        RowsRefused
            The old state breaks a rule of today, such as a reference to a feature that is gone.
        """
        record = self._base(self.catalogue.layer(layer), "has no history: it is replaced whole")
        reading.states(self.home, record, key)
        with self._change(author, reason, "restore", [record]) as draft:
            then = reading.past(self.home, record, reading.number_at(self.home, change), where={record.key: key})
            if not then:
                raise UsageError(f"{layer} {key!r} did not exist after change {change}; see history()", change=change)
            whole = decode(then, record, self.crs)
            draft.counts.update(edits.write(self._desk, record, edits.settle(self._desk, record, whole, force=True)))
        return draft.change

    def changes(self) -> pd.DataFrame:
        """List the change sets, oldest first.

        Returns
        -------
        pandas.DataFrame
            number, author, reason, at (UTC), operation, layer, and inserted, updated, retired, unchanged (rows). The
            author of an edit made in another program is "outside".
        """
        return changes.listed(self.home, list(self._held.values()))

    def replace(
        self,
        layer: str,
        frame: pd.DataFrame,
        *,
        lineage: Lineage | None = None,
        where: Mapping[str, Any] | None = None,
        author: str = "gis",
        reason: str = "",
    ) -> Change:
        """Replace a derived layer, or one part of it, by new rows.

        Parameters
        ----------
        layer
            Name of a derived layer.
        frame
            All its rows; for `findings` a table of `gis.findings` will do.
        lineage
            What they were made from.
        where
            Value by field: only the rows that have it are replaced.
        author, reason
            Who and why.

        Returns
        -------
        Change

        Raises
        ------
        UsageError
            The layer is no derived one.
        RowsRefused
            Rows break rules; every fault is listed and nothing is written.
        """
        record = self.catalogue.layer(layer)
        if not record.derived:
            raise UsageError(f"layer {layer!r} is a base layer; edit it with put() and retire()", layer=layer)
        with self._change(author, reason or f"{layer} computed", "replace", [record]) as draft:
            shaped = derived.shaped(frame, record, self._desk, self.settings.lang, where or {})
            draft.counts["inserted"] = derived.replace(self._desk, record, shaped, where or {})
            derived.note(self.home, record, draft.number, lineage)
        return draft.change

    def lineage(self, layer: str) -> dict[str, Any] | None:
        """Tell what a derived layer was made from.

        Parameters
        ----------
        layer
            Name of a derived layer.

        Returns
        -------
        dict or None
            operation, inputs, parameters, versions and the change set's number; None before it was ever made.
        """
        return reading.lineage(self.home, self.catalogue.layer(layer))

    def load(
        self,
        layer: str,
        accepted: pd.DataFrame,
        quarantined: pd.DataFrame,
        findings: pd.DataFrame,
        *,
        author: str,
        reason: str,
        force: bool = False,
    ) -> Change:
        """Store what intake made of a file: good rows, quarantined rows and findings, in one transaction.

        Parameters
        ----------
        layer
            Name of a base layer.
        accepted
            Rows for the layer, as for `put`; rows that equal what is stored are no edit.
        quarantined
            Rows for the layer `quarantine`; they replace those that the layer had there.
        findings
            Table of `gis.findings`, `file` beside; it replaces the findings of loads about the layer.
        author, reason
            Who and why.
        force
            Let the file overwrite rows that are stored otherwise.

        Returns
        -------
        Change
            With the numbers of rows inserted, updated, unchanged, and in quarantine and findings.

        Raises
        ------
        RowsRefused
            An accepted row breaks a rule, or is stored otherwise; nothing is written.
        """
        record = self._base(self.catalogue.layer(layer), "is derived: it is replaced whole with replace()")
        beside = {"quarantine": quarantined, "findings": findings}
        written = [record, *map(self.catalogue.layer, beside)]
        with self._change(author, reason, "load", written) as draft:
            sorted_ = edits.settle(self._desk, record, accepted, force=force, again=True)
            draft.counts.update(edits.write(self._desk, record, sorted_))
            draft.counts.update(derived.load(self._desk, record, beside, self.settings.lang, draft.number))
        return draft.change

    def findings(self) -> pd.DataFrame:
        """Look again whether every layer shows what its history says, and whether the catalogue is the store's own.

        Returns
        -------
        pandas.DataFrame
            store.table_missing, store.columns_changed, store.trigger_missing, store.rows_differ, store.result_changed
            (then `adopt`), store.catalogue_changed, store.words_changed, store.titles_old (then `migrate`); empty when
            all is well.
        """
        migrations.require_same(self.home, self._schema)
        self._faults = integrity.inspect(self.home, self._tables())
        return issues.join(self._faults, migrations.said(self.home, self.plan(), self.catalogue))

    def adopt(self, *, author: str, reason: str, discard: bool = False) -> Change:
        """Record what another program did behind history's back as one change set, and make the layers whole again.

        Parameters
        ----------
        author, reason
            Who and why.
        discard
            Take history's last state back instead.

        Returns
        -------
        Change
            Its findings say which columns could not stay; their values are in `extra`, those of results are gone.

        Raises
        ------
        RowsRefused
            The other program left rows that the layer cannot hold.
        CrsError
            It left them in another CRS.
        """
        migrations.require_same(self.home, self._schema)
        torn = integrity.inspect(self.home, self._tables())["layer"]
        # results first: what is found about the others is written into one of them
        known = sorted(self._tables(), key=lambda layer: not layer.derived)
        layers = [layer for layer in known if torn.eq(layer.name).any()]
        beside = [] if self.plan().steps else derived.beside(self.catalogue)
        with self._change(author, reason, "adopt", [*layers, *beside], checked=False) as draft:
            for layer in layers:
                said = integrity.adopt(self._desk, layer, draft, discard=discard)
                derived.noted(self._desk, layer, ("adopt", said) if beside else None, self.settings.lang, draft.number)
        self._faults = integrity.inspect(self.home, self._tables())
        return draft.change

    def plan(self) -> Plan:
        """Return what `migrate` would do."""
        return migrations.plan(self._held, self.catalogue, self._digest)

    def migrate(self, *, author: str = "gis", reason: str = "") -> Plan:
        """Make the store fit the catalogue: additions and widenings, in one transaction.

        Parameters
        ----------
        author, reason
            Who and why.

        Returns
        -------
        Plan
            What was done.

        Raises
        ------
        MigrationNeededError
            The catalogue would narrow the store; nothing is done.
        RowsRefused
            A value would lose digits in its field's new type.
        AdoptionNeededError
            Another program has changed a layer.
        """
        wanted = migrations.retitled(self.home, self.plan(), self.catalogue)
        migrations.refuse(self.home, self._schema, wanted)
        if wanted.current and not wanted.steps:
            return wanted
        with self._change(author, reason or str(wanted), "migrate", list(self._held.values())):
            migrations.apply(self.home, self._held, self.catalogue)
        self._held, self._digest = dict(self.catalogue.layers), self.catalogue.digest
        self._schema = self.home.facts()["schema"]
        return wanted

    @property
    def _desk(self) -> Desk:
        """Return what edits need."""
        return Desk(self.home, self.catalogue, self.crs, self.track)

    def _tables(self) -> list[Layer]:
        """Return the layers as the store was made; with our own catalogue they carry all rules."""
        return list((self.catalogue.layers if self.plan().current else self._held).values())

    def _base(self, layer: Layer, why: str) -> Layer:
        """Refuse a derived layer."""
        if layer.derived:
            raise UsageError(f"layer {layer.name!r} {why}", layer=layer.name)
        return layer

    @contextmanager
    def _change(
        self, author: str, reason: str, operation: str, layers: Sequence[Layer], *, checked: bool = True
    ) -> Iterator[Draft]:
        """Hold the lock and one open change set, after refusing what would tear the store further."""
        changes.require(author, reason)
        plan = self.plan()
        if plan.steps and operation not in {"migrate", "adopt"}:
            raise MigrationNeededError(
                f"{self.name} was made with another catalogue; run gis migrate before writing. It would:\n{plan}",
                plan=plan,
            )
        with self.home.transaction([layer.name for layer in layers]):
            migrations.require_same(self.home, self._schema)
            torn = sorted({*self._faults["layer"], *integrity.torn(self.home, self._tables(), layers)})
            if checked and torn:
                raise AdoptionNeededError(
                    f"{self.name}: another program has changed {', '.join(torn)} behind history's back; look at "
                    "findings(), then run gis adopt",
                    layers=torn,
                )
            name = layers[0].name if operation in {"put", "retire", "restore", "load", "replace"} else None
            with changes.opened(self.home, author, reason, operation, name) as draft:
                yield draft
