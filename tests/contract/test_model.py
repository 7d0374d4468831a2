"""The store beside a model in plain Python: random work of two analysts and of other programs, on both homes.

The model is a dictionary of rows and a list of what every layer was after each change set. After every step the store
shows what the model says, now and at a moment of the past. A seed that fails is run again by its number.
"""

from __future__ import annotations

import random
import time
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely.affinity import translate

from gis.errors import AdoptionNeededError, RowsRefused, StaleEditError, UnknownNameError

WEST, SOUTH = 480_000, 4_420_000
# no run takes longer, however slow the machine
SECONDS, STEPS = 14.0, 45
POINT, LINE = shapely.Point(WEST, SOUTH), shapely.LineString([(WEST, SOUTH), (WEST + 40, SOUTH + 10)])
SHAPES = {
    "comments": [POINT],
    "streets": [LINE, shapely.MultiLineString([LINE, translate(LINE, 0, 50)])],
    "blocks": [shapely.box(WEST, SOUTH, WEST + 80, SOUTH + 60), shapely.box(WEST, SOUTH, WEST + 9, SOUTH + 9)],
}
FIELDS = {
    "comments": {"text": "text", "received_on": "date"},
    "streets": {"name": "text", "width_m": "real"},
    "blocks": {"name": "text", "residents": "integer", "is_renewal": "boolean", "control_total_m2": "real"},
}
KEYS = {"comments": ("comment_id", "C{}"), "streets": ("street_id", "路 {}'"), "blocks": ("block_id", "MC00-{:04d}")}
TEXTS = ["永定", "O'Neil \"; --", "a\nb", "100 %", "𠮷", " x ", None]

Rows = dict[str, dict]


@dataclass
class Layer:
    """Hold one layer as it should be: rows by key, each feature's place, also of those that are gone."""

    rows: Rows = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def insert(self, key: str, row: dict) -> None:
        self.places[key] = 1 + max(self.places.values(), default=0)
        self.rows[key] = row

    def adopt(self, rows: Rows) -> None:
        """Take in what another program left: known features keep their place, new ones follow by key."""
        for key in sorted(set(rows) - set(self.places)):
            self.places[key] = 1 + max(self.places.values(), default=0)
        self.rows = rows

    def listed(self) -> list[tuple[str, dict]]:
        return sorted(self.rows.items(), key=lambda item: self.places[item[0]])


def value(dice: random.Random, type_: str):
    """Draw a value of a type, missing ones among them."""
    made = {
        "text": lambda: dice.choice(TEXTS),
        "real": lambda: dice.choice([0.1 + 0.2, 12.0, 1 / 3, 0.0]),
        "integer": lambda: dice.randrange(1_000_000),
        "boolean": lambda: dice.random() < 0.5,
        "date": lambda: dice.choice([date.min, date(1949, 10, 1) + timedelta(days=dice.randrange(30_000)), date.max]),
    }
    return None if dice.random() < 0.2 else made[type_]()


def drawn(dice: random.Random, layer: str) -> dict:
    """Draw a row."""
    shape = translate(dice.choice(SHAPES[layer]), 100 * dice.randrange(20), 100 * dice.randrange(20))
    return {name: value(dice, type_) for name, type_ in FIELDS[layer].items()} | {"geometry": shape}


def framed(layer: str, rows: Rows) -> gpd.GeoDataFrame:
    """Return rows as a frame, in the dtypes that people have."""
    cells = {name: [row[name] for row in rows.values()] for name in FIELDS[layer]}
    dtypes = {"text": "str", "real": "float64", "integer": "Int64", "boolean": "boolean", "date": "datetime64[us]"}
    columns = {name: pd.Series(cells[name], dtype=dtypes[type_]) for name, type_ in FIELDS[layer].items()}
    shapes = [row["geometry"] for row in rows.values()]
    keys = pd.Series(list(rows), dtype="str")
    return gpd.GeoDataFrame({KEYS[layer][0]: keys} | columns, geometry=shapes, crs="EPSG:4548")


def plain(frame: gpd.GeoDataFrame, layer: str) -> list[tuple]:
    """Return what a frame shows as plain values."""
    names = [KEYS[layer][0], *FIELDS[layer]]
    cells = [[None if pd.isna(cell) else cell for cell in frame[name]] for name in names]
    return list(zip(*cells, map(shapely.to_wkt, frame.geometry), strict=True))


