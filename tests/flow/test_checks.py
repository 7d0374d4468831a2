"""Rows in = rows stored + rows quarantined; exceptions, the report and the points of findings from end to end."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as some

from gis import findings
from gis.settings import Settings
from gis.workflow import intake, loading

WEST, SOUTH = 423_000.0, 4_423_000.0


def square(column, row=0):
    x, y = WEST + 100 * column, SOUTH + 100 * row
    return shapely.box(x, y, x + 100, y + 100)


def bowtie(column):
    x = WEST + 100 * column
    return shapely.Polygon([(x, SOUTH), (x + 100, SOUTH + 100), (x + 100, SOUTH), (x, SOUTH + 100)])


def units(rows):
    """Return rows of the layer units: (key, status, authority, shape)."""
    names = ["unit_id", "status", "authority"]
    values = pd.DataFrame([row[:3] for row in rows], columns=names, dtype=object).assign(name="甲")
    return gpd.GeoDataFrame(values, geometry=[row[3] for row in rows], crs="EPSG:4548")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Return the path of an empty store."""
    path = tmp_path_factory.mktemp("empty") / "empty.gpkg"
    intake.init(path, settings=Settings()).close()
    return path


@pytest.fixture
def fresh(empty, tmp_path):
    """Return the path of a copy of it."""
    return shutil.copy(empty, tmp_path / "fresh.gpkg")


def take(store, frame, file="甲.shp", layer="units"):
    return intake.take_in(store, layer, frame, file=file, author="甲", reason="试")


KEYS = some.sampled_from(["U1", "U2", "U3", "", None, "一" * 31])
SHAPES = some.one_of(
    some.builds(square, some.integers(0, 3)),
    some.builds(bowtie, some.integers(0, 3)),
    some.sampled_from([None, shapely.Polygon(), shapely.Point(WEST, SOUTH), shapely.box(0, 0, 1, 1)]),
)
DIRTY = some.lists(
    some.tuples(
        KEYS,
        some.sampled_from(["delineated", "nonsense", None]),
        some.sampled_from(["registered", "draft", "nobody", None]),
        SHAPES,
    ),
    max_size=7,
)


@profile(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DIRTY, DIRTY)
def test_rows_in_are_rows_stored_and_rows_quarantined(empty, tmp_path, first, second):
    """Whatever the rows are, and although a second file of the same layer follows with its own faults."""
    path = shutil.copy(empty, tmp_path / "law.gpkg")
    clean = [row for row in second if row[0] not in {"U1", "U2", "U3"}]
    with intake.opened(path, Settings()) as store:
        for file, rows in (("甲.shp", first), ("乙.shp", clean)):
            taken = take(store, units(rows), file)
            stored = store.read("units")
            waiting = store.read("quarantine", where={"layer": "units"})
            assert taken.accepted + taken.quarantined == len(rows)
            assert int(waiting["file"].eq(file).sum()) == taken.quarantined
            counts = taken.change.counts
            assert sum(counts.get(name, 0) for name in ("inserted", "updated", "unchanged")) == taken.accepted
        assert len(stored) + len(waiting) == len(first) + len(clean)
        # each says why
        assert all(json.loads(reasons) for reasons in waiting["reasons"])


@pytest.mark.parametrize(
    "shapes",
    [
        [square(0), shapely.Point(WEST, SOUTH)],
        [shapely.Point(WEST, SOUTH)],
        [square(0), shapely.GeometryCollection([square(1), shapely.Point(WEST, SOUTH)])],
        [shapely.box(WEST, SOUTH, WEST + 0.5, SOUTH + 0.5)],
    ],
    ids=["a point beside a square", "a point alone", "a collection", "a scrap alone"],
)
def test_shapes_of_another_kind_and_scraps_stop_no_load(fresh, shapes):
    """What is no polygon waits with its reason, and the checks of neighbours go on without it."""
    with intake.opened(fresh, Settings()) as store:
        taken = take(store, units([(f"U{n}", "delineated", "registered", shape) for n, shape in enumerate(shapes)]))
        assert taken.accepted + taken.quarantined == len(shapes)
        waiting = store.read("quarantine")
        wrong = {f"U{n}" for n, shape in enumerate(shapes) if shape.geom_type != "Polygon"}
        assert {row.feature for row in waiting.itertuples() if "geometry.type" in row.reasons} == wrong


def test_a_row_put_right_leaves_the_quarantine(fresh):
    """By its own file or by another; the rows of other files wait on."""
    with intake.opened(fresh, Settings()) as store:
        take(store, units([("U1", "nonsense", None, square(0)), ("U2", "nonsense", None, square(1))]), "甲.shp")
        take(store, units([("U3", "nonsense", None, square(2))]), "乙.shp")
        take(store, units([("U1", "delineated", None, square(0))]), "丙.shp")
        waiting = store.read("quarantine")
        assert sorted(zip(waiting["file"], waiting["feature"], strict=True)) == [("乙.shp", "U3"), ("甲.shp", "U2")]
        take(store, units([("U2", "delineated", None, square(1))]), "甲.shp")
        assert list(store.read("quarantine")["feature"]) == ["U3"]


