"""What flow tests share: the sample town in a store, made once, and the command line called in this process."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace

import geopandas as gpd
import pyogrio
import pytest

from gis import cli, sample
from gis.settings import Settings
from gis.workflow import analyses, demo, intake, surroundings
from tests.flow.bad import FORMATS, SQUARE

SETTINGS = replace(Settings(), district_name=demo.DISTRICT, bounds=None)


@pytest.fixture(scope="session")
def town():
    """Return the sample town."""
    return sample.town()


@pytest.fixture(scope="session")
def made_store(town, tmp_path_factory):
    """Return the path of a store with the sample town and the results of both analyses."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    with intake.init(path, settings=SETTINGS) as store:
        demo.put_town(store, town)
        analyses.blocks(store, settings=SETTINGS)
        surroundings.stations(store, settings=SETTINGS)
    return path


@pytest.fixture
def store_path(made_store, tmp_path):
    """Return the path of a copy that a test may change."""
    return shutil.copy(made_store, tmp_path / "town.gpkg")


@pytest.fixture
def store(store_path):
    """Return the copy, open."""
    with intake.opened(store_path, SETTINGS) as opened:
        yield opened


@pytest.fixture
def gis(monkeypatch, capsys):
    """Return a function that runs a command and returns exit code, standard output and standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gis", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return the path of an empty store."""
    path = tmp_path_factory.mktemp("empty") / "store.gpkg"
    intake.init(path).close()
    return path


@pytest.fixture
def place(empty, tmp_path):
    """Return a folder with a store, a district, and what is in the way of outputs."""
    shutil.copy(empty, tmp_path / "store.gpkg")
    shutil.copy(empty, tmp_path / "other.gpkg")
    districts = {"XZQDM": ["110107"], "XZQMC": ["某区"]}
    pyogrio.write_dataframe(gpd.GeoDataFrame(districts, geometry=[SQUARE], crs=4548), tmp_path / "sound.gpkg")
    (tmp_path / "file").write_bytes(b"")
    for _, suffix in FORMATS:
        (tmp_path / f"folder{suffix}").mkdir(exist_ok=True)
        if hasattr(os, "mkfifo") and not (tmp_path / f"pipe{suffix}").exists():
            os.mkfifo(tmp_path / f"pipe{suffix}")
    return tmp_path
