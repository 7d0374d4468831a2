"""Rows that are encoded as they are asked for are the rows of the whole, however many are held at a time."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from gis import catalogue, rows
from gis.store import records


@pytest.fixture(scope="module")
def frame():
    """Give seven facilities in canonical shape, one without a name."""
    layer = catalogue.read().layer("facilities")
    numbers = [str(number) for number in range(7)]
    came = gpd.GeoDataFrame(
        {"facility_id": numbers, "name": [None, *numbers[1:]], "capacity": [None, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
        geometry=shapely.points([(423_000.0 + place, 4_423_000.0) for place in range(7)]),
        crs="EPSG:4548",
    )
    return rows.canonical(came, layer, "EPSG:4548"), layer


@pytest.mark.parametrize("piece", [1, 3, 7, 100])
def test_pieces_are_the_whole(frame, monkeypatch, piece):
    """One by one, by slices and in a loop."""
    monkeypatch.setattr(records, "PIECE", piece)
    whole, encoded = records.encode(*frame), records.Encoded(*frame)
    assert list(encoded) == whole
    assert len(encoded) == len(whole)
    assert [encoded[place] for place in range(7)] == whole
    assert encoded[2:5] == whole[2:5]
