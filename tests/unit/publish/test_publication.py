"""What leaves the house, and that what stays leaves no hole."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from gis import catalogue as catalogues
from gis.errors import CrsError, UnknownNameError
from gis.publish import publication

CATALOGUE = catalogues.read()
CRS = "EPSG:4548"
EAST, NORTH = 498_000.0, 4_395_000.0


def at(x: float, y: float, width: float, height: float):
    return box(EAST + x, NORTH + y, EAST + x + width, NORTH + y + height)


def frame(shapes, **columns) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)


def parcels(**columns) -> gpd.GeoDataFrame:
    """Give three lots in a row, the middle one between the others."""
    lots = [at(0, 0, 100, 100), at(100, 0, 50, 100), at(150, 0, 100, 100)]
    return frame(lots, parcel_id=["P1", "P2", "P3"], land_use=["0701", "15", "0901"], **columns)


def projects(**columns) -> gpd.GeoDataFrame:
    lots = [at(10, 10, 20, 20), at(40, 10, 20, 20)]
    named = {"project_id": ["X1", "X2"], "name": ["甲", "乙"], "project_type": ["shanty"] * 2}
    return frame(lots, **{**named, "state": ["approved"] * 2, **columns})


def kept(name: str, frames) -> list[str]:
    edition = publication.public(frames, CATALOGUE)
    return edition.frames[name][CATALOGUE.layer(name).key].tolist() if name in edition.frames else []


FLAGS = [True, "true", 1, 1.0, "是", "yes", "?"]
CLEAR = [False, None, pd.NA, "", "否", 0, np.nan, "false"]


@pytest.mark.parametrize("flag", FLAGS, ids=repr)
def test_confidential_rows_stay(flag):
    """Whatever is not a clear no is a flag."""
    assert kept("projects", {"projects": projects(confidential=np.array([flag, False], dtype=object))}) == ["X2"]


@pytest.mark.parametrize("flag", CLEAR, ids=repr)
def test_rows_without_a_flag_go(flag):
    """No, nothing and blank flag nothing."""
    assert kept("projects", {"projects": projects(confidential=np.array([flag, None], dtype=object))}) == ["X1", "X2"]


@pytest.mark.parametrize("owner", ["military", "军属", " Military "])
def test_rows_of_military_owners_stay(owner):
    """The code, the word and a careless spelling are held back alike."""
    assert kept("projects", {"projects": projects(owner_class=["city", owner])}) == ["X1"]


@pytest.mark.parametrize("state", ["candidate", "reserve", "suspended", "removed", None, "no such state"])
def test_rows_go_when_their_time_has_come(state):
    """A project that is not approved for showing stays, and an unknown state grants nothing."""
    assert kept("projects", {"projects": projects(state=[state, "approved"])}) == ["X2"]


def test_a_missing_state_column_grants_nothing():
    """A frame without the deciding field is withheld whole."""
    assert kept("projects", {"projects": projects().drop(columns="state")}) == []


@pytest.mark.parametrize(
    "name", [name for name, layer in CATALOGUE.layers.items() if layer.public in {"none", "aggregate"}]
)
def test_layers_that_are_not_public_stay(name):
    """Layers of publication none or aggregate are never drawn, and tables without geometry neither."""
    layer = CATALOGUE.layer(name)
    rows = frame([Point(EAST, NORTH)], **{layer.key: ["K1"]}) if layer.spatial else pd.DataFrame({layer.key: ["K1"]})
    assert name not in publication.public({name: rows, "projects": projects()}, CATALOGUE).frames


@pytest.mark.parametrize(
    "name", [name for name, layer in CATALOGUE.layers.items() if layer.public in {"exact", "generalised"}]
)
def test_only_public_fields_leave(name):
    """Of every public layer only its public fields are handed on, and nothing that is no field."""
    layer = CATALOGUE.layer(name)
    columns = {item.name: ["v"] for item in layer.fields} | {"extra": ["{}"], "_version": [1]}
    columns |= {field: [values[0]] for field, values in layer.publish_when.items()}
    columns |= {item: [None] for item in ("confidential", "owner_class") if item in columns}
    shapes = {"Point": Point(EAST, NORTH), "MultiLineString": LineString([(EAST, NORTH), (EAST + 9, NORTH)])}
    rows = frame([shapes.get(layer.geometry, at(0, 0, 9, 9))], **columns)
    edition = publication.public({name: rows}, CATALOGUE)
    assert set(edition.frames[name].columns) == {item.name for item in layer.fields if item.public} | {"geometry"}


def test_a_withheld_parcel_leaves_no_hole():
    """The lots that are shown cover the withheld one, and their attributes are their own."""
    edition = publication.public({"parcels": parcels(owner_class=["city", "military", "city"])}, CATALOGUE)
    shown = edition.frames["parcels"]
    assert shown.union_all().equals(at(0, 0, 250, 100))
    assert shown["land_use"].tolist() == ["0701", "0901"]
    assert edition.withheld == {"parcels": {"owner": 1}}


def test_what_lies_on_secret_ground_stays():
    """School, wall and path of a compound are withheld with it; the street that passes is not."""
    walls = [
        LineString([(EAST + 100, NORTH), (EAST + 100, NORTH + 100)]),
        LineString([(EAST, NORTH), (EAST + 250, NORTH)]),
    ]
    frames = {
        "parcels": parcels(confidential=[False, True, False]),
        "facilities": frame([Point(EAST + 120, NORTH + 50), Point(EAST + 20, NORTH + 50)], facility_id=["S1", "S2"]),
        "barriers": frame(walls, barrier_id=["W1", "W2"], kind=["wall", "wall"]),
    }
    assert kept("facilities", frames) == ["S2"]
    assert kept("barriers", frames) == ["W2"]


def test_a_row_goes_with_what_it_stands_on():
    """Entrance and catchment of a station that is withheld are withheld; a chain is followed to its end."""
    stations = frame(
        [Point(EAST + 120, NORTH + 50), Point(EAST + 20, NORTH + 20)], station_id=["A", "B"], name=["甲", "乙"]
    )
    doors = frame([Point(EAST, NORTH), Point(EAST + 1, NORTH)], entrance_id=["a1", "b1"], station_id=["A", "B"])
    rings = frame([at(0, 0, 500, 500)] * 2, catchment_id=["a", "b"], station_id=["A", "B"], version=["raw"] * 2)
    frames = {"parcels": parcels(confidential=[False, True, False]), "stations": stations}
    frames |= {"entrances": doors, "catchments": rings}
    assert (kept("stations", frames), kept("entrances", frames), kept("catchments", frames)) == (["B"], ["b1"], ["b"])


def test_an_optional_reference_to_a_withheld_row_is_blanked():
    """The number of something that is not shown is not shown in another row either."""
    blocks = frame([None, at(0, 0, 400, 400)], block_id=["MC00-0001", "MC00-0002"], name=["一", "二"])
    edition = publication.public(
        {"blocks": blocks, "parcels": parcels(block_id=["MC00-0001", "MC00-0002", "MC00-0002"])}, CATALOGUE
    )
    assert edition.frames["parcels"]["block_id"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    "shape", [None, Point(), Point(np.nan, 1.0), Point(np.inf, 1.0)], ids=["none", "empty", "nan", "inf"]
)
def test_rows_without_a_usable_shape_stay(shape):
    """What cannot be drawn is counted, not drawn."""
    with np.errstate(all="ignore"):
        rows = frame([shape, Point(EAST, NORTH)], station_id=["A", "B"], name=["甲", "乙"])
    edition = publication.public({"stations": rows}, CATALOGUE)
    assert edition.frames["stations"]["station_id"].tolist() == ["B"]
    assert edition.withheld == {"stations": {"shape": 1}}


def test_the_internal_edition_holds_everything_with_a_shape():
    """All layers, rows and fields of the catalogue, also those that no one outside may see."""
    frames = {
        "projects": projects(confidential=[True, False]),
        "comments": frame([Point(EAST, NORTH)], comment_id=["C1"]),
    }
    edition = publication.internal(frames, CATALOGUE)
    assert {name: len(rows) for name, rows in edition.frames.items()} == {"projects": 2, "comments": 1}
    assert "confidential" in edition.frames["projects"]


def test_a_generalised_layer_is_coarse():
    """A point of a generalised layer is drawn beside its place: no nearer than the layer says, and not far."""
    layer = dataclasses.replace(CATALOGUE.layer("stations"), public="generalised", coarse_m=35.0)
    changed = dataclasses.replace(CATALOGUE, layers={**CATALOGUE.layers, "stations": layer})
    rows = frame([Point(EAST + 3.3, NORTH + 7.7)], station_id=["A"], name=["甲"])
    point = publication.public({"stations": rows}, changed).frames["stations"].geometry.iloc[0]
    assert 35 < point.distance(rows.geometry.iloc[0]) < 70


def test_a_generalised_layer_keeps_away_from_what_is_withheld():
    """No vertex is drawn near a corner of a row of any layer that is withheld though its layer is shown."""
    layer = dataclasses.replace(CATALOGUE.layer("stations"), public="generalised")
    changed = dataclasses.replace(CATALOGUE, layers={**CATALOGUE.layers, "stations": layer})
    stops = frame([Point(EAST + 50 * n, NORTH) for n in range(9)], station_id=list("ABCDEFGHI"), name=["站"] * 9)
    lots = frame(
        [at(10 * n, 25, 4, 4) for n in range(-3, 45)],
        parcel_id=[f"P{n}" for n in range(48)],
        land_use=["15"] * 48,
        confidential=[True] * 48,
    )
    drawn = publication.public({"stations": stops, "parcels": lots}, changed).frames["stations"].geometry
    corners = shapely.multipoints(shapely.get_coordinates(lots.geometry.to_numpy()))
    assert drawn.distance(corners).min() > 20


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ({"stations": frame([Point(1, 1)], station_id=["A"]).set_crs(None, allow_override=True)}, CrsError),
        ({"stations": frame([Point(1, 1)], station_id=["A"]).to_crs(4490)}, CrsError),
        ({"stations": frame([Point(1, 1)], station_id=["A"]), "projects": projects().to_crs(4547)}, CrsError),
        ({"statoins": frame([Point(1, 1)], station_id=["A"])}, UnknownNameError),
    ],
    ids=["no crs", "degrees", "two crs", "no layer"],
)
def test_frames_that_are_not_canonical_are_refused(rows, error):
    """A CRS is refused, never guessed, and so is a layer nobody knows."""
    with pytest.raises(error):
        publication.public(rows, CATALOGUE)


def test_inputs_are_not_changed():
    """The caller's frames keep rows, columns and shapes."""
    rows = parcels(confidential=[False, True, False])
    before = rows.copy(deep=True)
    publication.public({"parcels": rows}, CATALOGUE)
    pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(before))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_plane_forgets_where_it_lies(east, north):
    """The same town elsewhere gives the same steps (to the rounding of one step)."""
    rows = parcels()
    moved = rows.set_geometry(rows.translate(round(east, 1), round(north, 1)))
    here, there = (publication.plane({"parcels": each}) for each in (rows, moved))
    points = [shapely.get_coordinates(each.geometry.to_numpy()) for each in (rows, moved)]
    assert np.abs(here.steps(points[0]) - there.steps(points[1])).max() <= 1
