"""The two homes behind the one contract: every test that asks for a store runs on GeoPackage and on PostGIS."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import pandas as pd
import psycopg2
import pytest
import shapely
from psycopg2 import sql

from gis import catalogue as catalogues
from gis.store import Store, geopackage_blobs, open_store

CRS = "EPSG:4548"
# enough for every rule: references, code lists, patterns, points, tables without geometry, derived layers
HOMES = ["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]
LAYERS = ("blocks", "streets", "units", "projects", "votes", "comments", "cells", "findings", "quarantine")
WEST, SOUTH = 480_000.0, 4_420_000.0


@pytest.fixture(scope="session")
def whole_catalogue() -> catalogues.Catalogue:
    return catalogues.read()


@pytest.fixture(scope="session")
def catalogue(whole_catalogue) -> catalogues.Catalogue:
    """Give the catalogue with few layers, which makes fresh stores cheap."""
    layers = {name: whole_catalogue.layers[name] for name in LAYERS}
    return dataclasses.replace(whole_catalogue, layers=MappingProxyType(layers))


@pytest.fixture(scope="session")
def template(tmp_path_factory, catalogue) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.gpkg"
    open_store(path, catalogue=catalogue, create=True).close()
    return path


@contextmanager
def fresh_schema(postgis_dsn: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    yield f"{postgis_dsn}?schema={name}"
    connection = psycopg2.connect(postgis_dsn)
    try:
        connection.autocommit = True
        connection.cursor().execute("SET lock_timeout TO '10s'")
        connection.cursor().execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
    finally:
        connection.close()


@pytest.fixture
def schema(postgis_dsn) -> Iterator[str]:
    """Give the DSN of a schema that nobody uses, dropped afterwards."""
    with fresh_schema(postgis_dsn) as dsn:
        yield dsn


@pytest.fixture(params=HOMES)
def place(request, tmp_path) -> str:
    """Give a target where nothing is yet."""
    if request.param == "geopackage":
        return str(tmp_path / "town.gpkg")
    return request.getfixturevalue("schema")


@pytest.fixture
def target(place, template, catalogue) -> str:
    """Give a target with an empty store."""
    if place.endswith(".gpkg"):
        shutil.copy(template, place)
    else:
        open_store(place, catalogue=catalogue, create=True).close()
    return place


@pytest.fixture
def store(target, catalogue):
    with open_store(target, catalogue=catalogue) as opened:
        yield opened


@pytest.fixture
def again(target, catalogue):
    """Give a function that opens the same store once more, as another analyst does."""
    opened = []

    def open_again(**options):
        opened.append(open_store(target, **{"catalogue": catalogue, **options}))
        return opened[-1]

    yield open_again
    for one in opened:
        one.close()


@pytest.fixture
def who() -> dict[str, str]:
    return {"author": "li", "reason": "test"}


def square(n: int) -> shapely.Polygon:
    return shapely.box(WEST + 200 * n, SOUTH, WEST + 200 * n + 100, SOUTH + 100)


def three_blocks() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "block_id": ["MC00-0001", "MC00-0002", "MC00-0003"],
            "name": pd.Series(["永定", None, "O'Neil \"; DROP TABLE blocks; --"], dtype="str"),
            "control_total_m2": [0.1 + 0.2, None, 1e9],
            "is_renewal": pd.array([True, None, False], dtype="boolean"),
            "residents": pd.array([1000000, None, 0], dtype="Int64"),
            "approved_on": pd.to_datetime(["2021-05-01", None, "1949-10-01"]),
        },
        geometry=[square(0), square(1), shapely.MultiPolygon([square(2), square(3)])],
        crs=CRS,
    )


@pytest.fixture
def box():
    """Give a function that draws a square of 100 m, the n-th in a row."""
    return square


@pytest.fixture
def blocks() -> gpd.GeoDataFrame:
    """Give three blocks with values of every type, some of them missing."""
    return three_blocks()


@pytest.fixture
def filled(store, blocks, who):
    """Give a store with the three blocks, as change set 2."""
    store.put("blocks", blocks, **who)
    return store


@pytest.fixture(scope="session", params=HOMES)
def shared(request, tmp_path_factory, catalogue) -> Iterator[Store]:
    """Give the filled store to tests that only read, one for all of them."""
    with ExitStack() as stack:
        if request.param == "geopackage":
            where = str(tmp_path_factory.mktemp("shared") / "town.gpkg")
        else:
            where = stack.enter_context(fresh_schema(request.getfixturevalue("postgis_dsn")))
        store = stack.enter_context(open_store(where, catalogue=catalogue, create=True))
        store.put("blocks", three_blocks(), author="li", reason="test")
        yield store


@pytest.fixture
def units(box) -> gpd.GeoDataFrame:
    rows = {"unit_id": ["U1", "U2"], "name": ["甲", "乙"], "status": ["delineated", "delineated"]}
    return gpd.GeoDataFrame(rows, geometry=[box(0), box(1)], crs=CRS)


@pytest.fixture
def projects(box) -> gpd.GeoDataFrame:
    rows = {
        "project_id": ["P1", "P2"],
        "name": ["一", "二"],
        "project_type": ["old_estate", "commercial"],
        "state": ["annual", "annual"],
        "unit_id": ["U1", None],
    }
    return gpd.GeoDataFrame(rows, geometry=[box(0), box(1)], crs=CRS)


@pytest.fixture
def outside(target):
    """Give a function that runs statements on the store's tables as another program does, and tells the last's rows."""

    def run(*statements: str) -> list[tuple]:
        if target.endswith(".gpkg"):
            connection = sqlite3.connect(target)
            geopackage_blobs.register(connection)
        else:
            dsn, _, name = target.partition("?schema=")
            connection = psycopg2.connect(dsn)
            connection.cursor().execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(name)))
        with closing(connection):
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
        return rows

    return run


@pytest.fixture
def overwrite(target):
    """Give a function that overwrites a layer as geopandas does."""

    def write(frame: gpd.GeoDataFrame, layer: str) -> None:
        if target.endswith(".gpkg"):
            frame.to_file(target, layer=layer)
            return
        dsn, _, name = target.partition("?schema=")
        with closing(psycopg2.connect(dsn)) as connection:
            write_table(connection.cursor(), frame, name, layer)
            connection.commit()

    return write


def write_table(cursor, frame: gpd.GeoDataFrame, schema: str, layer: str) -> None:
    """Write a table anew, all values as text, as simple tools do."""
    table = sql.Identifier(schema, layer)
    names = [column for column in frame.columns if column != "geometry"]
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column in names)
    shape = f"geometry(Geometry, {frame.crs.to_epsg()})"
    cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(table))
    cursor.execute(sql.SQL("CREATE TABLE {} ({}, geometry {})").format(table, columns, sql.SQL(shape)))
    for shape, row in zip(frame.geometry, frame[names].itertuples(index=False), strict=True):
        values = [None if pd.isna(value) else str(value) for value in row]
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(values))
        statement = sql.SQL("INSERT INTO {} VALUES ({}, ST_GeomFromText(%s, %s))").format(table, marks)
        cursor.execute(statement, [*values, shape.wkt, frame.crs.to_epsg()])