def said(store, origin="load"):
    """Return file, feature and code of the findings of one origin."""
    held = store.read("findings", where={"origin": origin})
    return sorted(held[["file", "feature", "code"]].fillna("—").itertuples(index=False, name=None))


def spoiled(key, column):
    return units([(key, "nonsense", None, square(column))])


def test_findings_of_each_file_stay(fresh):
    """A second file for the layer adds its own; the same file again replaces its own; a row that comes again is new."""
    with intake.opened(fresh, Settings()) as store:
        take(store, spoiled("U1", 0), "甲.shp")
        taken = take(store, spoiled("U2", 1), "乙.shp")
        first, second = ("甲.shp", "U1", "row.code"), ("乙.shp", "U2", "row.code")
        assert set(taken.findings["feature"]) == {"U2"}
        assert said(store) == [second, first]
        take(store, spoiled("U3", 2), "甲.shp")
        assert said(store) == [second, ("甲.shp", "U3", "row.code")]
        take(store, units([("U2", "delineated", None, square(1))]), "丙.shp")
        assert said(store) == [("甲.shp", "U3", "row.code")]


def test_a_check_and_a_retirement_take_findings_away(fresh):
    """A check looks at stored features anew; what is about waiting rows and about files stays."""
    noted = findings.table([findings.finding("source.remark", "甲.shp", severity="info", text="?")])
    with intake.opened(fresh, Settings()) as store:
        shapes = units([("U1", "delineated", None, bowtie(0)), ("U2", "nonsense", None, square(1))])
        intake.take_in(store, "units", shapes, file="甲.shp", author="甲", reason="试", noted=noted)
        take(store, units([("U4", "delineated", None, square(4)), ("U5", "delineated", None, square(4))]), "乙.shp")
        there = {feature for _, feature, _ in said(store)}
        assert {"U1", "U2", "U4", "甲.shp"} <= there
        intake.check(store)
        assert {feature for _, feature, _ in said(store)} == {"U2", "甲.shp"}
        assert "U4" in {feature for _, feature, _ in said(store, "check")}
        store.retire("units", ["U4"], author="甲", reason="试")
        assert "U4" not in {feature for _, feature, _ in said(store, "check")}


def test_what_a_load_asks_of_the_store_is_read_once(fresh, tmp_path, monkeypatch):
    """However many files there are; a layer that a file has changed is read anew."""
    files = []
    for number in range(3):
        rows = units([(f"U{number}", "delineated", None, square(number))])
        pyogrio.write_dataframe(rows, tmp_path / f"{number}.gpkg")
        files.append(tmp_path / f"{number}.gpkg")
    with intake.opened(fresh, Settings()) as store:
        asked, read = [], store.read
        monkeypatch.setattr(store, "read", lambda name, **more: asked.append((name, *more)) or read(name, **more))
        intake.load(store, files, hints=intake.Hints(layer="units"), settings=Settings())
        assert {name: asked.count((name,)) for name in ("districts", "exceptions", "blocks")} == {
            "districts": 1, "exceptions": 1, "blocks": 1,
        }  # fmt: skip


def test_a_later_file_may_refer_to_an_earlier_one(fresh, tmp_path):
    """What the first file brought is known when the second is checked."""
    with intake.opened(fresh, Settings()) as store:
        job = loading.Loading(store)
        more = {"file": "a", "author": "甲", "reason": "试", "job": job}
        intake.take_in(store, "units", units([("U1", "delineated", None, square(0))]), **more)
        assert job.keys(store.catalogue.layer("projects"))["units"] == {"U1"}
        intake.take_in(store, "units", units([("U2", "delineated", None, square(1))]), **more)
        assert job.keys(store.catalogue.layer("projects"))["units"] == {"U1", "U2"}


def test_one_file_shows_its_stages(fresh, tmp_path):
    """To the end, before its rows are stored; several files have a bar of files."""
    log = []

    def track(items, title):
        log.append(f"{title} begins")
        for item in items:
            yield item
            log.append(f"{item} done") if title == "读取与检查" else None
        log.append(f"{title} ends")

    for number in range(2):
        rows = units([(f"U{number}", "delineated", None, square(number))])
        pyogrio.write_dataframe(rows, tmp_path / f"{number}.gpkg")
    hints = intake.Hints(layer="units")
    with intake.opened(fresh, Settings()) as store:
        intake.load(store, [tmp_path / "0.gpkg"], hints=hints, settings=Settings(), track=track)
        # so few rows are stored at once
        assert log == ["读取与检查 begins", *(f"{stage} done" for stage in loading.STAGES), "读取与检查 ends"]
        log.clear()
        files = [tmp_path / "0.gpkg", tmp_path / "1.gpkg"]
        intake.load(store, files, hints=hints, settings=Settings(), track=track)
        assert log == ["读取 begins", "读取 ends", "入库 begins", "入库 ends"]


