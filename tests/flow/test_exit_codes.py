"""Every command ends with the exit code that README's table names, run as a script would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis import archives, cli, errors

COMMANDS = sorted(command.name or command.callback.__name__ for command in cli.app.registered_commands)
SQUARE = shapely.box(430_000, 4_420_000, 430_100, 4_420_100)
OVERLAPPING = [SQUARE, shapely.affinity.translate(SQUARE, 50)]
# command, arguments, code; STORE is an empty store, TOWN the sample town's, NONE a file that is not there
ENDS = [
    ("init", ["STORE"], 0),
    ("init", ["NEW", "--bogus"], 2),
    ("demo", ["FILE"], 12),
    ("beijing", ["NONE"], 4),
    ("migrate", ["STORE"], 0),
    ("migrate", ["NONE.gpkg"], 10),
    ("adopt", ["STORE"], 0),
    ("adopt", ["NONE.gpkg"], 10),
    ("load", ["STORE", "NONE"], 4),
    ("load", ["STORE", "SOUND", "--layer", "districts"], 0),
    ("load", ["STORE", "FAULTY", "--layer", "districts"], 8),
    ("load", ["STORE", "MIXED", "--layer", "districts"], 0),
    ("load", ["STORE", "SOUND", "FAULTY", "--layer", "districts"], 8),
    ("check", ["STORE"], 0),
    ("check", ["OVERLAPPING"], 19),
    ("export", ["STORE", "gardens", "NEW.csv"], 6),
    ("export", ["STORE", "blocks", "NEW.doc"], 2),
    ("export", ["TOWN", "blocks", "NEW.csv"], 0),
    ("history", ["STORE", "blocks", "X"], 6),
    ("restore", ["STORE", "blocks", "X", "1"], 6),
    ("reconcile", ["STORE", "gardens", "--to", "blocks"], 6),
    ("reconcile", ["STORE", "units", "--to", "blocks"], 5),
    ("blocks", ["NONE.gpkg"], 10),
    ("stations", ["NONE.gpkg"], 10),
    ("stations", ["STORE", "--out", "NEW.xlsx"], 2),
    ("crossings", ["STORE", "NONE"], 4),
    ("map", ["STORE", "NEW.html"], 2),
    ("map", ["STORE", "NEW.html", "--internal"], 17),
    ("editions", ["STORE"], 0),
    ("editions", ["STORE", "20261122-abcdef"], 6),
    ("editions", ["NONE.gpkg"], 10),
    ("workbook", ["STORE", "NEW.xlsx"], 0),
    ("workbook", ["STORE", "FILE/w.xlsx"], 12),
    ("deliver", ["STORE", "NEW.zip"], 5),
    ("deliver", ["DISTRICT", "NEW.zip"], 0),
    ("verify", ["NONE"], 4),
    ("verify", ["FILE"], 16),
    ("verify", ["DELIVERY"], 0),
    ("verify", ["TAMPERED"], 16),
    ("warm", ["--bogus"], 2),
]


def districts(folder, name, keys, sides=None):
    """Write districts beside each other; a key of None is what no store takes."""
    shapes = [shapely.affinity.translate(SQUARE, 200 * row) for row in range(len(keys))]
    frame = gpd.GeoDataFrame({"XZQDM": keys, "XZQMC": ["某区"] * len(keys)}, geometry=sides or shapes, crs="EPSG:4548")
    pyogrio.write_dataframe(frame, folder / name)
    return folder / name


def delivery(gis, store, folder):
    """Deliver a store; return the package and one with a byte of it changed."""
    assert gis("deliver", store, folder / "delivery.zip")[0] == 0
    archives.extract(folder / "delivery.zip", folder / "files")
    table = folder / "files" / "XZQ.dbf"
    table.write_bytes(table.read_bytes().replace("某区".encode("gbk"), "某县".encode("gbk")))
    return folder / "delivery.zip", archives.pack(folder / "files", folder / "tampered.zip")


@pytest.fixture
def given(gis, store_path, tmp_path):
    """Return what the words in capitals stand for, made when first asked for."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")

    def store(name, *files):
        path = tmp_path / f"{name}.gpkg"
        assert gis("init", path)[0] == 0
        assert not files or gis("load", path, *files, "--layer", "districts")[0] == 0
        return path

    makers = {
        "STORE": lambda: store("store"),
        "TOWN": lambda: store_path,
        "FILE": lambda: tmp_path / "file",
        "NONE": lambda: tmp_path / "none",
        "NEW": lambda: tmp_path / "new",
        "SOUND": lambda: districts(tmp_path, "sound.gpkg", ["110107"]),
        "FAULTY": lambda: districts(tmp_path, "faulty.gpkg", [None]),
        "MIXED": lambda: districts(tmp_path, "mixed.gpkg", ["110107", None]),
        "DISTRICT": lambda: store("district", districts(tmp_path, "sound.gpkg", ["110107"])),
        "OVERLAPPING": lambda: store("overlapping", districts(tmp_path, "twice.gpkg", ["1", "2"], OVERLAPPING)),
        "DELIVERY": lambda: delivery(gis, makers["DISTRICT"](), tmp_path)[0],
        "TAMPERED": lambda: delivery(gis, makers["DISTRICT"](), tmp_path)[1],
    }
    return makers


def resolved(word, makers):
    """Return an argument with its capitals replaced."""
    head = next((name for name in sorted(makers, key=len, reverse=True) if word.startswith(name)), None)
    return word if head is None else f"{makers[head]()}{word.removeprefix(head)}"


@pytest.mark.parametrize(("command", "words", "code"), ENDS, ids=[f"{name} {' '.join(rest)}" for name, rest, _ in ENDS])
def test_a_command_ends_with_its_code(command, words, code, given, gis):
    """What was refused, found or left undone is told by the code alone."""
    made = [resolved(word, given) for word in words]
    came, _, said = gis(command, *made)
    assert came == code, said
    assert "Traceback" not in said


def test_every_command_is_in_the_table():
    """No command goes untested."""
    assert {command for command, *_ in ENDS} == set(COMMANDS)


def test_codes_are_those_of_the_readme():
    """Every code of the table above is in README's list, which names what each means."""
    listed = Path("README.md").read_text(encoding="utf-8").split("Exit codes:")[1].split("\n\n")[0]
    said = {int(part.split()[0]) for part in listed.replace("\n", " ").split("·")}
    assert {code for *_, code in ENDS} <= said
    assert errors.FaultsFound.exit_code in said


@pytest.mark.parametrize(("word", "code"), [("TAMPERED", 16), ("DELIVERY", 0)])
def test_a_process_of_its_own_ends_with_the_code(word, code, given):
    """`python -m gis verify` ends as the shell sees it."""
    package = given[word]()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-m", "gis", "verify", package], env=environment, capture_output=True)
    assert ended.returncode == code, ended.stderr.decode()
