"""Migrations: what must change in a store so that it fits another catalogue, and doing it in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gis.catalogue import Catalogue, Field, Layer
from gis.store.home import Home

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
    """
    for name, layer in catalogue.layers.items():
        if name not in old:
            create(home, layer)
        elif any(_changes(old[name], layer)):
            home.alter(old[name], layer)
        elif not layer.derived:
            # fields may have changed their order, and the triggers name them
            home.create_triggers(layer)
    home.describe(catalogue, catalogue.layers.values())
    home.state({"catalogue": catalogue.digest, "schema": schema(catalogue.layers)})


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
