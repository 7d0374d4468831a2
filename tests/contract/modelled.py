"""The model that the store is driven beside: rows as plain values, what may be drawn for them, and what no store takes.

Nothing here asks the store. Rows are dictionaries by field, with `extra` as JSON text; a layer is a dictionary of rows
and the order in which features came in.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.affinity import translate

from gis.catalogue import Catalogue, Field

WEST, SOUTH = 480_000, 4_420_000
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
KEYS = {"comments": "comment_id", "streets": "street_id", "blocks": "block_id"}
# a key with each number; blocks alone have a pattern
NAMES = {
    "comments": ["C{}", "c{}", "%s {}", "\\{}\\n", "{}\n\t"],
    "streets": ["路 {}'", '" {} ""', "; -- {}", "🚇{}", "e\u0301{}"],
    "blocks": ["MC00-{:04d}"],
}
TEXTS = ["永定", "O'Neil \"; --", "a\nb\r\n", "100 %", "%s %(x)s", "\\x00\\'", "𠮷😀", " x ", "", "e\u0301", None]
EXTRAS = ['{"b": [1, null, {"x": []}], "备注": "a"}', "[]", "null", '"100 %"', '{"odd": 12345678901234567890}']
REALS = [0.1 + 0.2, 12.0, 1 / 3, 0.0, -0.0, 5e-324, -1.7e308, 2.0**53 + 2]
INTEGERS = [0, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63)]
# what no field of a type takes, whatever the column's dtype
MISFITS: dict[str, list[Any]] = {
    "text": [7, 1.5, True, b"x", ["x"], {"a": None}, "a\0b", "\ud800", float("inf")],
    "real": ["x", "1.5", True, [1.0], float("inf"), float("-inf"), 2**53 + 1, 10**400, date(2021, 5, 1)],
    "integer": ["7", 1.5, True, 2**63, np.uint64(2**63), -(2**63) - 1, float("inf"), 10**400, {"a": 1}],
    "boolean": [2, 0, 1.0, "yes", [True]],
    "date": [
        "May",
        "2021-02-30",
        "10000-01-01",
        "0000-05-01",
        7,
        np.datetime64("0000-05-01"),
        np.datetime64("-0044-03-15"),
        np.datetime64("10000-01-01"),
        datetime(2021, 5, 1, 12),
        datetime(2021, 5, 1, tzinfo=UTC),
    ],
    "extra": ["no JSON", {"a": {"b": [None]}}, [1, [2]], 1.5, True, '{"a": NaN}', "[-Infinity]", "[" * 20_000],
    "key": ["", " ", "\u3000", "\n", None, float("nan"), 7, ["C1"], "a\0", "\udfff"],
    "geometry": [
        None,
        shapely.Polygon(),
        shapely.Point(float("inf"), 0),
        shapely.LineString([(0, 0), (1, float("inf"))]),
        shapely.GeometryCollection([POINT, LINE]),
        shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]),
    ],
}
BOXES: list[Any] = [
    "abcd",
    b"1234",
    7,
    (1, 2, 3),
    (1, 2, 3, 4, 5),
    (WEST, SOUTH + 1, WEST + 1, SOUTH),
    (WEST + 1, SOUTH, WEST, SOUTH + 1),
    (WEST, SOUTH, float("nan"), SOUTH + 1),
    (WEST, SOUTH, float("inf"), SOUTH + 1),
    (WEST, SOUTH, None, SOUTH + 1),
    (WEST, SOUTH, 10**400, SOUTH + 1),
    ("0", "0", "1", "1"),
    [[1, 2, 3, 4]],
    {1.0, 2.0, 3.0, 4.0},
    {WEST: 0, SOUTH: 0, WEST + 1: 0, SOUTH + 1: 0},
]
MOMENTS: list[Any] = [
    -1,
    10**30,
    1.0,
    float("nan"),
    True,
    "1",
    "now",
    [1],
    date(2026, 1, 1),
    datetime.max,
    datetime.min,
    np.datetime64("2026-01-01"),
    pd.NaT,
    pd.NA,
]
# before all history, and after it; pandas' own moments know years that no calendar has
EARLY = [datetime.min.replace(tzinfo=UTC), pd.Timestamp(np.datetime64("-0044-03-15", "s")).tz_localize("UTC")]
LATE = [datetime.max.replace(tzinfo=UTC), pd.Timestamp(np.datetime64("20000-01-01", "s")).tz_localize("UTC")]
VERSIONS: list[Any] = [1.5, "7", True, 2**63, float("inf")]
KEYLESS: list[Any] = [7, np.int64(7), None, 1.5, b"C1", float("nan")]

Row = dict[str, Any]
Rows = dict[str, Row]


@dataclass
class Layer:
    """Hold one layer as it should be: rows by key, each feature's place, also of those that are gone."""

    rows: Rows = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def insert(self, key: str, row: Row) -> None:
        self.places[key] = 1 + max(self.places.values(), default=0)
        self.rows[key] = row

    def put(self, rows: Rows) -> None:
        for key, row in rows.items():
            if key in self.rows:
                self.rows[key] = row
            else:
                self.insert(key, row)

    def adopt(self, rows: Rows) -> None:
        """Take in what another program left: known features keep their place, new ones follow by key."""
        for key in sorted(set(rows) - set(self.places)):
            self.places[key] = 1 + max(self.places.values(), default=0)
        self.rows = rows

    def listed(self) -> list[tuple[str, Row]]:
        return sorted(self.rows.items(), key=lambda item: self.places[item[0]])


