"""The sheet of a station as a planner prints it: exact scale, honest blanks, names that stay names."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.image import imread
from shapely import LineString, MultiLineString, MultiPolygon, Point, box

from gis.errors import CrsError, FrameError, MissingDependencyError, UnknownNameError, UsageError
from gis.publish import paper, station_figures, station_map, station_sheet, typeface
from gis.publish.labelling import Label, Labels
from gis.publish.paper import Box, TitleBlock
from tests.unit.publish import handmade
from tests.unit.publish.handmade import EAST, NORTH, frame

DAYS = {"date": datetime.date(2026, 11, 27), "data_to": datetime.date(2026, 10, 31)}
ABOUT = TitleBlock(draft="送审稿", unit="规划分局", prepared="甲", **DAYS)
HOSTILE = [
    "$\\frac{1}{0}$ 站",
    "一$二",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }}{minutes}",
    "行\u2028段\n\t\x07尾",
    "很" * 400,
    "𠮷😀",
    "\\LaTeX %s %(a)s",
    "",
]


def at(x=0.0, y=0.0) -> Point:
    return Point(EAST + x, NORTH + y)


def stations(name="石门"):
    rows = [{"station_id": "Z1", "name": name, "state": "operating"}, {"station_id": "Z2", "name": "乙"}]
    return frame("stations", rows, [at(), at(900, 300)])


def sheds(station="Z1", x=0.0):
    shapes = [MultiPolygon([box(EAST + x - r, NORTH - r / 3, EAST + x + r, NORTH + r / 3)]) for r in (300, 600, 900)]
    rows = [
        {
            "catchment_id": f"{station}-{minutes}-{version}",
            "station_id": station,
            "ring": f"步行{minutes}分钟",
            "radius_m": 75.0 * minutes,
            "minutes": float(minutes),
            "method": "NET",
            "version": version,
            "shed_ratio": 0.321,
        }
        for version in ("raw", "nearest")
        for minutes in (5, 10, 15)
    ]
    return frame("catchments", rows, shapes * 2)


def results(**changes):
    rows = [
        {
            "station_result_id": f"Z1-{minutes}-{version}",
            "station_id": "Z1",
            "name": "石门",
            "ring": f"步行{minutes}分钟",
            "inner_m": 0.0,
            "radius_m": 75.0 * minutes,
            "minutes": float(minutes),
            "method": "NET",
            "version": version,
            "area_m2": 100_000.0 * minutes,
            "shed_ratio": 0.3214,
            "floor_area_m2": 60_000.0 * minutes,
            "far_gross": 0.6,
            "residents": 1234 * minutes,
            "land_residential_m2": 50_000.0 * minutes,
            "land_transport_m2": 20_000.0 * minutes,
        }
        | changes
        for version in ("raw", "nearest")
        for minutes in (5, 10, 15)
    ]
    return frame("station_results", rows)


def programme(titles=("甲小区综合整治", "乙厂房更新")):
    rows = [
        {
            "item": "project",
            "sequence": n,
            "feature_id": f"P{n}",
            "title": title,
            "kind": ("old_estate", "industrial")[n % 2],
            "state": "annual",
            "year": 2026,
            "lead": "区住建委",
        }
        for n, title in enumerate(titles, start=1)
    ]
    rows.append({"item": "gap", "sequence": 1, "title": "kindergarten", "note": "缺 180 学位"})
    rows.append({"item": "stock", "sequence": 1, "feature_id": "B1", "title": "旧楼", "kind": "office"})
    rows = [{"station_id": "Z1", "ring": "步行15分钟", "station_programme_id": f"J{n}"} | r for n, r in enumerate(rows)]
    return frame("station_programmes", rows)


def everything(name="石门", titles=("甲小区综合整治", "乙厂房更新")):
    """A station with a river, a bridge, a railway, two streets, buildings, projects and facilities."""

    def lines(*points):
        return MultiLineString([LineString([(EAST + x, NORTH + y) for x, y in points])])

    def area(x, y, side=80.0):
        return MultiPolygon([box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)])

    projects = [
        {"project_id": f"P{n}", "name": title, "project_type": ("old_estate", "industrial")[n % 2], "state": "annual"}
        for n, title in enumerate(titles, start=1)
    ]
    return {
        "stations": stations(name),
        "catchments": pd.concat([sheds(), sheds("Z2", 900.0)], ignore_index=True),
        "station_results": results(),
        "station_programmes": programme(titles),
        "entrances": frame("entrances", [{"entrance_id": "Z1-A", "station_id": "Z1", "name": name}], [at(60, 10)]),
        "streets": frame(
            "streets",
            [{"street_id": "S1", "class": "arterial"}, {"street_id": "S2", "class": "nonsense"}],
            [lines((-900, 0), (900, 0)), lines((0, -500), (0, 500))],
        ),
        "walkways": frame("walkways", [{"walkway_id": "W1", "kind": "bridge"}], [lines((350, 5), (450, 5))]),
        "barriers": frame(
            "barriers",
            [{"barrier_id": "B1", "kind": "river"}, {"barrier_id": "B2", "kind": "rail"}],
            [lines((400, -600), (400, 600)), lines((-900, 200), (900, 200))],
        ),
        "waters": frame("waters", [{"water_id": "V1", "name": name}], [area(410, -300, 200)]),
        "buildings": frame("buildings", [{"building_id": "B1"}, {"building_id": "B2"}], [area(-200, 40), area(0, 140)]),
        "projects": frame("projects", projects, [area(100 + 110 * n, -260, 90) for n in range(len(titles))]),
        "facilities": frame(
            "facilities",
            [{"facility_id": "F1", "kind": "hospital"}, {"facility_id": "F2", "kind": "bus_stop"}],
            [at(-100, -100), at(-120, 60)],
        ),
        "vacated_spaces": frame("vacated_spaces", [{"vacated_space_id": "T1", "kind": "corner"}], [area(-300, -200)]),
    }


def draw(frames=None, station="Z1", **options) -> Figure:
    options = {"catalogue": handmade.book(), "about": ABOUT} | options
    return station_sheet.draw(station, everything() if frames is None else frames, **options)


def texts(figure) -> list[str]:
    """List what is written, without the edges under bold letters and halos."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if not text.get_path_effects()]


