"""The sample town, built once for all tests of this folder."""

from __future__ import annotations

import pytest

from gis import catalogue as catalogues
from gis import sample


@pytest.fixture(scope="session")
def known():
    """Give the catalogue."""
    return catalogues.read()


@pytest.fixture(scope="session")
def town(known):
    """Give the frames of the sample town; tests do not change them."""
    return sample.town(catalogue=known)
