"""Every command, given what no command can use, ends with one sentence and a code of README's table."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from gis.store import open_store

# what each command is asked for beside the store; NEW is a folder that is there
ASKED = {
    "adopt": [],
    "blocks": [],
    "check": [],
    "crossings": ["NEW/none.gpkg"],
    "deliver": ["NEW/package.zip"],
    "editions": [],
    "export": ["blocks", "NEW/blocks.csv"],
    "history": ["blocks", "X"],
    "init": [],
    "load": ["NEW/none.gpkg"],
    "map": ["NEW/map.html", "--internal"],
    "migrate": [],
    "reconcile": ["units", "--to", "blocks", "--dry-run"],
    "restore": ["blocks", "X", "1"],
    "stations": [],
    "workbook": ["NEW/book.xlsx"],
}
FACT = "UPDATE gis_store SET value = '{value}' WHERE name = '{name}'"
# what is wrong with the store, and the codes that say so
SPOILT = {
    "format": ([FACT.format(name="format", value="9")], {10}),
    "no facts": (["DELETE FROM gis_store"], {10}),
    "one fact missing": (["DELETE FROM gis_store WHERE name = 'srid'"], {10}),
    "srid": ([FACT.format(name="srid", value="x")], {10}),
    "schema": ([FACT.format(name="schema", value="{")], {10}),
    "schema of another shape": ([FACT.format(name="schema", value='{"blocks": []}')], {10}),
    "crs": ([FACT.format(name="crs", value="EPSG:1")], {3}),
    "no changes": (["DROP TABLE gis_changes"], {10}),
    "no history": (["DROP TABLE gis_history_blocks"], {4, 10}),
}
NAMES = {
    "nothing there": ("none.gpkg", {10}),
    "no folder": ("no/such/town.gpkg", {10}),
    "a folder": ("folder.gpkg", {10, 12}),
    "text": ("text.gpkg", {10}),
    "half a file": ("half.gpkg", {10}),
    "too long": (f"{'x' * 300}.gpkg", {10}),
    "no suffix": ("town", {2}),
    "no address": ("postgresql://[town", {2}),
    "no server": ("postgresql://nobody:secret@127.0.0.1:1/town", {10}),
}
# names that are odd and lead to a sound store
ODD = ["per%20cent % ? #.gpkg", 'it\'s "quoted".gpkg', "门头沟 街区.gpkg"]
BYTES = b"\xff\xfe.gpkg"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return the path of an empty store."""
    path = tmp_path_factory.mktemp("sound") / "town.gpkg"
    open_store(path, create=True).close()
    return path


def every_command(gis, store, folder):
    """Yield each command with what it ended with."""
    for command, more in ASKED.items():
        yield command, *gis(command, store, *(word.replace("NEW", str(folder)) for word in more))


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_store_is_one_sentence_everywhere(gis, sound, tmp_path, what):
    """Another program has written where only the store writes."""
    statements, codes = SPOILT[what]
    for command, more in ASKED.items():
        path = shutil.copy(sound, tmp_path / "town.gpkg")
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        code, _, said = gis(command, path, *(word.replace("NEW", str(tmp_path)) for word in more))
        assert code in codes, (command, said)
        assert " · " in said and "Traceback" not in said


@pytest.mark.parametrize("what", NAMES)
def test_a_name_that_is_no_store_is_one_sentence_everywhere(gis, sound, tmp_path, what):
    """Files that are not there, are folders, are cut off or are something else."""
    name, codes = NAMES[what]
    (tmp_path / "folder.gpkg").mkdir()
    (tmp_path / "text.gpkg").write_text("no store" * 500, encoding="utf-8")
    (tmp_path / "half.gpkg").write_bytes(sound.read_bytes()[: sound.stat().st_size // 2])
    store = name if ":" in name else tmp_path / name
    for command, code, _, said in every_command(gis, store, tmp_path):
        if command == "init" and what == "nothing there":
            assert code == 0
            store.unlink()
            continue
        assert code in codes, (command, said)
        assert " · " in said and "Traceback" not in said


@pytest.mark.parametrize("name", [*ODD, pytest.param(BYTES, marks=pytest.mark.skipif(os.name == "nt", reason="bytes"))])
def test_an_odd_name_is_a_name(gis, sound, tmp_path, name):
    """Per cent signs, quotes, Chinese and bytes that are no UTF-8 lead to the store."""
    path = os.path.join(tmp_path, os.fsdecode(name))
    shutil.copy(sound, path)
    for command in ("check", "migrate", "init"):
        code, _, said = gis(command, path)
        assert code == 0, said
    assert gis("export", path, "blocks", tmp_path / "blocks.csv")[0] == 0


@pytest.mark.parametrize("words", [["load", "STORE", "#"], ["load", "STORE", "none.gpkg#"], ["beijing", "NEW", "FILE"]])
def test_a_name_in_the_way_is_one_sentence(gis, sound, tmp_path, words):
    """Names of files and folders that cannot be what is asked for."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    places = {"STORE": sound, "NEW": tmp_path, "FILE": tmp_path / "file"}
    code, _, said = gis(*(places.get(word, word) for word in words))
    assert code in {4, 12}, said
    assert "Traceback" not in said
