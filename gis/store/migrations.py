"""Migrations: what must change in a store so that it fits another catalogue, and doing it in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gis import findings
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import MigrationNeededError, RowsRefused, StoreError
from gis.store.described import remembered, unrecorded
from gis.store.home import CHANGES, FORMAT, LINEAGE, Home, history

# whole numbers up to here are reals to the last digit
_EXACT = 2**53
# types that hold every value of another one
_WIDENINGS = {("integer", "real"), ("json", "text")}


@dataclass(frozen=True)
class Step:
    """Name one change: what kind, in which layer and field, from what to what.

    `allowed` is False for a narrowing: it could lose values, so it is never done.
    """

    kind: str
    layer: str
    field: str | None = None
    before: str = ""
    after: str = ""
    allowed: bool = True

    def __str__(self) -> str:
        """Return the step as one line."""
        place = f"{self.layer}.{self.field}" if self.field else self.layer
        change = f": {self.before} -> {self.after}" if self.before else ""
        return f"{self.kind} {place}{change}{'' if self.allowed else ' (refused)'}"


@dataclass(frozen=True)
class Plan:
    """List the steps from a store's catalogue to another one; `before` and `after` are the digests."""

    steps: tuple[Step, ...]
    before: str
    after: str

    @property
    def refused(self) -> tuple[Step, ...]:
        """Return the steps that would narrow the store."""
        return tuple(step for step in self.steps if not step.allowed)

    @property
    def current(self) -> bool:
        """Tell whether the store was made with this very catalogue."""
        return self.before == self.after

    def __str__(self) -> str:
        """Return the plan with one step a line."""
        return "\n".join(map(str, self.steps)) or "nothing changes in the tables"


def schema(layers: Mapping[str, Layer]) -> str:
    """Describe the tables of some layers, for the store to keep.

    Parameters
    ----------
    layers
        Layers by name.

    Returns
    -------
    str
        JSON.
    """
    content = {
        name: {
            "geometry": layer.geometry,
            "key": layer.key,
            "derived": layer.derived,
            "fields": [[field.name, field.type, field.width] for field in layer.fields],
        }
        for name, layer in layers.items()
    }
    return json.dumps(content, sort_keys=True)


def held(text: str) -> dict[str, Layer]:
    """Return the layers that a store's tables were made for.

    Parameters
    ----------
    text
        As `schema` wrote it.

    Returns
    -------
    dict
        Layers by name; only what decides a table is filled in.
    """
    layers = {}
    for name, content in json.loads(text).items():
        fields = tuple(
            Field(field, field, field, type_, "text", width, required=unique, unique=unique)
            for field, type_, width in content["fields"]
            for unique in [field == content["key"]]
        )
        shape, key = content["geometry"], content["key"]
        layers[name] = Layer(name, name, name, name, shape, key, fields, derived=content["derived"])
    return layers