def exception(**changes):
    row = {"exception_id": "E1", "code": "coverage.overlap", "layer": "units", "feature": "U1", "other": "U2"}
    row |= {"accepted_by": "张工", "grounds": "共用通道", "expires_on": "2999-12-31"} | changes
    return pd.DataFrame([row])


def overlap(found):
    """Return severity and parameters of the overlap of two units."""
    row = found[found["code"] == "coverage.overlap"].iloc[0]
    return row["severity"], json.loads(row["parameters"])


def overlapping():
    shifted = shapely.affinity.translate(square(1), -50)
    return units([("U1", "delineated", None, square(0)), ("U2", "delineated", None, shifted)])


def test_an_exception_in_the_store_silences_check_and_load(fresh, tmp_path):
    """It stays in the table as 核准例外, and leaves the list of what somebody must act on."""
    with intake.opened(fresh, Settings()) as store:
        assert overlap(take(store, overlapping()).findings)[0] == "error"
        take(store, exception(), layer="exceptions")
        for found in (take(store, overlapping()).findings, intake.check(store, report=tmp_path / "r.xlsx")):
            severity, said = overlap(found)
            assert (severity, said["accepted_by"], said["accepted_severity"]) == ("info", "张工", "error")
        kept = store.read("findings", where={"origin": "check", "code": "coverage.overlap"})
        assert "核准例外:张工" in kept["text"].iloc[0]
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    texts = {sheet.title: " ".join(str(cell.value) for row in sheet for cell in row) for sheet in book}
    assert "压盖" not in texts["质检报告"] and "核准例外:张工" in texts["提示与核准例外"]


def test_an_expired_exception_silences_nothing(fresh):
    """And is itself a finding."""
    with intake.opened(fresh, Settings()) as store:
        take(store, overlapping())
        take(store, exception(expires_on="2020-01-01"), layer="exceptions")
        found = intake.check(store)
    assert overlap(found)[0] == "error"
    assert list(found.loc[found["code"].str.startswith("exception."), "code"]) == ["exception.expired"]


def test_an_exception_without_an_author_is_quarantined(fresh):
    """Nobody answers for it."""
    with intake.opened(fresh, Settings()) as store:
        assert take(store, exception(accepted_by=None), layer="exceptions").quarantined == 1


def test_exceptions_come_as_a_file_and_findings_leave_as_points_and_sheets(gis, fresh, tmp_path):
    """As an analyst does it at the command line."""
    pyogrio.write_dataframe(overlapping(), tmp_path / "units.gpkg")
    broken = units([("U9", "nonsense", "draft", bowtie(5))])
    pyogrio.write_dataframe(broken, tmp_path / "broken.gpkg")
    code, out, _ = gis("load", fresh, tmp_path / "units.gpkg")
    assert code == 0 and "压盖" in out
    code, _, _ = gis("load", fresh, tmp_path / "broken.gpkg", "--layer", "units", "--report", tmp_path / "l.xlsx")
    # nothing of it was stored
    assert code == 8
    book = openpyxl.load_workbook(tmp_path / "l.xlsx")
    acting = [[cell.value for cell in row] for row in book["质检报告"].iter_rows(min_row=6)]
    assert book["质检报告"]["D4"].value == "责任方"
    assert [(row[1], row[3], row[9]) for row in acting] == [
        ("错误", "数据提供单位", "row.code"),
        ("警告", "数据处理人员", "repair.structure"),
    ]
    assert book["修复记录"]["B6"].value == "自相交重建"
    said = exception().rename(columns={"exception_id": "例外编号", "accepted_by": "核准人", "grounds": "核准理由"})
    said.to_csv(tmp_path / "核准例外.csv", index=False, encoding="utf-8-sig")
    code, out, err = gis("load", fresh, tmp_path / "核准例外.csv")
    assert (code, "入库 1 行" in out) == (0, True), err
    code, out, _ = gis("check", fresh, "--points", tmp_path / "p.gpkg", "--report", tmp_path / "c.xlsx")
    assert code == 0
    points = gpd.read_file(tmp_path / "p.gpkg")
    shown = points.loc[points["code"] == "coverage.overlap"].iloc[0]
    assert (points.crs.to_epsg(), shown["severity"], shown.geometry.geom_type) == (4548, "info", "Point")
    assert "核准例外:张工" in shown["text"]
    assert square(0).contains(shown.geometry) or square(0).touches(shown.geometry)
