"""Numbers of a public edition: its own, without gaps, by place; the record leads back."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from gis import catalogue as catalogues
from gis import sample
from gis.publish import numbering, publication, webmap

CATALOGUE = catalogues.read()
CRS = "EPSG:4548"
EAST, NORTH = 498_000.0, 4_395_000.0
NOTICE = webmap.Notice(
    "某方案", "某局", "某法", date(2026, 11, 22), date(2026, 12, 21), "statutory", email="answer@example.org"
)
DATA = re.compile(r'<script type="application/json" id="consultation-data">(.*?)</script>', re.DOTALL)


def lots(places, **columns) -> gpd.GeoDataFrame:
    """Give lots of 40 m whose keys tell nothing of their places."""
    keys = [f"DK-{7919 * n % 1000:03}" for n in range(1, len(places) + 1)]
    shapes = [box(EAST + x, NORTH + y, EAST + x + 40, NORTH + y + 40) for x, y in places]
    return gpd.GeoDataFrame({"parcel_id": keys, "land_use": "0701", **columns}, geometry=shapes, crs=CRS)


@pytest.fixture(scope="module")
def town() -> dict:
    return sample.town()


@pytest.fixture(scope="module")
def written(town, tmp_path_factory) -> tuple[str, webmap.MapReport]:
    """Give the town's public page and its report."""
    out = tmp_path_factory.mktemp("page") / "map.html"
    report = webmap.write(town, out, catalogue=CATALOGUE, notice=NOTICE)
    return out.read_text(encoding="utf-8"), report


def test_numbers_are_read_as_a_page_is():
    """From north-west to south-east, in bands."""
    rows = lots([(0, 0), (900, 1000), (0, 1010), (900, 0)])
    numbered = numbering.number({"parcels": rows}, CATALOGUE)
    assert numbered.frames["parcels"]["parcel_id"].tolist() == ["1", "2", "3", "4"]
    assert numbered.keys["parcels"] == tuple(rows["parcel_id"].iloc[[2, 1, 0, 3]])


def test_what_is_withheld_leaves_no_gap(town, written):
    """Of 558 parcels 552 are shown, as 1 to 552; their keys have the six gaps."""
    page, report = written
    found = json.loads(DATA.search(page).group(1))
    (parcels,) = [layer for layer in found["layers"] if layer["name"] == "parcels"]
    assert [int(row[3][parcels["key"]]) for row in parcels["rows"]] == list(range(1, 553))
    assert len(town["parcels"]) == 558 and len(set(report.keys["parcels"])) == 552


def test_no_key_is_in_the_page(town, written):
    """Not one of the keys of any layer, shown or withheld, not even inside another text."""
    page, _ = written
    keys = [str(key) for name, rows in town.items() for key in rows[CATALOGUE.layer(name).key]]
    assert len(keys) > 8000
    assert [key for key in keys if key in page] == []


def test_the_record_leads_back(town, written):
    """The feature of a number is the one that the page draws under it."""
    page, report = written
    (stations,) = [layer for layer in json.loads(DATA.search(page).group(1))["layers"] if layer["name"] == "stations"]
    names = town["stations"].set_index("station_id")["name"]
    for row in stations["rows"]:
        assert names[report.keys["stations"][int(row[3][stations["key"]]) - 1]] == row[3][stations["title"]]


def test_references_follow():
    """A lot names its block by the block's number; one that is not drawn is a blank."""
    rows = lots([(0, 0), (0, 900), (0, 1800)], block_id=["MC00-0007", "MC00-0003", "MC00-0009"])
    blocks = gpd.GeoDataFrame(
        {"block_id": ["MC00-0003", "MC00-0007"], "name": ["一", "二"]},
        geometry=[box(EAST, NORTH + 800, EAST + 99, NORTH + 999), box(EAST, NORTH, EAST + 99, NORTH + 99)],
        crs=CRS,
    )
    numbered = numbering.number({"parcels": rows, "blocks": blocks}, CATALOGUE)
    assert numbered.frames["parcels"]["block_id"].tolist() == [None, "1", "2"]


