"""The store beside a model in plain Python: random work of two analysts and of other programs, on both homes.

After every step the store shows what the model (`modelled`) says, now and at a moment of the past; what nobody may ask
for is refused, and changes nothing (`driven`). A seed that fails is run again by its number: GIS_TEST_SEEDS=17:18; a
wider range drives the store for longer than a round of tests can.
"""

from __future__ import annotations

import dataclasses
import os
import re
import time
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import pandas as pd
import pytest

from gis.errors import AdoptionNeededError
from gis.store import open_store
from tests.contract import modelled
from tests.contract.driven import Driven
from tests.contract.modelled import KEYS, Rows

# no run takes longer, however slow the machine, unless seeds are asked for
SECONDS, STEPS = 14.0, 45
ASKED = os.environ.get("GIS_TEST_SEEDS", "")
SEEDS = range(*map(int, ASKED.split(":"))) if ASKED else range(1, 3)
EVENTS = ("insert", "update", "delete")
LAYERS = ("blocks", "streets", "comments", "cells", "findings")
# columns that other programs add: type, a value in SQL, and what `extra` has of it
ADDED = [
    ("TEXT", "'a\\ %s'", "a\\ %s"),
    ("REAL", "0.5", 0.5),
    ("BOOLEAN", "TRUE", True),
    ("DATE", "'2021-05-01'", "2021-05-01"),
]
# types that other programs give a column, by its own
TYPES = {
    "text": ["varchar(254)"],
    "integer": ["text", "numeric"],
    "real": ["text"],
    "boolean": ["text", "integer"],
    "date": ["text", "timestamp"],
}


@pytest.fixture(scope="module")
def stages(whole_catalogue):
    few = MappingProxyType({name: whole_catalogue.layers[name] for name in LAYERS})
    return modelled.stages(dataclasses.replace(whole_catalogue, layers=few))


@pytest.fixture(scope="module")
def catalogue(stages):
    return stages[0]


@pytest.fixture(scope="module")
def template(tmp_path_factory, catalogue):
    path = tmp_path_factory.mktemp("model") / "template.gpkg"
    open_store(path, catalogue=catalogue, create=True).close()
    return path


