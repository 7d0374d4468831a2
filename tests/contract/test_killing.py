"""A killed writer leaves the old state; readers never see half of a change."""

from __future__ import annotations

import subprocess
import sys

import geopandas as gpd
import pytest

from gis.store import open_store

WRITER = """
import sys
import geopandas as gpd, numpy as np, shapely
from gis.store import open_store

n = 50_000
x, y = 480_000.0 + 20 * (np.arange(n) % 300), 4_420_000.0 + 20 * (np.arange(n) // 300)
frame = gpd.GeoDataFrame(
    {"street_block_id": [f"S{i}" for i in range(n)]}, geometry=shapely.box(x, y, x + 10, y + 10), crs="EPSG:4548"
)


def stop() -> None:
    print("now", flush=True)
    sys.stdin.read()


with open_store(sys.argv[1]) as store:
    insert, close = store.home.insert, store.home.close_change

    def half(table, names, rows):
        insert(table, names, rows[:25_000])
        stop()
        insert(table, names, rows[25_000:])

    if sys.argv[2] == "half of the rows":
        store.home.insert = half
    else:
        store.home.close_change = lambda *done: (stop(), close(*done))
    store.put("street_blocks", frame, author="li", reason="fifty thousand rows")
"""


@pytest.fixture
def town(place, box) -> str:
    """Give a store of all layers with one street block."""
    frame = gpd.GeoDataFrame({"street_block_id": ["old"]}, geometry=[box(0)], crs="EPSG:4548")
    with open_store(place, create=True) as store:
        store.put("street_blocks", frame, author="li", reason="test")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["half of the rows", "all but the end"])
def test_a_killed_put_leaves_the_old_state(town, moment):
    """Whenever the process dies, the store opens with what was there, and the next writer is served."""
    command = [sys.executable, "-c", WRITER, town, moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "now\n"
        with open_store(town) as reader:
            assert reader.read("street_blocks")["street_block_id"].tolist() == ["old"]
        assert writer.poll() is None
        writer.kill()
    with open_store(town) as store:
        assert store.findings().empty
        frame = store.read("street_blocks")
        assert frame["street_block_id"].tolist() == ["old"]
        assert len(store.changes()) == 2
        assert store.put("street_blocks", frame.assign(source="新"), author="li", reason="test").number == 3
