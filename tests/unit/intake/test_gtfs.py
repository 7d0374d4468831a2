"""Stations and entrances of a feed refer to each other by the feed's own ids."""

from __future__ import annotations

import pytest

from gis.errors import EmptyError, SourceError, UnknownNameError
from gis.intake.read import read

HEAD = "stop_id,stop_code,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
ROWS = "r1,010004,古城,39.90,116.18,1,\nn1,,古城 A出口,39.91,116.18,2,r1\np1,010004,古城(上行),,,0,r1\n"


@pytest.fixture
def feed(tmp_path):
    """Give a maker of stops.txt."""

    def make(text=HEAD + ROWS):
        path = tmp_path / "stops.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_stations_and_entrances_share_their_ids(feed):
    """The code of a line's stop is not the key: an interchange has one a line."""
    stations, entrances = (read(feed(), layer=layer).frame for layer in ("stations", "entrances"))
    assert list(stations["station_id"]) == list(entrances["station_id"]) == ["r1"]
    assert list(stations["stop_code"]) == ["010004"]


def test_a_feed_is_in_wgs84_by_its_standard(feed):
    """No flag is needed."""
    assert read(feed(), layer="stations").decided("crs").how == "standard"


def test_a_stop_with_blank_coordinates_has_no_geometry(feed):
    """It is not dropped."""
    assert list(read(feed(), layer="stops").frame.geometry.isna()) == [True]


REFUSED = {
    "no such kind": (HEAD + ROWS, "platforms", UnknownNameError),
    "none of this kind": (HEAD + "r1,,a,1,1,1,\n", "entrances", EmptyError),
    "no location_type": ("stop_id,stop_name,stop_lat,stop_lon\n1,a,1,1\n", "stations", SourceError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_feed_is_refused(feed, name):
    """With the file's name."""
    text, layer, error = REFUSED[name]
    with pytest.raises(error, match=r"stops\.txt"):
        read(feed(text), layer=layer)


def test_the_real_feed_has_five_stops_without_a_place(realdata):
    """As its README says; the six stations of line S1 in the district are among the rest."""
    frames = [read(realdata / "beijing/stops.txt", layer=layer).frame for layer in ("stations", "entrances", "stops")]
    assert sum(int(frame.geometry.isna().sum()) for frame in frames) == 5
    assert {"石厂", "小园", "栗园庄", "上岸", "桥户营", "四道桥"} <= set(frames[0]["name"])
