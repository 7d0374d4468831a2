"""Parquet holds what a table can't say and files can't spell: damaged texts, categories, days before the year 1."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gis.errors import CrsError, SourceError
from gis.intake.read import read
from gis.settings import Settings
from tests.unit.intake.handmade import square


def parquet(tmp_path, spatial=True, **columns):
    """Give a file with these columns as Arrow has them."""
    path = tmp_path / "a.parquet"
    frame = gpd.GeoDataFrame(geometry=[square(n) for n in range(len(next(iter(columns.values()))))], crs="EPSG:4548")
    frame.to_parquet(path)
    table = pq.read_table(path)
    for name, cells in columns.items():
        table = table.append_column(name, cells)
    if not spatial:
        table = table.drop_columns(["geometry"]).replace_schema_metadata(None)
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("spatial", [True, False])
@pytest.mark.parametrize("dictionary", [True, False])
def test_a_text_that_is_none_is_refused(tmp_path, spatial, dictionary):
    """A damaged byte in a text, or in the dictionary of texts: one sentence."""
    texts = pa.StringArray.from_buffers(
        2, pa.py_buffer(bytes([0, 0, 0, 0, 6, 0, 0, 0, 12, 0, 0, 0])), pa.py_buffer(b"MC00-1\xffC00-2")
    )
    path = parquet(tmp_path, spatial, name=texts.dictionary_encode() if dictionary else texts)
    with pytest.raises(SourceError, match="cannot be read"):
        read(path)


# days as Arrow counts them -> what is read of them
DAYS = {
    "days": pa.array([-737_719, 3_672_000, 19_787], pa.date32()),
    "moments": pa.array([-63_738_921_600, 317_260_800_000, 1_709_596_800], pa.timestamp("s")),
    "moments here": pa.array(
        [-63_738_921_600_000, 317_260_800_000_000, 1_709_568_000_000], pa.timestamp("ms", "Asia/Shanghai")
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_days_that_no_calendar_holds_are_asked_about(tmp_path, conformed, name):
    """Before the year 1 and after 9999: the cell is empty, the row and the others stay."""
    keys = pa.array(["MC00-0001", "MC00-0002", "MC00-0003"])
    result = conformed(read(parquet(tmp_path, block_id=keys, approved_on=DAYS[name])))
    assert [None if pd.isna(day) else str(day.date()) for day in result.frame["approved_on"]] == [
        None,
        None,
        "2024-03-05",
    ]
    asked = result.findings[result.findings["code"] == "row.type"]
    assert asked["severity"].tolist() == ["warning", "warning"]
    assert [json.loads(text)["value"][:5] for text in asked["parameters"]][1] in {"12023", "12024"}
    assert result.frame["extra"].notna().tolist() == [True, True, False]


def test_categories_are_read_as_their_texts(tmp_path, conformed):
    """A key in a dictionary is a key; a blank one is none."""
    keys = pa.array(["MC00-0001", "  ", None]).dictionary_encode()
    frame = conformed(read(parquet(tmp_path, block_id=keys))).frame
    assert [None if pd.isna(key) else key for key in frame["block_id"]] == ["MC00-0001", None, None]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("本地坐标系", "本地坐标系"),
        ({"type": "x"}, '"type": "x"'),
        ("GCJ-02", "marks of “GCJ-02”"),
        ({"name": "门头沟独立"}, "独立"),
    ],
)
def test_a_crs_that_nobody_knows_is_refused_by_its_name(tmp_path, said, shown):
    """With what it may be, as in any other format; a flag settles it."""
    path = parquet(tmp_path, name=pa.array(["甲"]))
    table = pq.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    geo["columns"]["geometry"]["crs"] = said
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), path)
    with pytest.raises(CrsError, match=shown) as caught:
        read(path, bounds=Settings().bounds)
    assert len(caught.value.details["ranking"]) > 1
    assert read(path, crs="EPSG:4548", datum="CGCS2000").frame.crs.to_epsg() == 4548
