"""What killed and broken-off commands leave behind: no half file under an output's name, and nothing for long."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pyogrio
import pytest

from gis import archives, leftovers, sample
from gis.settings import Settings
from gis.workflow import demo, intake
from tests.hostile.children import Children

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and small drives of other systems")

SETTINGS = replace(Settings(), district_name=demo.DISTRICT, bounds=None)
# what writes a file; TOWN is a copy of a full store, OUT the folder of outputs
WRITERS = {
    "geopackage": ["export", "TOWN", "parcels", "OUT/new.gpkg"],
    "workbook of a layer": ["export", "TOWN", "parcels", "OUT/new.xlsx"],
    "table": ["export", "TOWN", "parcels", "OUT/new.csv"],
    "geojson": ["export", "TOWN", "parcels", "OUT/new.geojson"],
    "parquet": ["export", "TOWN", "parcels", "OUT/new.parquet"],
    "map": ["map", "TOWN", "OUT/new.html", "--internal"],
    "workbook": ["workbook", "TOWN", "OUT/new.xlsx"],
    "delivery": ["deliver", "TOWN", "OUT/new.zip"],
    "points of a check": ["check", "TOWN", "--points", "OUT/new.gpkg"],
    "moved stretches": ["reconcile", "TOWN", "units", "--to", "blocks", "--dry-run", "--out", "OUT/new.xlsx"],
    "report of a load": [
        "load",
        "TOWN",
        "ZIPPED",
        "--layer",
        "stations",
        "--crs",
        "EPSG:4548",
        "--report",
        "OUT/new.xlsx",
    ],
}
MOMENTS = dict.fromkeys(("geopackage", "workbook of a layer", "map", "workbook", "delivery"), (0.0, 0.15))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Return the path of a store with the sample town."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    with intake.init(path, settings=SETTINGS) as made:
        demo.put_town(made, sample.town())
    return path


@pytest.fixture
def here(full, tmp_path):
    """Return a folder with a town, a zipped layer of it, and folders for outputs and for work on the way."""
    shutil.copy(full, tmp_path / "town.gpkg")
    for name in ("out", "way", "zip"):
        (tmp_path / name).mkdir()
    rows = "".join(f"Z{row},某,POINT (430000 4420000)\n" for row in range(500))
    (tmp_path / "zip" / "stations.csv").write_text(f"站点编号,站点名称,WKT\n{rows}", encoding="utf-8")
    archives.pack(tmp_path / "zip", tmp_path / "stations.zip")
    return tmp_path


def words(name, here, out=None):
    """Return a command's words with the names in capitals replaced."""
    known = {"TOWN": here / "town.gpkg", "ZIPPED": here / "stations.zip"}
    return [str(known.get(word, word)).replace("OUT", str(out or here / "out")) for word in WRITERS[name]]


def temporary(*folders):
    """Return the names of temporary files of ours."""
    return sorted(name for folder in folders for name in os.listdir(folder) if "gis-" in name)


def whole(path):
    """Tell whether a file has its end."""
    if path.suffix in {".xlsx", ".zip"}:
        return zipfile.ZipFile(path).testzip() is None
    if path.suffix == ".gpkg":
        return len(pyogrio.read_dataframe(path)) == 558
    return path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_killed_commands_leave_nothing_to_the_next(gis, here):
    """Killed while it writes, a command leaves the old file, and the next one clears away what it left."""
    out, way, left = here / "out", here / "way", 0
    for name, moments in MOMENTS.items():
        for moment in moments:
            made = Path(words(name, here)[2 if name in {"map", "workbook", "delivery"} else 3])
            made.write_bytes(b"old")
            folders = [str(out), str(way)]
            killed = gis(*words(name, here), end=(signal.SIGKILL, moment, folders), TMPDIR=str(way))
            assert killed.code in {-signal.SIGKILL, 0}, killed
            assert made.read_bytes() == b"old" or whole(made), name
            left += len(temporary(out, way))
    assert left
    assert gis("export", here / "town.gpkg", "districts", out / "next.xlsx", TMPDIR=str(way)).code == 0
    assert temporary(out, way) == []


def test_stopped_commands_leave_nothing(gis, here):
    """Told to end while it writes, a command takes away what it has begun and says one line."""
    out, way = here / "out", here / "way"
    for name, number in (("geopackage", signal.SIGINT), ("map", signal.SIGTERM), ("workbook", signal.SIGHUP)):
        ended = gis(*words(name, here), end=(number, 0.05, [str(out), str(way)]), TMPDIR=str(way))
        assert ended.code in {0, 128 + number} and "Traceback" not in ended.err, ended
        assert ended.code == 0 or ended.err.strip() == "已中止 · stopped"
        assert temporary(out, way) == []


def test_two_writers_do_not_sweep_each_other(gis, here):
    """Both into one folder, at once, again and again: both end well."""
    other, codes = Children(), []

    def write():
        (here / "other").mkdir()
        for _ in range(3):
            command = ["export", str(here / "town.gpkg"), "parcels", str(here / "out" / "b.xlsx")]
            codes.append(other.run(command, here / "other", TMPDIR=str(here / "way")).code)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        codes.append(
            gis("export", here / "town.gpkg", "parcels", here / "out" / "a.gpkg", TMPDIR=str(here / "way")).code
        )
    thread.join()
    other.close()
    assert set(codes) == {0} and temporary(here / "out", here / "way") == []