def the_map(figure):
    return next(axes for axes in figure.axes if axes.get_label() == "map")


@pytest.mark.parametrize("scale", [None, *station_sheet.SCALES])
def test_the_scale_is_exact_on_paper(scale):
    """A hundred metres of ground are 100 m over the denominator on the sheet, east and north, at every scale."""
    figure = draw(scale=scale)
    axes = the_map(figure)
    assert np.allclose(figure.get_size_inches() * 25.4, (420, 297))
    ends = axes.transData.transform([(EAST, NORTH), (EAST + 100, NORTH), (EAST, NORTH + 100)])
    on_paper = np.abs(ends[1:] - ends[0]).max(axis=1) / figure.dpi * 25.4
    denominator = scale or 10_000
    assert on_paper == pytest.approx([100_000 / denominator] * 2, rel=1e-9)
    assert paper.scale_text(denominator) in texts(figure)


def test_a_millimetre_is_ten_pixels(tmp_path):
    """So that the scale can be checked in the picture: 420 mm by 297 mm."""
    path = station_sheet.write(tmp_path / "a.png", "Z1", everything(), catalogue=handmade.book(), about=ABOUT)
    assert matplotlib.image.imread(path).shape[:2] == (2970, 4200)


def test_the_map_takes_the_largest_scale_that_holds_the_sheds():
    """1.8 km of ground go on 262 mm at 1:1万, not at 1:5000."""
    west, east = the_map(draw()).get_xlim()
    assert east - west == pytest.approx(station_sheet.MAP.width * 10)
    assert west < EAST - 900 and east > EAST + 900