def stages(catalogue: Catalogue) -> list[Catalogue]:
    """Return the catalogue without ranges, and those that later migrations bring, each adding to the one before."""
    free = {name: _ranged(catalogue, name) for name in catalogue.layers}
    budget = Field("budget", "预算", "Budget", "real", "extensive")
    lanes = Field("lanes", "车道数", "Lanes", "integer", "count")
    steps: list[Callable[[dict], None]] = [
        lambda layers: _add(layers, "blocks", budget),
        lambda layers: _add(layers, "streets", lanes),
        lambda layers: _change(layers, "blocks", "name", width=90),
        lambda layers: _change(layers, "streets", "lanes", type="real"),
    ]
    made = [replace(catalogue, layers=MappingProxyType(dict(free)), digest="stage 0")]
    for number, step in enumerate(steps, 1):
        step(free)
        made.append(replace(catalogue, layers=MappingProxyType(dict(free)), digest=f"stage {number}"))
    return made


def _ranged(catalogue: Catalogue, name: str):
    layer = catalogue.layers[name]
    return replace(layer, fields=tuple(replace(one, range=None) for one in layer.fields))


def _add(layers: dict, name: str, new: Field) -> None:
    layers[name] = replace(layers[name], fields=(*layers[name].fields, new))


def _change(layers: dict, name: str, changed: str, **values: Any) -> None:
    fields = tuple(replace(one, **values) if one.name == changed else one for one in layers[name].fields)
    layers[name] = replace(layers[name], fields=fields)


def value(dice: random.Random, type_: str) -> Any:
    """Draw a value of a type, missing ones among them."""
    made: dict[str, Callable[[], Any]] = {
        "text": lambda: dice.choice(TEXTS),
        "real": lambda: dice.choice(REALS),
        "integer": lambda: dice.choice([*INTEGERS, dice.randrange(1_000_000)]),
        "boolean": lambda: dice.random() < 0.5,
        "date": lambda: dice.choice([date.min, date(1949, 10, 1) + timedelta(days=dice.randrange(30_000)), date.max]),
        "extra": lambda: dice.choice(EXTRAS),
    }
    return None if dice.random() < (0.7 if type_ == "extra" else 0.2) else made[type_]()


def drawn(dice: random.Random, layer: str, fields: dict[str, str]) -> Row:
    """Draw a row."""
    shape = translate(dice.choice(SHAPES[layer]), 100 * dice.randrange(20), 100 * dice.randrange(20))
    cells = {name: value(dice, type_) for name, type_ in fields.items()}
    return cells | {"extra": value(dice, "extra"), "geometry": shape}


def framed(layer: str, rows: Rows, fields: dict[str, str], dice: random.Random | None = None) -> gpd.GeoDataFrame:
    """Return rows as a frame, in the dtypes that people have, or in others that people have too."""
    plain = {"text": "str", "real": "float64", "integer": "Int64", "boolean": "boolean", "date": "datetime64[us]"}
    odd = {
        "text": ["string[pyarrow]", "category", "object"],
        "real": ["Float64", "object"],
        "integer": ["object", "int64[pyarrow]"],
        "boolean": ["object", "bool[pyarrow]"],
        "date": ["object", "datetime64[s]"],
    }
    built = {KEYS[layer]: pd.Series(list(rows), dtype=dice.choice(odd["text"]) if dice else "str")}
    for name, type_ in fields.items():
        dtype = dice.choice([plain[type_], *odd[type_]]) if dice else plain[type_]
        built[name] = pd.Series([row.get(name) for row in rows.values()], dtype=dtype)
    # a cell may lack its value in several ways
    lack = dice.choice([None, float("nan"), pd.NA]) if dice else None
    extras = [lack if row.get("extra") is None else row["extra"] for row in rows.values()]
    built["extra"] = pd.Series(extras, dtype="object" if dice else "str")
    return gpd.GeoDataFrame(built, geometry=[row["geometry"] for row in rows.values()], crs="EPSG:4548")


def listed(frame: pd.DataFrame, names: list[str]) -> list[tuple]:
    """Return what a frame shows as plain values; a column that is not there shows nothing."""
    cells = [
        [None if pd.isna(cell) else cell for cell in frame[name]] if name in frame else [None] * len(frame)
        for name in names
    ]
    shapes = shapely.to_wkt(frame.geometry.to_numpy(), rounding_precision=-1) if "geometry" in frame else []
    return list(zip(*cells, *([shapes] if len(shapes) else []), strict=True))


def expected(rows: list[tuple[str, Row]], layer: str, fields: dict[str, str]) -> list[tuple]:
    """Return what the store should show of rows."""
    frame = framed(layer, dict(rows), fields)
    single = {"LineString": shapely.multilinestrings, "Polygon": shapely.multipolygons}
    shapes = [single[one.geom_type]([one]) if one.geom_type in single else one for one in frame.geometry]
    return listed(frame.set_geometry(shapes, crs=frame.crs), [KEYS[layer], *fields, "extra"])


def moved(text: str | None, name: str, value_: Any) -> str:
    """Return `extra` with a value of another program's column added."""
    held = {} if text is None else json.loads(text)
    held = held if isinstance(held, dict) else {"extra": held}
    while name in held and held[name] != value_:
        name += "_"
    return json.dumps(held | {name: value_}, ensure_ascii=False, sort_keys=True)


def written(value_: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value_, date):
        return value_.isoformat()
    return value_ + 0.0 if isinstance(value_, float) else value_
