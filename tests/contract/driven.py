"""One store, driven beside the model: what analysts do, what they may not ask for, and how every step is looked at."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import zip_longest
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gis.errors import (
    MigrationNeededError,
    RowsRefused,
    StaleEditError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from tests.contract import modelled
from tests.contract.modelled import KEYS, SOUTH, WEST, Layer, Row, Rows

MANY = 300_000


def meets(row: Row, box: tuple[float, ...]) -> bool:
    """Tell whether a row's own box meets another."""
    west, south, east, north = row["geometry"].bounds
    return west <= box[2] and east >= box[0] and south <= box[3] and north >= box[1]


class Driven:
    """Drive one store through the steps of analysts."""

    def __init__(
        self, seed: int, target: str, stages: Sequence[Any], again: Callable, outside: Callable, overwrite: Callable
    ) -> None:
        self.dice = random.Random(seed)
        self.embedded = target.endswith(".gpkg")
        self.outside, self.overwrite, self.stages = outside, overwrite, stages
        self.stage = 0
        self.again = lambda: again(catalogue=self.stages[self.stage])
        self.store = self.again()
        self.sessions = [self.store]
        self.fields = deepcopy(modelled.FIELDS)
        self.layers = {name: Layer() for name in self.fields}
        self.cells: dict[str, float | None] = {}
        self.past: dict[int, dict[str, Layer]] = {1: deepcopy(self.layers)}
        self.stale: dict[str, gpd.GeoDataFrame] = {}
        self.who = {"author": "li", "reason": "step"}
        self.done = ""

    def deeds(self) -> list[Callable[[str], None]]:
        """List what may be done, the more likely the more often."""
        often = [self.put] * 7 + [self.refuse] * 2 + [self.ask_oddly] * 2 + [self.retire] * 2
        return [*often, self.restore, self.remember, self.put_stale, self.put_alien, self.ask_much, self.migrate]

    def step(self) -> None:
        """Do one thing, and look at everything that it may have changed."""
        layer = self.dice.choice(list(self.fields))
        deed = self.dice.choice(self.deeds())
        self.done = f"{deed.__name__} {layer}"
        deed(layer)
        numbers = self.store.changes()["number"].tolist()
        assert numbers == list(range(1, len(numbers) + 1)), self.done
        self.past[numbers[-1]] = deepcopy(self.layers)
        assert self.store.findings().empty, self.done
        self.compare(layer)

    # --- looking ---------------------------------------------------------------------------------------------------

    def names(self, layer: str) -> list[str]:
        return [KEYS[layer], *self.fields[layer], "extra"]

    def expected(self, model: Layer, layer: str) -> list[tuple]:
        return modelled.expected(model.listed(), layer, self.fields[layer])

    def framed(self, layer: str, rows: Rows, dice: random.Random | None = None) -> gpd.GeoDataFrame:
        return modelled.framed(layer, rows, self.fields[layer], dice)

    def drawn(self, layer: str) -> Row:
        return modelled.drawn(self.dice, layer, self.fields[layer])

    def compare(self, layer: str) -> None:
        """Read in every way, and compare."""
        key, model = KEYS[layer], self.layers[layer]
        now = self.store.read(layer)
        self.same(modelled.listed(now, self.names(layer)), self.expected(model, layer))
        assert now["_version"].is_unique and now["_version"].gt(0).all()
        self.compare_past(layer)
        asked, box, name, wanted = self.question(layer)
        found = self.store.read(layer, bbox=asked["bbox"])
        self.same(found[key].tolist(), [one for one, row in model.listed() if meets(row, box)])
        among = [one for one, row in model.listed() if row.get(name) in wanted]
        self.same(self.store.read(layer, where=asked["where"])[key].tolist(), among)
        for known in self.known(layer, 1):
            states = self.store.history(layer, known)
            last = [row for row in self.expected(model, layer) if row[0] == known]
            self.same(modelled.listed(states, self.names(layer))[-1:], last)
            assert states["operation"].iloc[-1] != "retire"

    def question(self, layer: str) -> tuple[dict[str, Any], tuple[float, ...], str, list]:
        """Draw a box and values of a field, as they are asked for and as they are."""
        x, y = WEST + 100 * self.dice.randrange(20), SOUTH + 100 * self.dice.randrange(20)
        box = (x, y, x + 500, y + 500)
        name = self.dice.choice(list(self.fields[layer]))
        wanted = [modelled.value(self.dice, self.fields[layer][name]) for _ in range(3)]
        asked = {"bbox": self.dice.choice([list, np.array, pd.Series])(box), "where": {name: wanted}}
        return asked, box, name, wanted

    def compare_past(self, layer: str) -> None:
        """Read as of a change set, and as of its moment."""
        number = self.dice.choice(list(self.past))
        then = self.store.read(layer, as_of=number)
        self.same(modelled.listed(then, self.names(layer)), self.expected(self.past[number][layer], layer))
        asked, box, name, wanted = self.question(layer)
        some = self.store.read(layer, as_of=number, **asked)
        rows = self.past[number][layer].listed()
        keys = [key for key, row in rows if meets(row, box) and row.get(name) in wanted]
        self.same(some[KEYS[layer]].tolist(), keys)
        changes = self.store.changes()
        at = changes["at"].iloc[number - 1]
        # edits of other programs carry milliseconds, so that a later change set may bear an earlier moment
        last = int(changes.loc[changes["at"] <= at, "number"].max())
        if last in self.past:
            then = self.store.read(layer, as_of=at.to_pydatetime())
            self.same(modelled.listed(then, self.names(layer)), self.expected(self.past[last][layer], layer))

    def same(self, found: list, wanted: list) -> None:
        """Compare what the store shows with what the model says, and name what is not the same."""
        if found != wanted:
            pairs = [f"{one!r}\n  wanted {other!r}" for one, other in zip_longest(found, wanted) if one != other]
            pytest.fail("\n".join([self.done, *pairs[:3]]))

    def known(self, layer: str, most: int) -> list[str]:
        keys = list(self.layers[layer].rows)
        return self.dice.sample(keys, min(len(keys), self.dice.randint(0, most)))

    def fresh(self, layer: str, most: int, least: int = 0) -> Rows:
        free = [form.format(n) for n in range(40) for form in modelled.NAMES[layer]]
        free = [key for key in free if key not in self.layers[layer].rows]
        return {key: self.drawn(layer) for key in self.dice.sample(free, self.dice.randint(least, most))}

    def changed(self, layer: str, keys: list[str]) -> Rows:
        """Draw edits of rows: one field each, or the shape, or `extra`."""
        rows = {key: dict(self.layers[layer].rows[key]) for key in keys}
        for row in rows.values():
            name = self.dice.choice([*self.fields[layer], "extra", "geometry"])
            row[name] = self.drawn(layer)[name]
        return rows

    def versions(self, layer: str) -> dict[str, int]:
        base = self.store.read(layer)
        return dict(zip(base[KEYS[layer]], base["_version"], strict=True))

    def unheard(self, error: type[Exception] | tuple[type[Exception], ...], ask: Callable[[], Any], what: Any) -> None:
        """Ask for what is refused, and see that no change set comes of it."""
        before = len(self.store.changes())
        try:
            ask()
        except error:
            assert len(self.store.changes()) == before
        else:
            pytest.fail(f"{self.done}: {what!r} was taken")

    # --- what analysts do ------------------------------------------------------------------------------------------

    def put(self, layer: str) -> None:
        """Put new rows, edited rows and untouched ones, in any order and in any dtypes."""
        model, versions = self.layers[layer], self.versions(layer)
        edits, new = self.changed(layer, self.known(layer, 3)), self.fresh(layer, 3)
        rows = {key: model.rows[key] for key in self.known(layer, 3)} | edits | new
        rows = dict(self.dice.sample(list(rows.items()), len(rows)))
        frame = self.framed(layer, rows, self.dice.choice([None, self.dice]))
        frame["_version"] = pd.array([versions.get(key) for key in rows], dtype="Int64")
        if self.dice.random() < 0.2 and not new:
            # a frame of two columns changes one field
            name = self.dice.choice(list(self.fields[layer]))
            frame = pd.DataFrame(frame[[KEYS[layer], name, "_version"]])
            rows = {key: model.rows[key] | {name: row.get(name)} for key, row in rows.items()}
        done = self.store.put(layer, frame, **self.who)
        before = {row[0]: row for row in self.expected(model, layer)}
        after = modelled.expected(list(rows.items()), layer, self.fields[layer])
        updated = sum(before[row[0]] != row for row in after if row[0] in before)
        assert done.counts == {"inserted": len(new), "updated": updated, "unchanged": len(rows) - len(new) - updated}
        model.put(rows)

    def retire(self, layer: str) -> None:
        """Retire features; an unknown key keeps all of them."""
        keys = self.known(layer, 2)
        if self.dice.random() < 0.2 or not keys:
            self.unheard(
                (UnknownNameError, UsageError), lambda: self.store.retire(layer, [*keys, "no%s"], **self.who), keys
            )
            return
        self.store.retire(layer, keys, **self.who)
        for key in keys:
            del self.layers[layer].rows[key]

    def restore(self, layer: str) -> None:
        """Bring back what a feature was after some change set."""
        moment = self.dice.choice(list(self.past))
        then = self.past[moment][layer].rows
        if not then:
            return
        key = self.dice.choice(list(then))
        self.store.restore(layer, key, moment, **self.who)
        self.layers[layer].put({key: then[key]})

    def refuse(self, layer: str) -> None:
        """Put sound rows beside one that no store holds: nothing is written."""
        rows = self.fresh(layer, 3, 1)
        frame = self.framed(layer, rows)
        column = self.dice.choice([KEYS[layer], *self.fields[layer], "extra", "geometry"])
        kind = "key" if column == KEYS[layer] else self.fields[layer].get(column, column)
        bad, row = self.dice.choice(modelled.MISFITS[kind]), self.dice.randrange(len(rows))
        cells = [bad if place == row else cell for place, cell in enumerate(frame[column].astype(object))]
        made = pd.Series([None] * len(rows), dtype=object)
        for place, cell in enumerate(cells):
            made.iat[place] = cell
        if kind == "key" and isinstance(bad, str) and not bad.strip():
            made = made.astype(self.dice.choice(["object", "string[pyarrow]", "category"]))
        frame = frame.set_geometry(cells, crs=frame.crs) if column == "geometry" else frame.assign(**{column: made})
        self.unheard(RowsRefused, lambda: self.store.put(layer, frame, **self.who), bad)
        for key in self.known(layer, 1):
            with pytest.raises(RowsRefused, match="no_version"):
                self.store.put(layer, self.framed(layer, {key: self.drawn(layer)}), **self.who)

    def ask_oddly(self, layer: str) -> None:
        """Ask for what nobody can mean: places, moments, values, keys, versions."""
        store, read = self.store, partial(self.store.read, layer)
        name = self.dice.choice(list(self.fields[layer]))
        box, moment = self.dice.choice(modelled.BOXES), self.dice.choice(modelled.MOMENTS)
        last = len(store.changes())
        for as_of in (None, last):
            self.unheard(UsageError, lambda as_of=as_of: read(bbox=box, as_of=as_of), box)
        self.unheard(UsageError, lambda: read(as_of=moment), moment)
        assert read(as_of=self.dice.choice(modelled.EARLY)).empty
        assert len(read(as_of=self.dice.choice(modelled.LATE))) == len(self.layers[layer].rows)
        value = self.dice.choice(modelled.MISFITS[self.fields[layer][name]])
        if isinstance(value, str) and self.fields[layer][name] == "text":
            assert read(where={name: [value]}).empty
        else:
            self.unheard(UsageError, lambda: read(where={name: [value]}), value)
        self.unheard(UnknownNameError, lambda: read(where={f"{name}%s": value}), name)
        key = self.dice.choice(modelled.KEYLESS)
        for ask in (partial(store.history, layer, key), partial(store.retire, layer, [key], **self.who)):
            self.unheard(UsageError, ask, key)
        self.unheard(UsageError, lambda: store.restore(layer, key, last, **self.who), key)
        for known in self.known(layer, 1):
            self.unheard(UsageError, lambda known=known: store.restore(layer, known, moment, **self.who), moment)
            version = [self.dice.choice(modelled.VERSIONS)]
            frame = self.framed(layer, {known: self.drawn(layer)}).assign(_version=pd.Series(version, dtype=object))
            self.unheard(UsageError, lambda frame=frame: store.put(layer, frame, **self.who), version)

    def ask_much(self, layer: str) -> None:
        """Ask for very many values at once."""
        name = self.dice.choice(list(self.fields[layer]))
        type_ = self.fields[layer][name]
        known = [row.get(name) for _, row in self.layers[layer].listed()]
        wanted = self.dice.sample(known, min(2, len(known)))
        many: dict[str, Callable[[], list]] = {
            "text": lambda: [f"no {n} '%s" for n in range(MANY)],
            "real": lambda: [n + 0.25 for n in range(MANY)],
            "integer": lambda: [2_000_000 + n for n in range(MANY)],
            "boolean": lambda: [],
            "date": lambda: ["1000-01-01"] * MANY,
        }
        found = self.store.read(layer, where={name: [*many[type_](), *wanted]})
        listed = self.layers[layer].listed()
        assert found[KEYS[layer]].tolist() == [key for key, row in listed if row.get(name) in wanted]

    def remember(self, layer: str) -> None:
        """Read, and leave it lying about; go on in a new session, or in one that was left open."""
        self.stale[layer] = self.store.read(layer)
        self.sessions.append(self.again())
        self.store = self.dice.choice(self.sessions)

    def put_stale(self, layer: str) -> None:
        """Edit a row of an old reading: it passes only where nobody has touched the row since."""
        if layer not in self.stale or not len(self.stale[layer]):
            return
        base = self.stale[layer]
        row = base.iloc[[self.dice.randrange(len(base))]]
        key, name = row[KEYS[layer]].iloc[0], next(iter(self.fields[layer]))
        states = self.store.history(layer, key)
        current = states["_version"].iloc[-1] == row["_version"].iloc[0]
        edited = row.assign(**{name: "edited late"})
        if current:
            self.store.put(layer, edited, **self.who)
            self.layers[layer].rows[key] = self.layers[layer].rows[key] | {name: "edited late"}
        elif self.layers[layer].rows.get(key, {}).get(name) != "edited late":
            self.unheard(StaleEditError, lambda: self.store.put(layer, edited, **self.who), key)

    def put_alien(self, layer: str) -> None:
        """Edit a row with a version of another store, of another feature, or of nothing: only by force."""
        versions = self.versions(layer)
        for key in self.known(layer, 1):
            mine = versions[key]
            others = [mine + 10**9, mine % 10**9, 0, -mine, 10**18, *(set(versions.values()) - {mine})]
            row = self.layers[layer].rows[key] | {next(iter(self.fields[layer])): "alien"}
            frame = self.framed(layer, {key: row}).assign(_version=[self.dice.choice(others)])
            if self.layers[layer].rows[key] != row:
                self.unheard(StaleEditError, lambda frame=frame: self.store.put(layer, frame, **self.who), key)
            self.store.put(layer, frame, force=True, **self.who)
            self.layers[layer].rows[key] = row

    def migrate(self, layer: str) -> None:
        """Bring the store to the next catalogue while another session is open, which is told to open it again."""
        if self.stage + 1 == len(self.stages):
            return
        early, frame = self.store, self.store.read(layer)
        self.stage += 1
        late = self.again()
        with pytest.raises(MigrationNeededError):
            late.put(layer, frame, **self.who)
        lost = self.stage == 4 and any(int(float(lanes)) != lanes for lanes in self.ever("streets", "lanes"))
        if lost:
            self.unheard(RowsRefused, late.migrate, "digits")
            self.stage -= 1
            self.store = self.again()
            return
        late.migrate()
        for ask in (
            partial(early.put, layer, frame, **self.who),
            partial(early.retire, layer, ["x"], **self.who),
            partial(early.adopt, **self.who),
            partial(early.read, layer),
            early.migrate,
            early.findings,
        ):
            with pytest.raises(StoreError, match="open the store again"):
                ask()
        self.store, self.sessions = late, [late]
        gains = {1: ("blocks", "budget", "real"), 2: ("streets", "lanes", "integer"), 4: ("streets", "lanes", "real")}
        if self.stage in gains:
            name, field, type_ = gains[self.stage]
            self.fields[name][field] = type_

    def ever(self, layer: str, field: str) -> set[int]:
        """Return the values that a field ever had."""
        rows = [row for layers in self.past.values() for row in layers[layer].rows.values()]
        return {row[field] for row in rows if row.get(field) is not None}