def test_a_stray_tip_does_not_make_the_map_smaller():
    """A tip of 1 % outside is said on the map; more of it asks for the next scale."""
    for tip, scale, said in ((30, 10_000, "步行可达范围有"), (400, 25_000, None)):
        rows = sheds()
        arm = box(EAST - tip, NORTH + 300, EAST + tip, NORTH + 1200).union(rows.geometry.iloc[2])
        arm = arm.union(box(EAST - tip, NORTH - 1200, EAST + tip, NORTH - 300))
        rows.loc[[2], "geometry"] = MultiPolygon([arm])
        written = texts(draw({"stations": stations(), "catchments": rows}))
        assert paper.scale_text(scale) in written
        assert any(text.startswith("步行可达范围有") for text in written) == (said is not None)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_only_names(tmp_path, hostile):
    """Neither mathematics nor markup nor a placeholder nor a letter that the font lacks; not one warning."""
    path = tmp_path / "a.png"
    frames = everything(name=hostile, titles=(hostile, hostile))
    station_sheet.write(path, "Z1", frames, catalogue=handmade.book(), about=TitleBlock(unit=hostile, sources=hostile))
    assert path.stat().st_size > 10_000
    said = [text for axes in draw(frames).axes for text in axes.texts]
    assert not any(text.get_parse_math() or text.get_usetex() for text in said)


def test_names_stay_as_they_are():
    """Dollar signs and braces are printed."""
    assert any("一$二$" in text for text in texts(draw(everything(name="一$二$"))))
    assert paper.printable("a\u2028b\n\tc\u200b\x07 \ud800") == "a b c □"


def test_the_same_input_gives_the_same_bytes(tmp_path):
    """In both formats, without a date or a program's name."""
    for suffix in paper.FORMATS:
        made = [
            station_sheet.write(tmp_path / f"{n}{suffix}", "Z1", everything(), catalogue=handmade.book(), about=ABOUT)
            for n in range(2)
        ]
        first, second = (path.read_bytes() for path in made)
        assert first == second
        assert not any(word in first for word in (b"CreationDate", b"matplotlib", b"Matplotlib"))


def test_settings_of_the_reader_change_nothing(tmp_path):
    """A sheet does not depend on a notebook's matplotlib settings, and leaves them alone."""
    plain = station_sheet.write(tmp_path / "a.png", "Z1", everything(), catalogue=handmade.book()).read_bytes()
    with matplotlib.rc_context({"font.family": "serif", "hatch.linewidth": 4.0, "text.parse_math": True}):
        other = station_sheet.write(tmp_path / "b.png", "Z1", everything(), catalogue=handmade.book()).read_bytes()
        assert matplotlib.rcParams["hatch.linewidth"] == 4.0
    assert plain == other


def test_every_text_is_in_the_typeface_that_comes_with_the_packages():
    """Read by its path: what the system has, and what a list of its fonts says, decide nothing."""
    faces = {text.get_fontproperties().get_file() for axes in draw().axes for text in axes.texts}
    assert faces == {str(typeface.file())}
    assert typeface.file().name == "NotoSansSC-Regular.otf"
    assert {ord(letter) for letter in "门头沟区城市更新站点①²≥"} <= typeface.letters()


def test_the_fonts_of_the_system_are_not_asked(monkeypatch, tmp_path):
    """Where no font is listed, a sheet is drawn all the same, and it is the same."""
    usual = station_sheet.write(tmp_path / "a.pdf", "Z1", everything(), catalogue=handmade.book()).read_bytes()
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [])
    bare = station_sheet.write(tmp_path / "b.pdf", "Z1", everything(), catalogue=handmade.book()).read_bytes()
    assert bare == usual


