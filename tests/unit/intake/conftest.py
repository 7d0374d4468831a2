"""Small hand-made files: shapefiles whose every byte is known."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest

from gis import catalogue
from gis.intake.conform import conform
from gis.intake.sources import Source
from gis.settings import Settings
from tests.unit.intake.handmade import dbf_bytes, square


@pytest.fixture
def shapefile(tmp_path: Path):
    """Give a maker of shapefiles: squares with a table whose bytes the test decides."""

    def make(columns, rows, *, ldid=0, cpg=None, crs="EPSG:4548", shapes=None, stem="区界") -> Path:
        path = tmp_path / f"{stem}.shp"
        shapes = shapes or [square(number) for number in range(len(rows))]
        frame = gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=crs)
        with warnings.catch_warnings():
            # a file without a CRS is what some tests want
            warnings.simplefilter("ignore", UserWarning)
            pyogrio.write_dataframe(frame, path)
        path.with_suffix(".cpg").unlink()
        path.with_suffix(".dbf").write_bytes(dbf_bytes(columns, rows, ldid))
        if cpg is not None:
            path.with_suffix(".cpg").write_text(cpg, encoding="ascii")
        return path

    return make


@pytest.fixture(scope="session")
def shared():
    """Give the catalogue."""
    return catalogue.read()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Give the settings of the district."""
    return Settings()


@pytest.fixture
def source():
    """Give a maker of sources: a frame as if a file had held it."""

    def make(columns: dict, shapes=None, crs="EPSG:4548") -> Source:
        length = len(next(iter(columns.values())))
        shapes = [square(number) for number in range(length)] if shapes is None else shapes
        frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)
        return Source(frame, Path("handmade.gpkg"), "GeoPackage", None, (), gpd.pd.DataFrame())

    return make


@pytest.fixture
def conformed(shared, settings):
    """Give a short way to conform a source to a layer."""

    def make(source, layer="blocks"):
        return conform(source, shared.layer(layer), settings=settings, catalogue=shared)

    return make
