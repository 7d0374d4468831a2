"""How processes end: every exit code of README's table, signals at any moment, and streams that are closed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis import errors, stopping
from gis.settings import Settings
from gis.workflow import intake

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and streams of other systems")

SQUARE = shapely.box(430_000, 4_420_000, 430_100, 4_420_100)
# code, the command; a name in capitals is a file of `place`
ENDS = {
    0: ["init", "new.gpkg"],
    2: ["init", "new.gpkg", "--bogus"],
    3: ["load", "STORE", "PLACELESS", "--layer", "districts"],
    4: ["load", "STORE", "none.gpkg", "--layer", "districts"],
    5: ["deliver", "STORE", "new.zip"],
    6: ["export", "STORE", "gardens", "new.csv"],
    8: ["load", "STORE", "FAULTY", "--layer", "districts"],
    10: ["check", "none.gpkg"],
    12: ["workbook", "STORE", "PLACELESS/new.xlsx"],
    13: ["--layers", "BROKEN", "check", "STORE"],
    14: ["--layers", "WIDER", "load", "STORE", "SOUND", "--layer", "districts"],
    15: ["load", "TORN", "SOUND", "--layer", "districts"],
    16: ["verify", "PLACELESS"],
    17: ["map", "STORE", "new.html", "--internal"],
    19: ["check", "OVERLAPPING"],
}
# what no file brings about from the command line, or only after ten seconds of waiting
RAISED = {
    1: "RuntimeError",
    7: "FrameError",
    9: "StaleEditError",
    11: "StoreLockedError",
    18: "MissingDependencyError",
    20: "OverlayError",
}


def districts(path, keys, shapes=None):
    """Write districts beside each other."""
    shapes = shapes or [shapely.affinity.translate(SQUARE, 200 * row) for row in range(len(keys))]
    names = {"XZQDM": keys, "XZQMC": ["某区"] * len(keys)}
    pyogrio.write_dataframe(gpd.GeoDataFrame(names, geometry=shapes, crs=4548), path)


@pytest.fixture
def place(store, tmp_path):
    """Return what the names in capitals stand for."""
    made = {name: tmp_path / name.lower() for name in ("BROKEN", "WIDER")} | {"STORE": store}
    made |= {name: tmp_path / f"{name.lower()}.gpkg" for name in ("SOUND", "FAULTY", "TORN", "OVERLAPPING", "TWICE")}
    made["PLACELESS"] = tmp_path / "placeless.csv"
    made["PLACELESS"].write_text("XZQDM,XZQMC,WKT\n110107,某区,POINT (1 1)\n", encoding="utf-8")
    districts(made["SOUND"], ["110107"])
    districts(made["FAULTY"], [None])
    districts(made["TWICE"], ["1", "2"], [SQUARE, shapely.affinity.translate(SQUARE, 50)])
    for name in ("BROKEN", "WIDER"):
        shutil.copytree("layers", made[name])
    with (made["BROKEN"] / "districts.toml").open("a", encoding="utf-8") as file:
        file.write("this is no TOML\n")
    wider = (made["WIDER"] / "districts.toml").read_text(encoding="utf-8")
    field = (
        '  { name = "note", zh = "备注", en = "Note", type = "text", width = 10, kind = "text", delivery = "BZ" },\n]'
    )
    (made["WIDER"] / "districts.toml").write_text(wider.rstrip().removesuffix("]") + field, encoding="utf-8")
    shutil.copy(store, made["TORN"])
    with closing(sqlite3.connect(made["TORN"])) as other:
        for (name,) in other.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%districts%'"
        ):
            other.execute(f'DROP TRIGGER "{name}"')
    shutil.copy(store, made["OVERLAPPING"])
    intake.load(made["OVERLAPPING"], [made["TWICE"]], hints=intake.Hints(layer="districts"))
    return made


def test_every_code_is_what_a_process_ends_with(place, gis, empty):
    """As a script sees it, in one sentence; what is left undone is not there."""
    for code, words in ENDS.items():
        shutil.copy(empty, place["STORE"])
        ended = gis(*[re.sub("^[A-Z]{4,}", lambda name: str(place[name[0]]), word) for word in words])
        assert ended.code == code, ended
        # rankings and plans follow in lines of their own
        assert code in {0, 8, 16, 19} or (" · " in ended.err.partition("\n")[0] and "Traceback" not in ended.err), ended
    for code, name in RAISED.items():
        ended = gis("check", place["STORE"], raising=name)
        assert ended.code == code, ended
        assert ended.one_sentence == (code != 1), ended
        # a bug of ours shows where it is
        assert ("Traceback" in ended.err) == (code == 1)


def test_the_table_is_that_of_the_readme():
    """README names the codes of all errors, that of an interruption, and no others."""
    listed = Path("README.md").read_text(encoding="utf-8").split("Exit codes:")[1].split("\n\n")[0]
    said = {int(part.split()[0]) for part in listed.replace("\n", " ").split("·")}
    kinds = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    # those of other signals follow from their numbers
    assert said - {129, 143} == kinds | {0, stopping.INTERRUPTED}
    assert set(ENDS) | set(RAISED) == kinds | {0}


# --- signals ----------------------------------------------------------------------------------------------------------


def stored(path):
    """Return the keys of the districts of a store."""
    with intake.opened(path, Settings()) as opened:
        return set(opened.read("districts")["district_id"])


def test_a_load_that_is_told_to_stop(place, gis, tmp_path):
    """At any moment: 128 and the signal's number, one line, and what that line says of the store is so."""
    districts(tmp_path / "second.gpkg", ["110108"])
    names = {"sound.gpkg": "110107", "second.gpkg": "110108"}
    seen = set()
    for step, number in enumerate([signal.SIGINT, signal.SIGTERM, signal.SIGHUP] * 3):
        copy = Path(shutil.copy(place["STORE"], tmp_path / f"copy{step}.gpkg"))
        moment = 0.15 + 0.2 * step
        ended = gis("load", copy, *names, "--layer", "districts", end=(number, moment, []))
        assert ended.code in {0, 128 + number} and "Traceback" not in ended.err, ended
        told = {key for name, key in names.items() if name in ended.err}
        assert stored(copy) == (set(names.values()) if ended.code == 0 else told), ended
        seen.add(ended.code)
    assert seen & {130, 143, 129}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_still_being_loaded(number, tmp_path):
    """Python's own word for an interruption is a traceback; ours is a line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for moment in (0.3, 0.6, 0.9):
        words = [sys.executable, "-m", "gis", "init", tmp_path / f"new{moment}.gpkg"]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        # not before its first line can have been read
        while b"gis" not in Path(f"/proc/{child.pid}/cmdline").read_bytes() if os.path.exists("/proc") else False:
            pass
        time.sleep(moment)
        child.send_signal(number)
        _, said = child.communicate()
        assert child.returncode in {0, 128 + number} and "Traceback" not in said, (child.returncode, said)
        assert child.returncode == 0 or said == "已中止 · stopped\n"
        assert child.returncode == 0 or not (tmp_path / f"new{moment}.gpkg").exists()


def test_a_signal_that_is_ignored_stays_so(place):
    """Under nohup a command goes on when its terminal goes."""
    program = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from gis import cli
known = cli.intake.check
cli.intake.check = lambda *a, **k: (os.kill(os.getpid(), signal.SIGHUP), known(*a, **k))[1]
sys.argv = ["gis", "check", sys.argv[1]]
cli.main()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program, place["STORE"]], env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize(("closed", "words", "code"), [(1, ["check", "STORE"], 0), (2, ["check", "NONE"], 10)])
def test_closed_streams(closed, words, code, place):
    """Nobody listens: the command does and ends as it would."""
    given = " ".join(str(place.get(word, "none.gpkg")) if word.isupper() else word for word in words)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        f"{sys.executable} -m gis {given} {closed}>&-", shell=True, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == code and "Traceback" not in ended.stderr + ended.stdout, ended.stderr