def test_keys_that_no_reader_is_told_have_no_number():
    """Rings and paths are not asked for; what they hang on is told apart."""
    rings = gpd.GeoDataFrame(
        {"catchment_id": ["S9-500", "S9-800"], "station_id": ["S9"] * 2, "radius_m": [500.0, 800.0]},
        geometry=[Point(EAST, NORTH).buffer(radius) for radius in (500, 800)],
        crs=CRS,
    )
    numbered = numbering.number({"catchments": rings}, CATALOGUE)
    assert "catchment_id" not in numbered.frames["catchments"] and numbered.keys == {}
    assert numbered.frames["catchments"]["station_id"].tolist() == ["1", "1"]


def test_inputs_are_not_changed():
    """The caller's frames keep rows, keys and order."""
    rows = lots([(0, 0), (0, 900)])
    before = rows.copy(deep=True)
    numbering.number({"parcels": rows}, CATALOGUE)
    pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(before))


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_numbers_follow_from_what_is_drawn_alone(order, keys):
    """Other keys and another order of rows give the same page: neither can be read out of it."""
    places = [(300 * (n % 3), 300 * (n // 3)) for n in range(8)]
    first = lots(places, land_use=[f"07{n:02}" for n in range(8)])
    other = first.assign(parcel_id=first["parcel_id"].to_numpy()[keys]).iloc[order]
    frames = [numbering.number({"parcels": each}, CATALOGUE).frames["parcels"] for each in (first, other)]
    pd.testing.assert_frame_equal(*(pd.DataFrame(frame).astype(str) for frame in frames))


def test_an_edition_is_called_by_its_day_and_what_it_says(town, tmp_path):
    """The same content is the same edition; one that says something else is another."""
    shown = {name: town[name] for name in ("blocks", "stations")}
    first, again, other = (
        webmap.write({**shown, "stations": shown["stations"].iloc[:count]}, tmp_path / f"{n}.html",
                     catalogue=CATALOGUE, notice=NOTICE)
        for n, count in enumerate((8, 8, 7))
    )  # fmt: skip
    assert first.edition == again.edition != other.edition and first.digest == again.digest
    assert re.fullmatch(r"20261122-[0-9a-f]{6}", first.edition)
    assert first.edition in (tmp_path / "0.html").read_text(encoding="utf-8")


def test_an_internal_page_keeps_the_keys(town, tmp_path):
    """The bureau's own map says what the bureau says; it is no edition."""
    shown = {"parcels": town["parcels"]}
    report = webmap.write(shown, tmp_path / "in.html", catalogue=CATALOGUE, notice=NOTICE, edition="internal")
    page = (tmp_path / "in.html").read_text(encoding="utf-8")
    assert all(key in page for key in town["parcels"]["parcel_id"]) and (report.edition, report.keys) == ("", {})


def test_a_page_that_is_not_kept_does_not_appear(town, tmp_path):
    """What takes the record fails: there is no page without one."""

    def fail(_):
        raise RuntimeError("no record")

    with pytest.raises(RuntimeError, match="no record"):
        webmap.write({"blocks": town["blocks"]}, tmp_path / "map.html", catalogue=CATALOGUE, notice=NOTICE, keep=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_generalised_layer_is_numbered_as_it_is_drawn():
    """Numbers follow the places that are shown, not the true ones."""
    layer = dataclasses.replace(CATALOGUE.layer("parcels"), public="generalised")
    changed = dataclasses.replace(CATALOGUE, layers={**CATALOGUE.layers, "parcels": layer})
    rows = lots([(x, y) for x in range(0, 1000, 200) for y in range(0, 1000, 200)])
    drawn = publication.public({"parcels": rows}, changed).frames
    numbered = numbering.number(drawn, changed).frames["parcels"]
    again = numbering.number({"parcels": numbered.iloc[::-1]}, changed).frames["parcels"]
    assert np.array_equal(numbered["parcel_id"], again["parcel_id"]) and numbered.geometry.equals(again.geometry)
