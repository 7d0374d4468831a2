"""A drawing fills any layer: closed lines are areas, and texts say which is what."""

from __future__ import annotations

import numpy as np
import pytest

from gis.intake import drawings
from gis.intake.conform import conform
from gis.intake.read import read

X, Y = 423000, 4423000


def polyline(*points, closed=True, bulge=None, layer="0"):
    """Return an LWPOLYLINE; the bulge is that of the side from the given corner on."""
    codes = [(0, "LWPOLYLINE"), (8, layer), (100, "AcDbEntity"), (100, "AcDbPolyline"), (90, len(points))]
    codes.append((70, int(closed)))
    for number, (x, y) in enumerate(points):
        codes += [(10, X + x), (20, Y + y), *([(42, 1.0)] if number == bulge else [])]
    return codes


def text(x, y, value, *, kind="TEXT"):
    return [(0, kind), (8, "注记"), (100, "AcDbEntity"), (10, X + x), (20, Y + y), (40, 2.5), (1, value)]


def point(x, y):
    return [(0, "POINT"), (8, "0"), (100, "AcDbEntity"), (10, X + x), (20, Y + y)]


SQUARE = [(0, 0), (100, 0), (100, 100), (0, 100)]


@pytest.fixture
def drawn(tmp_path, shared):
    """Give a maker of sources from a drawing, for a layer."""

    def make(layer, *entities):
        head = [(0, "SECTION"), (2, "HEADER"), (9, "$ACADVER"), (1, "AC1024"), (0, "ENDSEC")]
        body = [(0, "SECTION"), (2, "ENTITIES"), *(code for one in entities for code in one), (0, "ENDSEC")]
        codes = [*head, *body, (0, "EOF")]
        path = tmp_path / "a.dxf"
        path.write_text("".join(f"{number:>3}\n{value}\n" for number, value in codes), encoding="utf-8")
        return drawings.labelled(read(path, crs="EPSG:4548"), shared.layer(layer), shared)

    return make


def codes(source):
    return set(source.notes["code"])


def test_a_closed_line_with_an_arc_is_an_area(drawn):
    """A square of 100 m and half a circle on its upper side."""
    source = drawn("units", polyline(*SQUARE, bulge=2), text(50, 50, "DY-01"))
    assert source.frame.geometry.area.iloc[0] == pytest.approx(10_000 + np.pi * 50**2 / 2, abs=1)
    assert list(source.frame["unit_id"]) == ["DY-01"]
    assert codes(source) == {"drawing.outlines_closed", "drawing.labels_taken"}


def test_labels_fill_a_row(drawn, shared, settings):
    """Code, name, a title of a code list, and a field by its name: the row can be stored."""
    source = drawn(
        "units",
        polyline(*SQUARE),
        text(10, 10, "DY-01"),
        text(10, 20, "中门寺单元"),
        text(10, 30, "已划定"),
        text(10, 40, "统筹主体:区住建委"),
    )
    frame = conform(source, shared.layer("units"), settings=settings, catalogue=shared).frame
    row = frame[["unit_id", "name", "status", "coordinator"]].iloc[0]
    assert list(row) == ["DY-01", "中门寺单元", "delineated", "区住建委"]


def test_the_name_of_a_layer_may_be_a_state(drawn):
    """更新单元-已划定 says more than where the line lies."""
    source = drawn("units", polyline(*SQUARE, layer="更新单元-已划定"), text(10, 10, "DY-01"))
    assert list(source.frame["status"]) == ["已划定"]


def test_several_texts_for_one_field_are_asked(drawn):
    """None is taken, and all are kept."""
    source = drawn("units", polyline(*SQUARE), text(10, 10, "DY-01"), text(10, 20, "DY-02"))
    assert "unit_id" not in source.frame or source.frame["unit_id"].isna().all()
    assert list(source.frame[drawings.LABELS]) == ["DY-01;DY-02"]
    assert "drawing.label_ambiguous" in codes(source)


def test_a_text_is_about_the_smallest_outline_around_it(drawn):
    """A court within a block."""
    inner = [(20, 20), (40, 20), (40, 40), (20, 40)]
    source = drawn("units", polyline(*SQUARE), polyline(*inner), text(30, 30, "DY-02"), text(80, 80, "DY-01"))
    assert list(source.frame["unit_id"]) == ["DY-01", "DY-02"]


def test_a_text_outside_stays_a_row(drawn):
    """Nothing that is drawn is dropped unsaid."""
    source = drawn("units", polyline(*SQUARE), text(300, 300, "图名"))
    assert list(source.frame.geometry.geom_type) == ["Polygon", "Point"]


def test_a_text_beside_a_line_is_its_own(drawn):
    """A closed line is a line where the layer holds lines; a text between two lines is nobody's."""
    source = drawn(
        "streets",
        polyline((0, 0), (100, 0), closed=False),
        polyline((0, 40), (50, 40), (50, 60)),
        text(50, 2, "门头沟路"),
        text(200, 20, "远处"),
    )
    assert list(source.frame["name"].dropna()) == ["门头沟路"]
    assert [kind for kind in source.frame.geometry.geom_type if kind != "Point"] == ["LineString"] * 2


def test_a_text_beside_a_point_or_alone(drawn):
    """Stations are drawn as points with a text, or as texts alone."""
    beside = drawn("stations", point(0, 0), text(2, 2, "石厂"), point(500, 0))
    assert list(beside.frame["name"].fillna("—")) == ["石厂", "—"]
    alone = drawn("stations", text(0, 0, "石厂"), text(500, 0, "小园"))
    assert list(alone.frame["name"]) == ["石厂", "小园"]


def test_an_open_line_is_no_area(drawn):
    """Whether it should be closed is the drawer's to say."""
    source = drawn("units", polyline(*SQUARE, closed=False))
    assert list(source.frame.geometry.geom_type) == ["LineString"]