def text(value: str) -> str:
    """Return a text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


class Run(Driven):
    """Drive one store through the steps of analysts and of other programs."""

    def deeds(self) -> list:
        """List what may be done, the more likely the more often."""
        others = [self.edit_outside] * 3 + [self.alter_columns] * 2 + [self.alter_types, self.append, self.write_over]
        return [*super().deeds(), *others, self.work_behind, self.drop, self.compute]

    def literal(self, layer: str, name: str) -> tuple[str, Any]:
        """Draw a value for a field, as SQL has it and as it is."""
        type_ = self.fields[layer][name]
        drawn = 0.5 if type_ == "real" else modelled.value(self.dice, type_)
        if drawn is None:
            return "NULL", None
        if type_ in {"text", "date"}:
            return text(str(drawn)), drawn
        return str(drawn), drawn

    def edit_outside(self, layer: str) -> None:
        """Update, delete and give another key with SQL, under the eyes of history."""
        key, model = KEYS[layer], self.layers[layer]
        for known in self.known(layer, 2):
            name, deed = self.dice.choice(list(self.fields[layer])), self.dice.random()
            if deed < 0.5:
                said, value = self.literal(layer, name)
                self.outside(f"UPDATE {layer} SET {name} = {said} WHERE {key} = {text(known)}")
                model.rows[known] = model.rows[known] | {name: value}
            elif deed < 0.8:
                self.outside(f"DELETE FROM {layer} WHERE {key} = {text(known)}")
                del model.rows[known]
            else:
                new = next(iter(self.fresh(layer, 1, 1)))
                self.outside(f"UPDATE {layer} SET {key} = {text(new)} WHERE {key} = {text(known)}")
                model.rows[new], model.places[new] = model.rows.pop(known), model.places.pop(known)

    def append(self, layer: str) -> None:
        """Append rows to the very table, in a GeoPackage with GDAL, whose points have no envelope."""
        new = self.fresh(layer, 2)
        if not new:
            return
        if self.embedded:
            frame = self.framed(layer, new).rename_geometry("geom")
            frame.to_file(self.store.home.path, layer=layer, mode="a", engine="pyogrio")
        else:
            name = next(iter(self.fields[layer]))
            for key, row in new.items():
                shape = f"ST_GeomFromText('{row['geometry'].wkt}', 4548)"
                shape = shape if layer == "comments" else f"ST_Multi({shape})"
                self.outside(f"INSERT INTO {layer} ({KEYS[layer]}, {name}, geom) VALUES ({text(key)}, 'new', {shape})")
                new[key] = {name: "new", "geometry": row["geometry"]}
        for key, row in new.items():
            self.layers[layer].insert(key, row)

    def write_over(self, layer: str) -> None:
        """Write a layer anew as simple tools do, in another order, with edits; adopt it, or take the old state back."""
        left = {key: row for key, row in self.layers[layer].rows.items() if self.dice.random() < 0.8}
        rows = left | self.changed(layer, [key for key in self.known(layer, 3) if key in left]) | self.fresh(layer, 2)
        rows = dict(self.dice.sample(list(rows.items()), len(rows)))
        if not rows:
            return
        frame = self.framed(layer, rows)
        if self.dice.random() < 0.3:
            # a column of its own; what has no value there is as it was
            shades = [self.dice.choice(["红 %s", None]) for _ in rows]
            frame["shade"] = pd.Series(shades, dtype="str")
            for (key, row), shade in zip(list(rows.items()), shades, strict=True):
                rows[key] = row if shade is None else row | {"extra": modelled.moved(row.get("extra"), "shade", shade)}
        self.overwrite(frame, layer)
        self.take(layer, rows)

    def drop(self, layer: str) -> None:
        """Drop a layer's table, or empty it: its features are retired, or come back."""
        if self.dice.random() < 0.5:
            self.outside(f"DELETE FROM {layer}" if self.embedded else f"TRUNCATE {layer}")
            self.layers[layer].rows = {}
            return
        self.outside(f"DROP TABLE {layer}{'' if self.embedded else ' CASCADE'}")
        self.store = self.again()
        assert self.store.findings()["code"].tolist() == ["store.table_missing"]
        edit = self.framed(layer, {})
        self.unheard(AdoptionNeededError, lambda: self.store.put(layer, edit, **self.who), "edit")
        discard = self.dice.random() < 0.5
        self.store.adopt(discard=discard, **self.who)
        if not discard:
            self.layers[layer].rows = {}

    def unwatched(self, layer: str) -> list[str]:
        """Return the statements that take the triggers off a layer."""
        on = "" if self.embedded else f" ON {layer}"
        return [f"DROP TRIGGER gis_{layer}_{event}{on}" for event in EVENTS]

    def work_behind(self, layer: str) -> None:
        """Take the triggers off a layer and edit it."""
        rows = deepcopy(self.layers[layer].rows)
        name, key = next(iter(self.fields[layer])), KEYS[layer]
        self.outside(*self.unwatched(layer))
        for known in self.known(layer, 2):
            self.outside(f"UPDATE {layer} SET {name} = 'behind' WHERE {key} = {text(known)}")
            rows[known] = rows[known] | {name: "behind"}
        for known in self.known(layer, 1):
            self.outside(f"DELETE FROM {layer} WHERE {key} = {text(known)}")
            del rows[known]
        self.take(layer, rows)

    def alter_types(self, layer: str) -> None:
        """Give a column, or the key, another type that holds the same values."""
        fields = self.fields[layer] | {KEYS[layer]: "text"}
        name = self.dice.choice(list(fields))
        self.retype(layer, name, self.dice.choice(TYPES[fields[name]]), fields[name])
        self.take(layer, deepcopy(self.layers[layer].rows))

    def retype(self, layer: str, name: str, type_: str, was: str) -> None:
        """Change a column's type, in a GeoPackage as GDAL does: in the text of the table's statement."""
        if not self.embedded:
            through = "::boolean::integer" if (was, type_) == ("boolean", "integer") else f"::{type_}"
            self.outside(f"ALTER TABLE {layer} ALTER COLUMN {name} TYPE {type_} USING {name}{through}")
            return
        ((made,),) = self.outside(f"SELECT sql FROM sqlite_master WHERE name = '{layer}'")
        unique = " NOT NULL UNIQUE" if name == KEYS.get(layer) else ""
        changed = re.sub(rf'"{name}" [^,]*?CHECK \((?:[^()]|\([^()]*\))*\)', f'"{name}" {type_}{unique}', made)
        assert changed != made
        ((version,),) = self.outside("PRAGMA schema_version")
        self.outside(
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_master SET sql = {text(changed)} WHERE name = '{layer}'",
            f"PRAGMA schema_version = {version + 1}",
        )

    def alter_columns(self, layer: str) -> None:
        """Rename, drop or add a column, or drop the index of the shapes; hang an index and a view on the table."""
        rows = deepcopy(self.layers[layer].rows)
        name, added = self.dice.choice(list(self.fields[layer])), self.dice.choice(ADDED)
        index = [f"DROP INDEX {layer}_geom_idx"]
        if self.embedded:
            seen = self.store.home.run("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
            index = [f'DROP TRIGGER "{one}"' for (one,) in seen if one.startswith(f"rtree_{layer}_")]
            index += [f"DROP TABLE rtree_{layer}_geom"]
        deed = self.dice.choice(["rename", "drop", "add", "add", "index", "type"])
        statements = {
            "rename": [*self.unwatched(layer), f"ALTER TABLE {layer} RENAME COLUMN {name} TO somebody_s"],
            "drop": [*self.unwatched(layer), f"ALTER TABLE {layer} DROP COLUMN {name}"],
            "add": [f'ALTER TABLE {layer} ADD COLUMN "a ""b"" %" {added[0]}'],
            "index": index,
            "type": [] if self.embedded else [f"ALTER TABLE {layer} ALTER COLUMN geom TYPE geometry"],
        }
        made = f"{layer}_{len(self.past)}"
        hung = [f"CREATE INDEX by_{made} ON {layer} (fid)", f"CREATE VIEW of_{made} AS SELECT fid FROM {layer}"]
        if not statements[deed]:
            return
        self.outside(*(hung if self.dice.random() < 0.5 and deed != "type" else []), *statements[deed])
        if deed == "add":
            for known in self.known(layer, 2):
                self.outside(f'UPDATE {layer} SET "a ""b"" %" = {added[1]} WHERE {KEYS[layer]} = {text(known)}')
                rows[known]["extra"] = modelled.moved(rows[known].get("extra"), 'a "b" %', added[2])
        if deed == "rename":
            for row in rows.values():
                if row.get(name) is not None:
                    row["extra"] = modelled.moved(row.get("extra"), "somebody_s", modelled.written(row[name]))
        if deed in {"rename", "drop"}:
            rows = {key: row | {name: None} for key, row in rows.items()}
        self.take(layer, rows)

    def compute(self, layer: str) -> None:
        """Replace a result, which another program may have changed: its columns are named, and never just gone."""
        self.cells = {f"K{n}": self.dice.choice([None, 0.5, 1 / 3]) for n in range(self.dice.randint(1, 4))}
        frame = pd.DataFrame({"cell_id": list(self.cells), "area_m2": pd.Series(self.cells.values(), dtype="float64")})
        self.store.replace("cells", frame)
        deed = self.dice.choice(["", "add", "rename", "drop", "type"])
        column = {"add": 'odd "%s', "rename": "somebody_s"}.get(deed)
        if deed == "add":
            self.outside('ALTER TABLE cells ADD COLUMN "odd ""%s" TEXT', 'UPDATE cells SET "odd ""%s" = \'x\'')
        elif deed == "type":
            self.retype("cells", "area_m2", "text", "real")
        elif deed:
            self.outside(
                f"ALTER TABLE cells {'RENAME' if deed == 'rename' else 'DROP'} COLUMN area_m2"
                + (" TO somebody_s" if deed == "rename" else "")
            )
            self.cells = dict.fromkeys(self.cells)
        if deed in {"add", "rename", "drop"}:
            self.store = self.again()
            assert self.store.findings()["layer"].tolist() == ["cells"]
            self.unheard(AdoptionNeededError, lambda: self.store.replace("cells", frame), deed)
            said = self.store.adopt(discard=self.dice.random() < 0.3, **self.who).findings
            assert said["code"].tolist() == ["store.column_dropped"] * (column is not None)
        found = self.store.read("cells")
        cells = [None if pd.isna(area) else area for area in found["area_m2"]]
        assert dict(zip(found["cell_id"], cells, strict=True)) == self.cells, self.done
        self.store.replace("cells", found.drop(columns="_version"))

    def take(self, layer: str, rows: Rows) -> None:
        """Open anew: the layer is torn, shows what is there, is not written to; then adopt."""
        self.store = self.again()
        assert set(self.store.findings()["layer"]) == {layer}, self.done
        self.unheard(AdoptionNeededError, lambda: self.store.put(layer, self.framed(layer, {}), **self.who), "edit")
        shown = self.store.read(layer)
        assert sorted(shown[KEYS[layer]]) == sorted(rows)
        discard = self.dice.random() < 0.25
        self.store.adopt(discard=discard, **self.who)
        if not discard:
            self.layers[layer].adopt(rows)


# other programs may put a polygon where multipolygons are; GDAL says so once a process
@pytest.mark.filterwarnings("ignore:A geometry of type:RuntimeWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_store_is_what_the_model_says(target, again, outside, overwrite, stages, seed):
    """Whatever was done by whomever, now and in the past."""
    run = Run(seed, target, stages, again, outside, overwrite)
    until = time.monotonic() + SECONDS
    for _ in range(STEPS):
        run.step()
        if time.monotonic() > until and not ASKED:
            break
