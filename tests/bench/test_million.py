"""A million points in a table go into a store in bounded memory, with their progress shown; nothing is timed."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

POINTS = 1_000_000
# all of the process: interpreter, libraries, and SQLite's cache of 256 MiB
LIMIT_MB = 1_500

# a process of its own, for its peak is its own
LOAD = """
import json, resource, sys
from gis.settings import Settings
from gis.workflow import intake

shown = []
def track(items, title):
    shown.append([title, len(items)])
    return items

settings = Settings()
intake.init(sys.argv[2], settings=settings).close()
hints = intake.Hints(layer="facilities", crs="EPSG:4490", datum="CGCS2000")
taken = intake.load(sys.argv[2], [sys.argv[1]], hints=hints, settings=settings, track=track)[0]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
if sys.platform == "linux":
    # the other figure begins with what the process had that started this one
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**10
print(json.dumps({"peak": peak, "accepted": taken.accepted, "quarantined": taken.quarantined, "shown": shown}))
"""


def test_a_million_points_load_in_bounded_memory(tmp_path):
    """From the text of a CSV to rows in a GeoPackage: under 1.5 GB at the highest, all rows there."""
    rng = np.random.default_rng(7)
    number = pd.Series(np.arange(POINTS).astype(str))
    frame = pd.DataFrame(
        {
            "facility_id": "F" + number.str.zfill(7),
            "设施名称": "公共厕所第" + number + "号",
            "类别": "公共厕所",
            "lon": rng.uniform(115.9, 116.15, POINTS).round(7),
            "lat": rng.uniform(39.85, 40.05, POINTS).round(7),
            "备注": "巡查" + (number.str[-2:]),
        }
    )
    path = tmp_path / "points.csv"
    frame.to_csv(path, index=False, encoding="utf-8")
    command = [sys.executable, "-c", LOAD, str(path), str(tmp_path / "a.gpkg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["accepted"], said["quarantined"]) == (POINTS, 0)
    assert said["shown"] == [["读取与检查", 4], ["入库", 20]]
    assert said["peak"] < LIMIT_MB
