"""A GeoPackage's cells are read as what they hold, whatever their columns declare."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from gis.errors import SourceError
from gis.intake.read import read
from tests.unit.intake.handmade import square

# declared type -> what another program wrote there, and what is read of it
CELLS = {
    "BOOLEAN": ["是", "true", 1, 0, "F", 2],
    "INTEGER": ["约1200", "1,200", 1200, 2.5, "", 2**53 + 1],
    "SMALLINT": [70_000, 7, "待定"],
    "DOUBLE": ["待定", 2.5, 2**53 + 1, "1,200.5"],
    "FLOAT": [0.1, 123456789.0],
    "TEXT(20)": ["MC00-0001", b"MC00-0002", "MC00\x00-0003"],
    "DATE": ["2024年3月5日", 20240305, "年底", "0000-03-05", "12024-03-05", "-0044-03-15"],
    "DATETIME": ["2024-03-05 00:00", "2024/3/5", 45356],
}


def package(tmp_path, declared, cells):
    """Give a GeoPackage with one column of a declared type, into which sqlite wrote what it was given."""
    path = tmp_path / "a.gpkg"
    frame = gpd.GeoDataFrame({"n": range(len(cells))}, geometry=[square(n) for n in range(len(cells))], crs="EPSG:4548")
    pyogrio.write_dataframe(frame, path, layer="a")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER IF EXISTS trigger_insert_feature_count_a")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(f'ALTER TABLE a ADD COLUMN "值" {declared}')
        for number, cell in enumerate(cells):
            connection.execute('UPDATE a SET "值" = ? WHERE n = ?', (cell, number))
    return path


@pytest.mark.parametrize("declared", CELLS)
def test_a_cell_of_another_type_is_what_it_holds(tmp_path, declared):
    """Nothing becomes 0, False or rounded; the finding counts the cells."""
    cells = CELLS[declared]
    source = read(package(tmp_path, declared, cells))
    assert source.frame["值"].tolist() == cells
    note = source.notes.set_index("code").loc["source.cells_untyped"]
    assert json.loads(note["parameters"])["column"] == "值"
    assert note["severity"] == "info"


SOUND = {
    "BOOLEAN": [1, None],
    "INTEGER": [5, None],
    "REAL": [2.5, None],
    "TEXT": ["甲", None],
    "DATE": ["2024-03-05", None],
    "DATETIME": ["2024-03-05T00:00:00Z", None],
}


@pytest.mark.parametrize("declared", SOUND)
def test_sound_cells_are_left_to_gdal(tmp_path, declared):
    """There is nothing to say, and an empty cell is of every type."""
    source = read(package(tmp_path, declared, SOUND[declared]))
    assert "source.cells_untyped" not in set(source.notes["code"])
    assert list(source.frame["值"].isna()) == [False, True]


def test_such_cells_become_values_or_questions(tmp_path, conformed):
    """是 is true, 1,200 is a number, 约1200 is asked about, blank is empty."""
    path = package(tmp_path, "INTEGER", ["约1200", "1,200", ""])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('ALTER TABLE a RENAME COLUMN "值" TO "常住人口"')
        connection.execute("ALTER TABLE a ADD COLUMN block_id TEXT")
        connection.execute("ALTER TABLE a ADD COLUMN is_renewal BOOLEAN")
        connection.execute("UPDATE a SET block_id = 'MC00-000' || n, is_renewal = iif(n = 1, '否', '是')")
    result = conformed(read(path))
    assert [None if pd.isna(value) else value for value in result.frame["residents"]] == [None, 1200, None]
    assert result.frame["is_renewal"].tolist() == [True, False, True]
    assert list(result.findings.loc[result.findings["code"] == "row.type", "severity"]) == ["warning"]


def test_reading_leaves_the_file_and_its_folder_as_they_were(tmp_path):
    """A file whose journal is gone gets none."""
    path = package(tmp_path, "INTEGER", ["约1200", 3])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    before = path.read_bytes()
    assert read(path).frame["值"].tolist() == ["约1200", 3]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.gpkg"]


def test_a_day_stays_a_day_beside_one_that_is_none(tmp_path, conformed):
    """The sound cells of a column keep their values."""
    path = package(tmp_path, "DATE", ["2024-03-05", "年底"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('ALTER TABLE a RENAME COLUMN "值" TO "approved_on"')
    result = conformed(read(path))
    assert result.frame["approved_on"].iloc[0].date() == date(2024, 3, 5)
    assert pd.isna(result.frame["approved_on"].iloc[1])


def test_rows_that_cannot_be_read_are_not_left_out(tmp_path, monkeypatch):
    """What the file announces is what is read, or nothing is."""
    path = package(tmp_path, "INTEGER", [1, 2, 3])
    whole = pyogrio.read_dataframe
    monkeypatch.setattr(pyogrio, "read_dataframe", lambda *args, **more: whole(*args, **more).iloc[:2])
    with pytest.raises(SourceError, match="3 rows are promised and 2 can be read"):
        read(path)
