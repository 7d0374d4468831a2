"""A delivery says of each row which district it lies in, in the CRS that the receiver or the bureau named."""

from __future__ import annotations

import dataclasses
import json

import pyogrio
import pyproj
import pytest
from shapely import Point, Polygon

from gis import archives, catalogue, crs
from gis.errors import CatalogueError, CrsError, RowsRefused
from gis.publish import delivery, receivers
from gis.settings import Settings
from tests.unit.publish import handmade


def districts(*rows, system="EPSG:4548"):
    """Districts beside each other, a kilometre wide."""
    shapes = [handmade.square(1000 * place, 0, 1000) for place in range(len(rows))]
    return handmade.frame("districts", [{"district_id": code, "name": name} for code, name in rows], shapes, crs=system)


def stations(*xs, system="EPSG:4548"):
    rows = [{"station_id": f"S{place}", "name": f"站{place}", "state": "operating"} for place in range(len(xs))]
    return handmade.frame("stations", rows, [Point(handmade.EAST + x, handmade.NORTH + 50) for x in xs], crs=system)


def delivered(folder, frames, settings=None, **changes):
    """Deliver frames; return the report and the folder of the unpacked files."""
    receiver = receivers.read("city", handmade.book(), settings=settings or Settings())
    options = {"catalogue": handmade.book(), "author": "规划分局", "date": "2026-11-23"}
    report = delivery.write(frames, folder / "a.zip", profile=dataclasses.replace(receiver, **changes), **options)
    archives.extract(report.path, folder / "files")
    return report, folder / "files"


def column(files, layer, name):
    return pyogrio.read_dataframe(files / f"{layer}.shp")[name].tolist()


def test_a_district_keeps_its_own_code_and_name(tmp_path):
    """The settings' district is not written over the store's, and what they say otherwise is reported."""
    frames = {"districts": districts(("110107", "石景山区")), "stations": stations(10)}
    report, files = delivered(tmp_path, frames)
    assert [column(files, "XZQ", name) for name in ("XZQDM", "XZQMC")] == [["110107"], ["石景山区"]]
    assert [column(files, "GDZD", name) for name in ("XZQDM", "XZQMC")] == [["110107"], ["石景山区"]]
    assert column(files, "GDZD", "BSM") == ["110107040000000001"]
    assert report.findings["code"].tolist() == ["delivery.district"]
    assert json.loads((files / "manifest.json").read_text("utf-8"))["districts"] == [
        {"code": "110107", "name": "石景山区"}
    ]
    assert "石景山区 110107" in (files / "readme.txt").read_text("utf-8-sig")
    assert delivery.verify(report.path).empty


@pytest.mark.parametrize("code", ["110109", "110109000000"])
def test_settings_that_agree_are_no_finding(tmp_path, code):
    """Six digits and twelve name one district."""
    assert delivered(tmp_path, {"districts": districts((code, "门头沟区"))})[0].findings.empty


def test_rows_of_two_districts_follow_the_ground(tmp_path):
    """Each row has the district that it lies in; one outside of both has none, and a finding."""
    two = districts(("110109", "门头沟区"), ("110107", "石景山区"))
    report, files = delivered(tmp_path, {"districts": two, "stations": stations(10, 1500, 9000)})
    assert column(files, "XZQ", "XZQDM") == ["110107", "110109"]
    assert column(files, "XZQ", "BSM") == ["110107010000000001", "110109010000000002"]
    came = pyogrio.read_dataframe(files / "GDZD.shp")["XZQDM"]
    assert came[:2].tolist() == ["110109", "110107"] and came.isna().tolist() == [False, False, True]
    assert report.findings[["code", "feature"]].to_numpy().tolist() == [["delivery.no_district", "S2"]]
    assert delivery.verify(report.path).empty


def test_a_table_without_places_names_no_district_where_there_are_two(tmp_path):
    """One finding says so for the whole table."""
    two = districts(("110109", "门头沟区"), ("110107", "石景山区"))
    report, files = delivered(tmp_path, {"districts": two, "transfers": handmade.transfers()})
    assert pyogrio.read_dataframe(files / "GMTJ.dbf")["XZQDM"].isna().all()
    assert report.findings["code"].tolist() == ["delivery.no_place"]


def test_most_of_the_ground_decides(tmp_path):
    """A project across the line belongs where more of it lies."""
    row = {"project_id": "X1", "name": "跨界", "project_type": "old_estate", "state": "annual"}
    projects = handmade.frame("projects", [row], [handmade.square(970, 0, 100)])
    two = districts(("110109", "门头沟区"), ("110107", "石景山区"))
    assert column(delivered(tmp_path, {"districts": two, "projects": projects})[1], "GXXM", "XZQDM") == ["110107"]