def test_another_typeface_may_be_named(tmp_path):
    """By its file; one that isn't there, is no font or has no Chinese letters is refused."""
    mine = tmp_path / "mine.otf"
    shutil.copy(typeface.file(), mine)
    figure = draw(font=mine)
    assert {text.get_fontproperties().get_file() for axes in figure.axes for text in axes.texts} == {str(mine)}
    assert typeface.file() != mine
    (tmp_path / "broken.otf").write_bytes(b"no font")
    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for wrong, said in (("none.otf", "be a file"), ("mine.woff2", "be a file"), ("broken.otf", "read as a font")):
        with pytest.raises(UsageError, match=said):
            draw(font=tmp_path / wrong)
    with pytest.raises(UsageError, match="lacks 城市更新"):
        draw(font=latin)


def test_a_missing_package_is_named(monkeypatch):
    """Rather than boxes for letters."""
    typeface._packaged.cache_clear()
    monkeypatch.setattr(typeface, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingDependencyError, match="pip install no-such-package"):
        draw()
    typeface._packaged.cache_clear()


def test_bold_letters_stand_where_thin_ones_do(tmp_path):
    """Bold is an outline under the text, which stays a text; dark ground grows by a quarter at least."""
    thin, bold = ([], [])
    for found, style in ((thin, {}), (bold, {"bold": True})):
        with paper.plain():
            sheet = paper.Sheet()
            sheet.text(20, 200, "人口与岗位密度(每公顷)", 40, **style)
            pixels = imread(paper.save([sheet], tmp_path / "a.png"))[..., 0]
        found += [np.flatnonzero((pixels < 0.5).any(axis=0))[[0, -1]], (pixels < 0.5).sum()]
    assert np.abs(thin[0] - bold[0]).max() <= 12
    assert bold[1] > 1.25 * thin[1]


def test_what_an_internal_sheet_must_say_is_there():
    """Name, kind of draft, notices, signatures, sources, date of the data, north, scale, legend."""
    said = texts(draw(synthetic=True))
    wanted = {"石门站站城融合专项计划图", "送审稿", "内部资料 注意保管", "示例数据,非真实情况", "图例", "北", "1:1万"}
    assert wanted <= set(said)
    for title in ("编制单位", "编制", "校核", "审核", "审定", "日期"):
        assert title in said
    assert "数据截止:2026-10-31" in said
    assert any(text.startswith("数据来源:") for text in said)
    assert not any("示例" in text for text in texts(draw()))


def test_the_legend_lists_what_is_drawn_and_nothing_else():
    """A railway is in the legend if there is one."""
    every = texts(draw())
    assert {"阻隔:铁路", "过街通道", "更新项目:老旧小区", "医疗设施", "公交车站"} <= set(every)
    bare = texts(draw({"stations": stations(), "catchments": sheds()}))
    absent = ("阻隔", "更新项目", "道路", "建筑", "疏解", "医疗", "公交")
    assert not any(text.startswith(absent) for text in bare)
    assert "步行15分钟可达范围" in bare


def test_the_ratio_is_written_on_each_circle():
    """Time, radius, share of the circle."""
    assert "15分钟圆 R=1125m 可达面积比 32.1%" in texts(draw())


def test_no_english_word_stands_on_the_sheet():
    """Codes are shown by their titles, also where the programme holds codes."""
    said = " ".join(texts(draw(synthetic=True)))
    for word in ("old_estate", "kindergarten", "annual", "office", "raw", "NET", "nan", "None", "<NA>"):
        assert word not in said
    assert "幼儿园" in said and "下年度实施" in said


FIGURES = {
    "share in per cent with one digit": ("shed_ratio", 0.3214, "32.1"),
    "floor area in 万m²": ("floor_area_m2", 123_456.0, "12.35"),
    "land in hectares": ("area_m2", 123_456.0, "12.35"),
    "people": ("residents", 12_345, "12,345"),
    "a true nought": ("residents", 0, "0"),
    "ratio": ("far_gross", 0.456, "0.46"),
    "missing number": ("far_gross", float("nan"), "—"),
    "missing count": ("residents", pd.NA, "—"),
    "infinite": ("far_gross", float("inf"), "—"),
}


