"""Frames made by hand for deliveries and workbooks: few rows, each with something that breaks careless writers."""

from __future__ import annotations

import datetime
from functools import cache

import geopandas as gpd
import pandas as pd
from shapely import MultiPolygon, Point, Polygon, box

from gis import catalogue

EAST, NORTH = 423_000.0, 4_423_000.0
# a bureau's own, on a datum that PROJ relates to no other
OWN_GRID = """PROJCS["Own grid",GEOGCS["Own",DATUM["Own datum",SPHEROID["Own ellipsoid",6378137,298.257222101]],
PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],
PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",116.35],PARAMETER["scale_factor",1],
PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1]]"""
DTYPES = {"text": "str", "json": "str", "integer": "Int64", "real": "float64", "boolean": "boolean"}


@cache
def book() -> catalogue.Catalogue:
    return catalogue.read()


def frame(layer: str, rows=(), shapes=(), crs="EPSG:4548"):
    """A canonical frame of a layer: what the rows do not name is missing."""
    described = book().layer(layer)
    columns = {}
    for field in described.fields:
        values = pd.Series([row.get(field.name) for row in rows], dtype="object")
        columns[field.name] = pd.to_datetime(values) if field.type == "date" else values.astype(DTYPES[field.type])
    if not described.spatial:
        return pd.DataFrame(columns)
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(list(shapes), crs=crs))


def square(x=0.0, y=0.0, side=100.0) -> Polygon:
    return box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)


def ring() -> Polygon:
    # the hole turns the same way as the shell, as some programs write it
    hole = [(EAST + 310, NORTH + 10), (EAST + 320, NORTH + 10), (EAST + 320, NORTH + 20)]
    return Polygon(square(300).exterior.coords, [hole])


def projects(**changes):
    """Three projects: two parts, a hole, and one of a military owner."""
    rows = [
        {"project_id": "XM-010", "name": "甲小区综合整治", "project_type": "old_estate", "state": "reserve"},
        {"project_id": "XM-002", "name": "乙厂房更新", "project_type": "industrial", "state": "annual"},
        {"project_id": "XM-001", "name": "丙院", "project_type": "old_estate", "state": "annual"},
    ]
    rows[0] |= {"households": 120, "approved_area_m2": 12_345.678, "demonstration": True, "plan_year": 2026}
    rows[1] |= {"demonstration": False, "reserved_on": datetime.date(2024, 2, 29), "confidential": False}
    rows[2] |= {"owner_class": "military"}
    rows[0] |= changes
    shapes = [MultiPolygon([square(), square(150)]), ring(), square(0, 200)]
    return frame("projects", rows, shapes)


def stations():
    row = {"station_id": "0071", "name": "石门营", "old_names": "曹各庄", "state": "operating"}
    return frame("stations", [row], [Point(EAST + 0.123456789, NORTH)])


def transfers():
    row = {"transfer_id": "T1", "from_block": "MC00-0201", "to_block": "MC00-0202", "floor_area_m2": 100.5}
    return frame("transfers", [row | {"approved_on": datetime.date(1999, 12, 31)}])


def layers(**changes):
    """A delivery's worth of layers, with two that are empty."""
    every = {"projects": projects(), "stations": stations(), "units": frame("units"), "streets": frame("streets")}
    return every | {"transfers": transfers()} | changes
