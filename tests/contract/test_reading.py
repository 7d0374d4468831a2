"""Reading a part: by value, by box, through the index."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from gis.errors import UnknownNameError, UsageError

WHERE = {
    "one value": ({"block_id": "MC00-0001"}, ["MC00-0001"]),
    "several": ({"block_id": ["MC00-0001", "MC00-0003", "none"]}, ["MC00-0001", "MC00-0003"]),
    "nothing": ({"block_id": []}, []),
    "missing": ({"name": None}, ["MC00-0002"]),
    "missing or": ({"residents": [None, 0]}, ["MC00-0002", "MC00-0003"]),
    "integer": ({"residents": np.int64(1000000)}, ["MC00-0001"]),
    "real": ({"control_total_m2": 0.1 + 0.2}, ["MC00-0001"]),
    "boolean": ({"is_renewal": False}, ["MC00-0003"]),
    "date": ({"approved_on": date(1949, 10, 1)}, ["MC00-0003"]),
    "timestamp": ({"approved_on": pd.Timestamp("2021-05-01")}, ["MC00-0001"]),
    "ISO date": ({"approved_on": ["2021-05-01", None]}, ["MC00-0001", "MC00-0002"]),
    "two fields": ({"block_id": ["MC00-0001", "MC00-0002"], "is_renewal": True}, ["MC00-0001"]),
    "many": ({"block_id": [f"MC00-{n:04d}" for n in range(1500)]}, ["MC00-0001", "MC00-0002", "MC00-0003"]),
    "SQL": ({"name": "' OR 1=1 --"}, []),
}


@pytest.mark.parametrize("name", WHERE)
def test_where_lets_through_what_it_says(shared, name):
    """Values are bound; None stands for a missing one."""
    where, keys = WHERE[name]
    assert shared.read("blocks", where=where)["block_id"].tolist() == keys
    assert shared.read("blocks", where=where, as_of=2)["block_id"].tolist() == keys


def test_where_names_only_fields(shared):
    """A name is checked against the catalogue before it gets near SQL."""
    with pytest.raises(UnknownNameError, match="block_id"):
        shared.read("blocks", where={'name" = "x': "y"})


@pytest.mark.parametrize(
    "where",
    [
        {"residents": "many"},
        {"residents": 2**63},
        {"residents": float("inf")},
        {"name": 3},
        {"name": {"永定": 1}},
        {"approved_on": "May"},
        {"approved_on": np.datetime64("-0044-03-15")},
        {"is_renewal": 2},
        "name",
        ["name"],
    ],
    ids=str,
)
def test_where_wants_values_of_the_field_s_type(shared, where):
    """A value that the field cannot have is a mistake, not an empty answer; and so is what names no field."""
    for as_of in (None, 2):
        with pytest.raises(UsageError):
            shared.read("blocks", where=where, as_of=as_of)


# blocks stand at 0-100 m, 200-300 m, 400-500 m and 600-700 m east of the corner
BOXES = {
    "first": ((0, 0, 150, 50), ["MC00-0001"]),
    "touching": ((100, 100, 200, 200), ["MC00-0001", "MC00-0002"]),
    "a millimetre short": ((100.001, 0, 199.999, 50), []),
    "the box of a multipart": ((510, 10, 520, 20), ["MC00-0003"]),
    "all": ((-1e6, -1e7, 1e6, 1e7), ["MC00-0001", "MC00-0002", "MC00-0003"]),
}


@pytest.mark.parametrize("name", BOXES)
def test_bbox_meets_boxes_to_the_last_digit(shared, name):
    """The index keeps 32-bit floats; the answer is exact all the same, on both homes."""
    (west, south, east, north), keys = BOXES[name]
    bbox = (480_000 + west, 4_420_000 + south, 480_000 + east, 4_420_000 + north)
    assert shared.read("blocks", bbox=bbox)["block_id"].tolist() == keys
    assert shared.read("blocks", bbox=bbox, as_of=2)["block_id"].tolist() == keys


@pytest.mark.parametrize(
    ("layer", "bbox"),
    [
        ("blocks", (1, 2, 3)),
        ("blocks", (2, 0, 1, 1)),
        ("blocks", (0, 1, 1, 0)),
        ("votes", (0, 0, 1, 1)),
        ("blocks", (0, 0, float("nan"), 1)),
        ("blocks", (0, 0, None, 1)),
        ("blocks", (0, 0, "east", 1)),
        ("blocks", ("0", "0", "1", "1")),
        ("blocks", (0, 0, float("inf"), 1)),
        ("blocks", (0, 0, 10**400, 1)),
        ("blocks", "0123"),
        ("blocks", {0.0, 1.0, 2.0, 3.0}),
        ("blocks", {0: "west", 1: "south", 2: "east", 3: "north"}),
        ("blocks", 7),
    ],
)
def test_a_box_that_is_none_is_refused(shared, layer, bbox):
    """Too few numbers, the wrong way round, in no order, not a number, or a layer without geometry."""
    for as_of in (None, 2):
        with pytest.raises(UsageError):
            shared.read(layer, bbox=bbox, as_of=as_of)


def test_rows_keep_their_order(filled, who):
    """Rows come in the order in which features came in, whatever was edited since."""
    frame = filled.read("blocks")
    filled.put("blocks", frame.iloc[:1].assign(name="z"), **who)
    assert filled.read("blocks")["block_id"].tolist() == frame["block_id"].tolist()
    assert filled.read("blocks", as_of=3)["block_id"].tolist() == frame["block_id"].tolist()


def test_the_spatial_index_is_asked(filled):
    """A plan of the query names the index."""
    condition, values = filled.home.within("blocks", filled.home.layout("blocks"), (0, 0, 1, 1))
    statement = f"SELECT fid FROM {filled.home.table('blocks')} AS t WHERE {condition}"
    if filled.name.endswith(".gpkg"):
        plan = str(filled.home.run(f"EXPLAIN QUERY PLAN {statement}", values))
        assert "rtree_blocks_geom VIRTUAL TABLE INDEX" in plan
    else:
        # a table of three rows is read whole unless that is forbidden
        filled.home.run("SET enable_seqscan TO off")
        assert "blocks_geom_idx" in str(filled.home.run(f"EXPLAIN {statement}", values))


@pytest.mark.parametrize("field", ["block_id", "residents", "control_total_m2", "approved_on"])
def test_any_number_of_values_may_be_asked_for(shared, field):
    """300,000 values are as good as three."""
    many = {
        "block_id": [f"MC{n:08d}" for n in range(300_000)],
        "residents": list(range(2, 300_002)),
        "control_total_m2": [n + 0.1 for n in range(300_000)],
        "approved_on": pd.date_range("1100-01-01", periods=300_000, unit="s").tolist(),
    }
    one = {"block_id": "MC00-0001", "residents": 1000000, "control_total_m2": 0.1 + 0.2, "approved_on": "2021-05-01"}
    wanted = [*many[field], one[field]]
    assert shared.read("blocks", where={field: wanted})["block_id"].tolist() == ["MC00-0001"]


def test_extra_is_there_where_a_row_of_the_answer_has_one(filled, who):
    """Rows outside the box, or that the index lets through, decide nothing."""
    frame = filled.read("blocks").assign(extra=[None, None, '{"a": 1}'])
    filled.put("blocks", frame, **who)
    west, south = 480_000, 4_420_000
    for as_of in (None, 3):
        first = filled.read("blocks", bbox=(west, south, west + 50, south + 50), as_of=as_of)
        both = filled.read("blocks", bbox=(west, south, west + 600, south + 50), as_of=as_of)
        assert ("extra" in first, "extra" in both) == (False, True)


DAYS = [np.datetime64("2021-05-01"), np.datetime64("2021-05-01", "ns"), pd.NaT, np.datetime64("NaT")]


@pytest.mark.parametrize("day", DAYS)
def test_days_of_numpy_are_days(shared, day):
    """A value taken from an array is asked for as it is."""
    wanted = ["MC00-0002"] if pd.isna(day) else ["MC00-0001"]
    assert shared.read("blocks", where={"approved_on": day})["block_id"].tolist() == wanted