class Run:
    """Drive one store through random steps."""

    def __init__(self, seed: int, target: str, again, outside, overwrite) -> None:
        self.dice = random.Random(seed)
        self.embedded = target.endswith(".gpkg")
        self.again, self.outside, self.overwrite = again, outside, overwrite
        self.store = again()
        self.layers = {name: Layer() for name in FIELDS}
        self.past: dict[int, dict[str, Layer]] = {1: deepcopy(self.layers)}
        self.stale: dict[str, gpd.GeoDataFrame] = {}
        self.who = {"author": "li", "reason": "step"}

    def step(self) -> None:
        """Do one thing, and look at everything that it may have changed."""
        layer = self.dice.choice(list(FIELDS))
        deeds = [self.put] * 5 + [self.retire, self.restore, self.refuse, self.remember, self.put_stale, self.retire]
        deeds += [self.edit_outside] * 2 + [self.write_over, self.work_behind, self.append, self.alter_columns]
        deed = self.dice.choice(deeds)
        deed(layer)
        last = int(self.store.changes()["number"].max())
        self.past[last] = deepcopy(self.layers)
        assert self.store.findings().empty, deed.__name__
        self.compare(layer)

    def compare(self, layer: str) -> None:
        """Read in every way, and compare."""
        now = self.store.read(layer)
        assert plain(now, layer) == self.expected(self.layers[layer], layer)
        assert now["_version"].is_unique
        moment = self.dice.choice(list(self.past))
        then = self.store.read(layer, as_of=moment)
        assert plain(then, layer) == self.expected(self.past[moment][layer], layer)
        x, y = WEST + 100 * self.dice.randrange(20), SOUTH + 100 * self.dice.randrange(20)
        box = shapely.box(x, y, x + 500, y + 500)
        inside = [row for row in self.layers[layer].listed() if shapely.box(*row[1]["geometry"].bounds).intersects(box)]
        found = self.store.read(layer, bbox=(x, y, x + 500, y + 500))
        assert found[KEYS[layer][0]].tolist() == [key for key, _ in inside]
        name = next(iter(FIELDS[layer]))
        wanted = self.dice.sample(TEXTS, 2)
        among = [key for key, row in self.layers[layer].listed() if row[name] in wanted]
        assert self.store.read(layer, where={name: wanted})[KEYS[layer][0]].tolist() == among

    def expected(self, model: Layer, layer: str) -> list[tuple]:
        return plain(self.canonical(framed(layer, dict(model.listed())), layer), layer)

    def canonical(self, frame: gpd.GeoDataFrame, layer: str) -> gpd.GeoDataFrame:
        single = {"LineString": shapely.multilinestrings, "Polygon": shapely.multipolygons}
        return frame.set_geometry(
            [single[shape.geom_type]([shape]) if shape.geom_type in single else shape for shape in frame.geometry],
            crs=frame.crs,
        )

    def known(self, layer: str, most: int) -> list[str]:
        keys = list(self.layers[layer].rows)
        return self.dice.sample(keys, min(len(keys), self.dice.randint(0, most)))

    def fresh(self, layer: str, most: int) -> Rows:
        free = [KEYS[layer][1].format(n) for n in range(40)]
        free = [key for key in free if key not in self.layers[layer].rows]
        return {key: drawn(self.dice, layer) for key in self.dice.sample(free, self.dice.randint(0, most))}

    def changed(self, layer: str, keys: list[str]) -> Rows:
        """Draw edits of rows: one field each, or the shape."""
        rows = {key: dict(self.layers[layer].rows[key]) for key in keys}
        for row in rows.values():
            name = self.dice.choice([*FIELDS[layer], "geometry"])
            row[name] = drawn(self.dice, layer)[name]
        return rows

    # --- what analysts do ------------------------------------------------------------------------------------------

    def put(self, layer: str) -> None:
        """Put new rows, edited rows and untouched ones, in any order."""
        model, base = self.layers[layer], self.store.read(layer)
        versions = dict(zip(base[KEYS[layer][0]], base["_version"], strict=True))
        edits, new = self.changed(layer, self.known(layer, 3)), self.fresh(layer, 3)
        rows = {key: model.rows[key] for key in self.known(layer, 3)} | edits | new
        rows = dict(self.dice.sample(list(rows.items()), len(rows)))
        frame = framed(layer, rows).assign(_version=pd.array([versions.get(key) for key in rows], dtype="Int64"))
        done = self.store.put(layer, frame, **self.who)
        was = self.canonical(framed(layer, model.rows), layer)
        before = dict(zip(model.rows, plain(was, layer), strict=True))
        after = dict(zip(rows, plain(self.canonical(framed(layer, rows), layer), layer), strict=True))
        updated = sum(before[key] != after[key] for key in rows if key in before)
        assert done.counts == {"inserted": len(new), "updated": updated, "unchanged": len(rows) - len(new) - updated}
        for key, row in rows.items():
            if key in model.rows:
                model.rows[key] = row
            else:
                model.insert(key, row)

    def retire(self, layer: str) -> None:
        """Retire features; an unknown key keeps all of them."""
        keys = self.known(layer, 2)
        if self.dice.random() < 0.2 or not keys:
            with pytest.raises((UnknownNameError, ValueError)):
                self.store.retire(layer, [*keys, "nobody"], **self.who)
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
        if key in self.layers[layer].rows:
            self.layers[layer].rows[key] = then[key]
        else:
            self.layers[layer].insert(key, then[key])

    def refuse(self, layer: str) -> None:
        """Put a sound row beside one that no store holds: nothing is written."""
        new = self.fresh(layer, 2)
        frame = framed(layer, new | {"": drawn(self.dice, layer)})
        with pytest.raises(RowsRefused):
            self.store.put(layer, frame, **self.who)
        for key in self.known(layer, 1):
            with pytest.raises(RowsRefused, match="no_version"):
                self.store.put(layer, framed(layer, {key: drawn(self.dice, layer)}), **self.who)

    def remember(self, layer: str) -> None:
        """Read, and leave it lying about; and open the store anew."""
        self.stale[layer] = self.store.read(layer)
        self.store = self.again()

    def put_stale(self, layer: str) -> None:
        """Edit a row of an old reading: it passes only where nobody has touched the row since."""
        if layer not in self.stale or not len(self.stale[layer]):
            return
        base = self.stale[layer]
        row = base.iloc[[self.dice.randrange(len(base))]]
        key, name = row[KEYS[layer][0]].iloc[0], next(iter(FIELDS[layer]))
        states = self.store.history(layer, key)
        current = states["_version"].iloc[-1] == row["_version"].iloc[0]
        edited = row.assign(**{name: "edited late"})
        if current:
            self.store.put(layer, edited, **self.who)
            self.layers[layer].rows[key] = self.layers[layer].rows[key] | {name: "edited late"}
        elif self.layers[layer].rows.get(key, {}).get(name) != "edited late":
            with pytest.raises(StaleEditError):
                self.store.put(layer, edited, **self.who)

    # --- what other programs do ------------------------------------------------------------------------------------

    def edit_outside(self, layer: str) -> None:
        """Update and delete with SQL, under the eyes of history."""
        key, model = KEYS[layer][0], self.layers[layer]
        name = next(iter(FIELDS[layer]))
        for known in self.known(layer, 2):
            quoted = known.replace("'", "''")
            if self.dice.random() < 0.5:
                self.outside(f"UPDATE {layer} SET {name} = 'outside' WHERE {key} = '{quoted}'")
                model.rows[known] = model.rows[known] | {name: "outside"}
            else:
                self.outside(f"DELETE FROM {layer} WHERE {key} = '{quoted}'")
                del model.rows[known]

    def append(self, layer: str) -> None:
        """Append rows to the very table, in a GeoPackage with GDAL."""
        new = self.fresh(layer, 2)
        if not new:
            return
        frame = framed(layer, new)
        if self.embedded:
            frame.rename_geometry("geom").to_file(self.store.home.path, layer=layer, mode="a", engine="pyogrio")
        else:
            name = next(iter(FIELDS[layer]))
            for key, shape in zip(new, self.canonical(frame, layer).geometry, strict=True):
                quoted = key.replace("'", "''")
                columns = f"{KEYS[layer][0]}, {name}, geom"
                self.outside(
                    f"INSERT INTO {layer} ({columns}) VALUES ('{quoted}', 'new', ST_GeomFromText('{shape.wkt}', 4548))"
                )
                new[key] = dict.fromkeys(FIELDS[layer]) | {name: "new", "geometry": shape}
        for key, row in new.items():
            self.layers[layer].insert(key, row)

    def write_over(self, layer: str) -> None:
        """Write a layer anew as simple tools do, in another order, with edits; adopt it, or take the old state back."""
        left = {key: row for key, row in self.layers[layer].rows.items() if self.dice.random() < 0.8}
        rows = left | self.changed(layer, [key for key in self.known(layer, 3) if key in left]) | self.fresh(layer, 2)
        rows = dict(self.dice.sample(list(rows.items()), len(rows)))
        if not rows:
            return
        self.overwrite(framed(layer, rows), layer)
        self.take(layer, rows)

    def work_behind(self, layer: str) -> None:
        """Take the triggers off a layer and edit it, or give a column another type."""
        rows = deepcopy(self.layers[layer].rows)
        name, key = next(iter(FIELDS[layer])), KEYS[layer][0]
        on = "" if self.embedded else f" ON {layer}"
        self.outside(*(f"DROP TRIGGER gis_{layer}_{event}{on}" for event in ("insert", "update", "delete")))
        for known in self.known(layer, 2):
            quoted = known.replace("'", "''")
            self.outside(f"UPDATE {layer} SET {name} = 'behind' WHERE {key} = '{quoted}'")
            rows[known] = rows[known] | {name: "behind"}
        for known in self.known(layer, 1):
            quoted = known.replace("'", "''")
            self.outside(f"DELETE FROM {layer} WHERE {key} = '{quoted}'")
            del rows[known]
        if not self.embedded and self.dice.random() < 0.5:
            self.outside(f"ALTER TABLE {layer} ALTER COLUMN {name} TYPE varchar(254)")
        self.take(layer, rows)

    def alter_columns(self, layer: str) -> None:
        """Rename, drop or add a column, or drop the index of the shapes; hang an index and a view on the table."""
        rows = deepcopy(self.layers[layer].rows)
        name, on = next(iter(FIELDS[layer])), "" if self.embedded else f" ON {layer}"
        quiet = [f"DROP TRIGGER gis_{layer}_{event}{on}" for event in ("insert", "update", "delete")]
        index = [f"DROP INDEX {layer}_geom_idx"]
        if self.embedded:
            seen = self.store.home.run("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
            index = [f'DROP TRIGGER "{one}"' for (one,) in seen if one.startswith(f"rtree_{layer}_")]
            index += [f"DROP TABLE rtree_{layer}_geom"]
        deed = self.dice.choice(["rename", "drop", "add", "index", "type"])
        statements = {
            "rename": [*quiet, f"ALTER TABLE {layer} RENAME COLUMN {name} TO somebody_s"],
            "drop": [*quiet, f"ALTER TABLE {layer} DROP COLUMN {name}"],
            "add": [f'ALTER TABLE {layer} ADD COLUMN "a ""b"" %" TEXT'],
            "index": index,
            "type": [] if self.embedded else [f"ALTER TABLE {layer} ALTER COLUMN geom TYPE geometry"],
        }
        made = f"{layer}_{len(self.past)}"
        hung = [f"CREATE INDEX by_{made} ON {layer} (fid)", f"CREATE VIEW of_{made} AS SELECT fid FROM {layer}"]
        if not statements[deed]:
            return
        self.outside(*(hung if self.dice.random() < 0.5 and deed != "type" else []), *statements[deed])
        if deed in {"rename", "drop"}:
            rows = {key: row | {name: None} for key, row in rows.items()}
        self.take(layer, rows)

    def take(self, layer: str, rows: Rows) -> None:
        """Open anew: the layer is torn, shows what is there, is not written to; then adopt."""
        self.store = self.again()
        assert set(self.store.findings()["layer"]) == {layer}
        with pytest.raises(AdoptionNeededError):
            self.store.put(layer, framed(layer, {}), **self.who)
        shown = self.store.read(layer)
        assert sorted(shown[KEYS[layer][0]]) == sorted(rows)
        discard = self.dice.random() < 0.25
        self.store.adopt(discard=discard, **self.who)
        if not discard:
            self.layers[layer].adopt(rows)


# other programs may put a polygon where multipolygons are; GDAL says so once a process
@pytest.mark.filterwarnings("ignore:A geometry of type:RuntimeWarning")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_store_is_what_the_model_says(target, again, outside, overwrite, seed):
    """Whatever was done by whomever, now and in the past."""
    run = Run(seed, target, again, outside, overwrite)
    until = time.monotonic() + SECONDS
    for _ in range(STEPS):
        run.step()
        if time.monotonic() > until:
            break
