"""What flow tests share: the sample town in a store, made once, and the command line called in this process."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import pytest

from gis import cli, sample
from gis.settings import Settings
from gis.workflow import analyses, demo, intake, surroundings

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