@pytest.mark.parametrize(("name", "value", "wanted"), FIGURES.values(), ids=FIGURES)
def test_figures_are_printed_as_the_practice_asks(name, value, wanted):
    """Missing is a dash and never 0."""
    column = station_figures.tables.column(handmade.book().layer("station_results").field(name), handmade.book())
    assert station_figures.shown(value, column.display) == wanted


def test_what_cannot_be_told_is_no_gap():
    """The heading counts it apart."""
    frames = everything()
    rows = frames["station_programmes"]
    gap = rows[rows["item"] == "gap"].assign(sequence=2, residents=pd.NA, note="暂无法判定(缺该类设施数据)")
    both = draw(frames | {"station_programmes": pd.concat([rows, gap], ignore_index=True)})
    assert "设施缺口 1 项,暂无法判定 1 类" in texts(both)
    alone = pd.concat([rows[rows["item"] != "gap"], gap], ignore_index=True)
    assert "设施缺口:暂无法判定 1 类" in texts(draw(frames | {"station_programmes": alone}))


def test_people_reached_on_foot_are_no_density_of_the_ground_along_the_ways():
    """On foot the chart shows amounts; by rings, where people and ground are one set, densities."""
    said = texts(draw())
    assert "相邻时间段新增可达(人、个)" in said and "人口与岗位密度(每公顷)" not in said
    rings = results(method="EUC", minutes=float("nan"))
    assert "人口与岗位密度(每公顷)" in texts(draw(everything() | {"station_results": rings}))


def test_gradients_are_of_the_ground_between():
    """By hand: 20 ha with 30,000 m², then 30 ha more with 60,000 more; then no more ground."""
    bands = pd.DataFrame(
        {
            "minutes": [5.0, 10.0, 15.0],
            "radius_m": [375.0, 750.0, 1125.0],
            "area_m2": [200_000.0, 500_000.0, 500_000.0],
            "floor_area_m2": [30_000.0, 90_000.0, 90_000.0],
            "residents": pd.array([400, pd.NA, 1000], dtype="Int64"),
            "jobs": pd.array([100, 700, 700], dtype="Int64"),
        }
    )
    found = station_figures.between(bands)
    assert found["step"].tolist() == ["0–5", "5–10", "10–15"]
    assert found["far"].tolist() == pytest.approx([0.15, 0.2, float("nan")], nan_ok=True)
    assert found["jobs"].tolist() == pytest.approx([5.0, 20.0, float("nan")], nan_ok=True)
    assert found["residents"].tolist() == pytest.approx([20.0, float("nan"), float("nan")], nan_ok=True)


def test_a_long_programme_says_what_it_leaves_out():
    """Forty projects do not fit; the heading counts all of them and those that are not listed."""
    said = texts(draw(everything(titles=[f"项目{n}" for n in range(40)])))
    (heading,) = [text for text in said if text.startswith("更新项目 40 项")]
    listed = sum(text == "区住建委" for text in said)
    assert f"另有 {40 - listed} 项见续页" in heading and listed > 9
    assert "设施缺口 1 项" in said


def test_a_station_without_sheds_programme_and_results_says_so():
    """Empty parts are named, the rings are drawn instead, nothing is made up."""
    rings = sheds().assign(method="EUC", minutes=np.nan, ring="影响区")
    for given in ({"stations": stations()}, {"stations": stations(), "catchments": rings}):
        said = texts(draw(given))
        assert {"本站暂无步行可达范围", "暂无站点周边分析结果", "暂无专项计划数据"} <= set(said)
        assert ("直线圈层" in said) == ("catchments" in given)
        assert not any(text.startswith("步行") for text in said)


def test_missing_figures_leave_the_sheet_whole():
    """All figures missing: undetermined in the table and the charts, no dash and no bar."""
    blank = results(floor_area_m2=np.nan, residents=None, land_residential_m2=np.nan, land_transport_m2=np.nan)
    said = texts(draw({"stations": stations(), "catchments": sheds(), "station_results": blank}))
    assert said.count("暂无法判定") > 20 and "—" not in said