@pytest.fixture
def processes():
    """Return the numbers of a process that runs and of one that has ended."""
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    yield {"living": living.pid, "dead": dead.pid}
    living.communicate()


OWN, OTHER = "{own}", "0000aaaa"
# name, whose, days since anybody wrote there, whether it is there afterwards
LEFT = {
    "killed": (f".gis-{OWN}-{{dead}}-abcdefgh.xlsx", 0, False),
    "killed, its journal": (f".gis-{OWN}-{{dead}}-abcdefgh.gpkg-journal", 0, False),
    "being written": (f".gis-{OWN}-{{living}}-abcdefgh.xlsx", 0, True),
    "number given out anew": (f".gis-{OWN}-{{living}}-abcdefgi.xlsx", 2, False),
    "another machine's": (f".gis-{OTHER}-{{dead}}-abcdefgh.xlsx", 0, True),
    "another machine's, old": (f".gis-{OTHER}-{{dead}}-abcdefgi.xlsx", 2, False),
    "somebody's notes": (".gis-settings.toml", 2, True),
    "somebody's report": ("gis-report.xlsx", 2, True),
    "a store's journal": ("store.gpkg-journal", 2, True),
    "a store's log": ("store.gpkg-wal", 2, True),
    "folder, killed": (f"gis-{OWN}-{{dead}}-abcdefgh/", 0, False),
    "folder, being used": (f"gis-{OWN}-{{living}}-abcdefgh/", 0, True),
    "folder of another machine": (f"gis-{OTHER}-{{dead}}-abcdefgh/", 0, True),
    "folder of another machine, old": (f"gis-{OTHER}-{{dead}}-abcdefgi/", 2, False),
}


def test_what_is_swept(tmp_path, processes):
    """What is surely forsaken goes, a link without what it leads to; all else stays."""
    own, stay, kept = leftovers.owned("").split("-")[0], set(), tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_bytes(b"mine")
    place = tmp_path / "place"
    place.mkdir()
    for pattern, days, there in LEFT.values():
        path = place / pattern.format(own=own, **processes).rstrip("/")
        if pattern.endswith("/"):
            path.mkdir()
        inside = path / "part" if pattern.endswith("/") else path
        inside.write_bytes(b"")
        for aged in {inside, path}:
            os.utime(aged, (time.time() - 86_400 * days,) * 2)
        stay |= {path.name} if there else set()
    (place / f"gis-{own}-{processes['dead']}-linklink").symlink_to(kept)
    leftovers.sweep(place)
    assert set(os.listdir(place)) == stay
    assert (kept / "file").read_bytes() == b"mine"


# --- small drives -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a folder on a drive of 8 kB; where none may be made, no test of it can run."""
    folder = tmp_path_factory.mktemp("drive")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", folder], capture_output=True)
    yield folder if made.returncode == 0 else None
    if made.returncode == 0:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def drive(small):
    """Return the small drive, and clear it afterwards for the next test."""
    yield small
    for path in small.iterdir() if small else ():
        path.unlink()


def one_refusal(ended):
    """Tell whether a full disk was said in one line, with its code."""
    return ended.code == 12 and ended.one_sentence and ended.err.strip().count("\n") == 0


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in {"report of a load", "delivery"}])
def test_a_full_drive_is_one_sentence_and_leaves_no_half_file(gis, here, drive, name):
    """Whatever is written; without a small drive the size of files is limited, which is the same to a writer."""
    limit = {} if drive else {"file_size": 4_000}
    out = drive or here / "out"
    ended = gis(*words(name, here, out), TMPDIR=str(here / "way"), **limit)
    assert one_refusal(ended), ended
    assert os.listdir(out) == [] and os.listdir(here / "way") == []


@pytest.mark.parametrize("name", ["workbook", "workbook of a layer", "report of a load"])
def test_a_full_drive_for_work_on_the_way(gis, here, drive, name):
    """Where temporary folders lie: one sentence and no output, or another place of the system's; nothing is left."""
    if not drive:
        return
    (drive / "filler").write_bytes(bytes(4_000))
    ended = gis(*words(name, here), TMPDIR=str(drive))
    assert ended.code in {0, 8} or one_refusal(ended), ended
    assert os.listdir(drive) == ["filler"]
    assert bool(os.listdir(here / "out")) == (ended.code != 12)


@pytest.mark.parametrize("command", ["load", "init"])
def test_a_full_drive_for_the_store(gis, here, command, tmp_path_factory):
    """A store whose drive is full stays as it was, its journal is used up by opening it; none is made by half."""
    folder = tmp_path_factory.mktemp("room")
    intake.init(here / "empty.gpkg").close()
    size = (here / "empty.gpkg").stat().st_size
    room = (size // 1024 + 16) if command == "load" else 64
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", folder], capture_output=True).returncode:
        return
    try:
        store = folder / "store.gpkg"
        if command == "load":
            shutil.copy(here / "empty.gpkg", store)
            ended = gis("load", store, here / "stations.zip", "--layer=stations", "--crs=EPSG:4548")
        else:
            ended = gis("init", store)
        assert one_refusal(ended), ended
        if command == "load":
            with intake.opened(store, Settings()) as opened:
                assert opened.read("stations").empty and len(opened.changes()) == 1
            assert os.listdir(folder) == ["store.gpkg"]
        else:
            assert os.listdir(folder) == []
    finally:
        subprocess.run(["umount", folder], check=True)