def facts(home: Home) -> dict[str, str]:
    """Return what a store says about itself, whole.

    Parameters
    ----------
    home
        The store's home.

    Returns
    -------
    dict
        Value by name.

    Raises
    ------
    StoreError
        Something is missing, or can't be what the store wrote.
    """
    known = home.facts()
    try:
        spoilt = sorted({"format", "catalogue", "schema", "crs", "srid"} - known.keys())
        if not spoilt and known["format"] == FORMAT:
            held(known["schema"])
            int(known["srid"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        spoilt = ["schema or srid"]
    spoilt += [table for table in (CHANGES, LINEAGE) if home.layout(table) is None]
    if spoilt:
        raise StoreError(
            f"{home.name}: what the store keeps about itself is spoilt or gone ({', '.join(spoilt)}); "
            "another program has written there: take a copy of the store from before",
            target=home.name,
        )
    return known


def plan(old: Mapping[str, Layer], catalogue: Catalogue, before: str) -> Plan:
    """Compare a store's tables with a catalogue.

    Parameters
    ----------
    old
        The layers of the store.
    catalogue
        The catalogue wanted.
    before
        Digest of the catalogue that the store was made with.

    Returns
    -------
    Plan
    """
    steps = [
        *(Step("drop layer", name, allowed=False) for name in old if name not in catalogue.layers),
        *(Step("add layer", name) for name in catalogue.layers if name not in old),
        *(step for name, layer in catalogue.layers.items() if name in old for step in _changes(old[name], layer)),
    ]
    return Plan(tuple(steps), before, catalogue.digest)


def lists(catalogue: Catalogue) -> str:
    """Write down the codes of a catalogue's lists, for the store to keep.

    Parameters
    ----------
    catalogue
        The catalogue.

    Returns
    -------
    str
        JSON.
    """
    return json.dumps({name: [code.code for code in listed] for name, listed in catalogue.codes.items()})


def said(home: Home, wanted: Plan, catalogue: Catalogue) -> pd.DataFrame:
    """Find how the catalogue that a store was made with differs from another one.

    Parameters
    ----------
    home
        The store's home.
    wanted
        The plan from one to the other.
    catalogue
        The other one.

    Returns
    -------
    pandas.DataFrame
        store.catalogue_changed where tables would change; store.words_changed where only code lists, words or colours
        do; store.titles_old where a store made long ago has other titles; empty where it is the very same.
    """
    if wanted.steps:
        steps = [str(step) for step in wanted.steps]
        return findings.table([findings.finding("store.catalogue_changed", "", severity="warning", steps=steps)])
    old: dict[str, list[str]] = {}
    for step in retitled(home, wanted, catalogue).steps:
        old.setdefault(step.layer, []).append(f"{step.before} -> {step.after}")
    said_ = [findings.finding("store.titles_old", name, severity="info", titles=both) for name, both in old.items()]
    if not wanted.current:
        changed = list(_list_changes(remembered(home, "lists"), catalogue))
        said_.insert(0, findings.finding("store.words_changed", "", severity="info", lists=changed))
    return findings.table(said_)


def retitled(home: Home, wanted: Plan, catalogue: Catalogue) -> Plan:
    """Add to a plan the titles of tables and columns that would be replaced without knowing whose they are.

    Parameters
    ----------
    home
        The store's home.
    wanted
        The plan from the store's catalogue to another one.
    catalogue
        The other one.

    Returns
    -------
    Plan
        Titles that the store knows to be its own follow the catalogue without a word, those that somebody has written
        since stay as they are.
    """
    old = unrecorded(home, catalogue.layers.values())
    steps = (Step("change title", title.layer, title.field, title.there, title.wanted) for title in old)
    return replace(wanted, steps=(*wanted.steps, *steps))


def refuse(home: Home, schema: str, wanted: Plan) -> None:
    """Refuse a plan that would narrow a store, or that was made for tables which are no more.

    Parameters
    ----------
    home
        The store's home.
    schema
        What the store said about its tables when it was opened.
    wanted
        The plan.

    Raises
    ------
    MigrationNeededError
        It would narrow the store.
    StoreError
        Another session has migrated it.
    """
    require_same(home, schema)
    if wanted.refused:
        steps = "; ".join(map(str, wanted.refused))
        raise MigrationNeededError(
            f"{home.name} cannot be made to fit this catalogue, values could be lost: {steps}; "
            "put back what the catalogue has dropped",
            plan=wanted,
        )


def require_same(home: Home, schema: str) -> None:
    """Refuse to go on with tables that another session has migrated since this one opened the store.

    Parameters
    ----------
    home
        The store's home.
    schema
        What the store said about its tables when it was opened.

    Raises
    ------
    StoreError
        It says otherwise now.
    """
    if home.facts()["schema"] != schema:
        raise StoreError(
            f"{home.name} was brought up to another catalogue after it was opened here; open the store again, with "
            "the new catalogue (a notebook: restart it)",
            target=home.name,
        )


def apply(home: Home, old: Mapping[str, Layer], catalogue: Catalogue) -> None:
    """Add what a catalogue adds and widen what it widens; the plan has nothing to refuse.

    Parameters
    ----------
    home
        The store's home, in a transaction.
    old
        The layers of the store.
    catalogue
        The catalogue wanted.

    Raises
    ------
    RowsRefused
        A value would lose digits in its field's new type, now or in history.
    """
    lost = findings.table(
        fault
        for name, layer in catalogue.layers.items()
        if name in old
        for fault in _digits_lost(home, old[name], layer)
    )
    if len(lost):
        raise RowsRefused(
            f"{home.name} keeps its tables: {len(lost)} integers beyond 2⁵³ would lose digits as reals, the first is "
            f"{lost['layer'].iloc[0]} {lost['feature'].iloc[0]} {lost['parameters'].iloc[0]}; correct them, or give "
            "the catalogue a new field instead",
            lost,
        )
    for name, layer in catalogue.layers.items():
        if name not in old:
            create(home, layer)
        elif any(_changes(old[name], layer)):
            home.alter(old[name], layer)
        elif not layer.derived:
            # fields may have changed their order, and the triggers name them
            home.create_triggers(layer)
    home.describe(catalogue, catalogue.layers.values(), anew=True)
    home.state({"catalogue": catalogue.digest, "schema": schema(catalogue.layers), "lists": lists(catalogue)})


def create(home: Home, layer: Layer) -> None:
    """Make a layer's table, and for a base layer its history and triggers.

    Parameters
    ----------
    home
        The store's home, in a transaction.
    layer
        The layer.
    """
    home.create_layer(layer)
    if not layer.derived:
        home.create_history(layer)
        home.create_triggers(layer)


def _list_changes(before: dict[str, Any] | None, catalogue: Catalogue) -> Iterator[str]:
    """Yield each code list whose codes have changed, with those that have come and gone."""
    if before is None:
        yield "?"
        return
    for name in sorted({*before, *catalogue.codes}):
        now = [code.code for code in catalogue.codes[name]] if name in catalogue.codes else []
        was = before.get(name, [])
        signed = [(f"+{code}", code in was) for code in now] + [(f"-{code}", code in now) for code in was]
        if changes := [text for text, there in signed if not there]:
            yield f"{name} {' '.join(changes)}"


def _changes(old: Layer, new: Layer) -> Iterator[Step]:
    """Yield the steps from one layer to another of the same name."""
    for name, before, after in (("key", old.key, new.key), ("derived", str(old.derived), str(new.derived))):
        if before != after:
            yield Step(f"change {name}", new.name, None, before, after, allowed=False)
    if old.geometry != new.geometry:
        yield Step("change geometry", new.name, None, old.geometry, new.geometry, allowed=False)
    there = {field.name: field for field in old.fields}
    yield from (Step("drop field", new.name, name, allowed=False) for name in there if name not in new.columns)
    for field in new.fields:
        if field.name not in there:
            yield Step("add field", new.name, field.name)
        else:
            yield from _field_changes(new.name, there[field.name], field)


def _field_changes(layer: str, old: Field, new: Field) -> Iterator[Step]:
    """Yield the steps from one field to another of the same name."""
    if old.type != new.type:
        wider = (old.type, new.type) in _WIDENINGS
        yield Step("change type", layer, new.name, old.type, new.type, allowed=wider)
    elif old.width != new.width:
        wider = new.width is None or (old.width is not None and new.width > old.width)
        yield Step("change width", layer, new.name, str(old.width), str(new.width), allowed=wider)


def _digits_lost(home: Home, old: Layer, new: Layer) -> Iterator[dict[str, Any]]:
    """Yield a finding for every integer, stored or in history, that a real would round."""
    key = home.column(old.key)
    for field in new.fields:
        if field.type != "real" or field.name not in old.columns or old.field(field.name).type != "integer":
            continue
        value = home.column(field.name)
        for table in [old.name] if old.derived else [old.name, history(old.name)]:
            found = home.run(
                f"SELECT DISTINCT {key}, {value} FROM {home.table(table)} WHERE {value} > %s OR {value} < %s "
                f"ORDER BY {key}, {value}",
                [_EXACT, -_EXACT],
            )
            for feature, number in found:
                if int(float(number)) != number:
                    yield findings.finding(
                        "row.type", old.name, feature, field=field.name, value=str(number), type="real", row="—"
                    )
