"""What tests of attacks share: real commands in processes of their own."""

from __future__ import annotations

import shutil

import pytest

from gis.workflow import intake
from tests.hostile.children import Children


@pytest.fixture(scope="session")
def children():
    """Return the process that commands are forked from."""
    process = Children()
    yield process
    process.close()


@pytest.fixture
def gis(children, tmp_path):
    """Return a function that runs a command in the test's folder, in a process of its own with limits."""

    def run(*words, **environment):
        return children.run([str(word) for word in words], tmp_path, **environment)

    return run


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return the path of an empty store."""
    path = tmp_path_factory.mktemp("empty") / "store.gpkg"
    intake.init(path).close()
    return path


@pytest.fixture
def store(empty, tmp_path):
    """Return the path of an empty store in the test's folder."""
    return shutil.copy(empty, tmp_path / "store.gpkg")