@pytest.mark.parametrize(
    ("settings", "changes", "code"),
    [
        (Settings(crs="EPSG:4547"), {}, 4547),
        (Settings(crs="EPSG:4547", delivery_crs="EPSG:4548"), {}, 4548),
        (Settings(crs="EPSG:4547", delivery_crs="EPSG:4548"), {"crs": "EPSG:4549"}, 4549),
        (Settings(crs="EPSG:4547"), {"crs": "EPSG:4490"}, 4490),
    ],
)
def test_a_delivery_is_in_the_crs_that_somebody_named(tmp_path, settings, changes, code):
    """The receiver's, else the settings' for deliveries, else the one that the bureau works in; areas belong to it."""
    frame = districts(("110109", "门头沟区"), system="EPSG:4547")
    report, files = delivered(tmp_path, {"districts": frame}, settings, **changes)
    came = pyogrio.read_dataframe(files / "XZQ.shp")
    assert crs.same(came.crs, pyproj.CRS(code))
    plane = frame if code == 4490 else crs.to(frame, f"EPSG:{code}")
    assert came["PMMJ"].tolist() == pytest.approx(plane.area.tolist(), abs=0.01)
    assert came["MJ"].tolist() == pytest.approx(crs.ellipsoidal_area(frame).tolist(), abs=0.01)
    assert delivery.verify(report.path).empty


def test_a_profile_may_name_its_crs(tmp_path):
    """What a receiver wants stands above what the bureau settled."""
    profile = {**handmade.book().profiles["city"], "crs": "EPSG:4549"}
    assert receivers.read(profile, handmade.book(), settings=Settings(delivery_crs="EPSG:4547")).crs == "EPSG:4549"
    with pytest.raises(CatalogueError):
        receivers.read({**profile, "crs": 4549}, handmade.book())


def test_no_profile_is_fixed_to_one_bureau():
    """Those that ship name no CRS of a place."""
    assert not [name for name, profile in catalogue.read().profiles.items() if "crs" in profile]


@pytest.mark.parametrize("system", [handmade.OWN_GRID, "EPSG:3826", "EPSG:2154"])
def test_a_grid_of_another_datum_is_delivered_as_it_is(tmp_path, system):
    """Areas are those of its own ellipsoid; a grid without public parameters keeps them, so nobody can check these."""
    frame = districts(("110109", "门头沟区"), system=system)
    report, files = delivered(tmp_path, {"districts": frame}, Settings(crs=system))
    own = system == handmade.OWN_GRID
    assert set(delivery.verify(report.path)["code"]) == ({"package.area_unchecked"} if own else set())
    assert column(files, "XZQ", "PMMJ") == [1_000_000.0]
    assert column(files, "XZQ", "MJ") == pytest.approx([1_000_000.0], rel=0.2)
    assert "central_meridian" not in (files / "XZQ.prj").read_text().lower() or not own


def test_a_receiver_that_cannot_be_reached_is_named(tmp_path):
    """No guess at how a grid lies."""
    with pytest.raises(CrsError, match="Own grid to EPSG:4548"):
        delivered(
            tmp_path, {"districts": districts(("1", "某区"), system=handmade.OWN_GRID)}, Settings(), crs="EPSG:4548"
        )


def nearly_touching(gap, side=2000.0):
    """A valid polygon whose hole ends a little above an edge: elsewhere that edge is another line."""
    x, y = 600_000.0, 4_420_000.0
    hole = [(x + side / 2, y + gap), (x + side / 2 - 10, y + 50), (x + side / 2 + 10, y + 50)]
    return Polygon([(x, y), (x + side, y), (x + side, y + 500), (x, y + 500)], [hole])


def unit(shape):
    row = {"unit_id": "U1", "name": "甲单元", "state": "drawn"}
    codes = {code.code for code in handmade.book().code_list("unit_states")}
    return handmade.frame("units", [row | {"state": sorted(codes)[0]}], [shape], crs="EPSG:4547")


def test_what_the_move_spoils_is_mended_within_the_rounding(tmp_path):
    """The finding names layer, row and place; the ground stays what it was."""
    shape = nearly_touching(1e-5)
    report, files = delivered(tmp_path, {"units": unit(shape)}, crs="EPSG:4548")
    found = report.findings.iloc[0]
    assert (found["code"], found["layer"], found["feature"], found["severity"]) == (
        "delivery.mended",
        "units",
        "U1",
        "warning",
    )
    assert (found["x"], found["y"]) == pytest.approx((601_000.0, 4_420_000.0), abs=0.01)
    came = pyogrio.read_dataframe(files / "GXDY.shp").geometry
    assert came.is_valid.all()
    moved = crs.to(unit(shape), "EPSG:4548").geometry
    assert came.area.iloc[0] == pytest.approx(moved.area.iloc[0], abs=0.1)


def test_what_no_rounding_explains_is_refused_with_its_place(tmp_path):
    """With metres to no digit, so that nothing may move, the row is listed and nothing is written."""
    decimals = {**handmade.book().profiles["city"]["decimals"], "m": 9}
    with pytest.raises(RowsRefused) as refused:
        delivered(tmp_path, {"units": unit(nearly_touching(1e-5))}, crs="EPSG:4548", decimals=decimals)
    found = refused.value.findings.iloc[0]
    assert (found["code"], found["feature"], found["severity"]) == ("delivery.geometry", "U1", "error")
    assert (found["x"], found["y"]) == pytest.approx((601_000.0, 4_420_000.0), abs=0.01)
    assert not (tmp_path / "a.zip").exists()