REFUSED = {
    "unknown station": ({"station": "Z9"}, UnknownNameError, "Z9"),
    "scale of no profession": ({"scale": 3000}, UsageError, "10000"),
    "no stations": ({"frames": {"catchments": sheds()}}, FrameError, "stations"),
    "station without a place": ({"frames": {"stations": stations().set_geometry([None, at()])}}, FrameError, "place"),
    "another CRS": ({"frames": everything() | {"streets": stations().to_crs(4490)}}, CrsError, "streets"),
}


@pytest.mark.parametrize(("given", "error", "named"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused(given, error, named):
    """With the value that came and what is allowed."""
    with pytest.raises(error, match=named):
        draw(**given)


def test_another_suffix_and_draft_are_refused(tmp_path):
    """Before anything is drawn."""
    with pytest.raises(UsageError, match=r"\.pdf, \.png"):
        station_sheet.write(tmp_path / "a.svg", "Z1", {}, catalogue=handmade.book())
    with pytest.raises(UsageError, match="报批稿"):
        TitleBlock(draft="终稿")


def test_names_do_not_lie_over_each_other():
    """Of many names at one place only those that find room are written, each clear of the rest."""
    sheet, bounds = paper.Sheet(), Box(0, 0, 100, 100)
    labels = Labels(bounds)
    left_out = labels.place(sheet.page, [Label(f"很长的名字{n}", 50, 50) for n in range(60)])
    taken = np.array(labels._taken)
    low, high = taken[:, None, :2] < taken[None, :, 2:], taken[:, None, 2:] > taken[None, :, :2]
    assert ((low & high).all(axis=2).sum(axis=1) == 1).all()
    assert len(taken) + len(left_out) == 60 and len(taken) >= 10


def test_inputs_are_not_changed():
    """Frames come back as they went in."""
    frames = everything()
    before = {name: each.copy() for name, each in frames.items()}
    draw(frames)
    for name, each in frames.items():
        compare = assert_geodataframe_equal if "geometry" in each else pd.testing.assert_frame_equal
        compare(each, before[name])


def test_sheds_are_drawn_in_the_colours_of_the_catalogue():
    """The widest first, so that each lies on the one that holds it."""
    bands = handmade.book().code_list("walk_bands").values("color")
    drawn = [
        matplotlib.colors.to_hex(collection.get_facecolor()[0])
        for collection in sorted(the_map(draw()).collections, key=lambda each: each.zorder)
        if collection.zorder < 3
    ]
    assert drawn == [bands["15"], bands["10"], bands["5"]]
    assert station_map.style.band(30.0, handmade.book().code_list("walk_bands")).code == "15"


CALLED = {
    "台北車站": "台北車站",
    "清河站": "清河站",
    "石门": "石门站",
    "清河站(13号线)": "清河站(13号线)",
    "苹果园(1号线)": "苹果园站(1号线)",
    "苹果园\uff081号线\uff09": "苹果园站\uff081号线\uff09",
    "Beijing West Station": "Beijing West Station",
    "(暂名)": "(暂名)站",
}


@pytest.mark.parametrize(("name", "called"), CALLED.items())
def test_a_name_that_ends_in_station_gets_no_second_one(name, called):
    """Neither in the title nor on the map, whose own or another station it is; nor behind the line in brackets."""
    said = texts(draw({**everything(), "stations": stations(name)}))
    assert {f"{called}站城融合专项计划图", called, "乙站"} <= set(said)


def test_rows_that_wait_are_said_beside_the_sources():
    """What is not drawn is not hidden; where nothing waits nothing is said."""
    about = dataclasses.replace(ABOUT, waiting="更新项目 2 行(图形无效 2)")
    assert "待核数据(未计入):更新项目 2 行(图形无效 2)" in texts(draw(about=about))
    assert not any("待核" in text for text in texts(draw()))
