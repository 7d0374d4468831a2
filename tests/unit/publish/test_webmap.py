"""The page as a file: what is in it, and above all what is not."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from gis import catalogue as catalogues
from gis import findings
from gis.errors import PublicationError, UsageError
from gis.publish import publication, webmap

CATALOGUE = catalogues.read()
CRS = "EPSG:4548"
EAST, NORTH = 498_017.3, 4_394_924.1
DAY = date(2026, 11, 22)
NOTICE = {"name": "某街区更新方案", "organiser": "某局", "basis": "某法", "opens": DAY, "closes": DAY + timedelta(29)}
NOTICE |= {"procedure": "statutory", "email": "answer@example.org", "synthetic": True}
LEAFLET = resources.files("xstatic.pkg.leaflet").joinpath("data/leaflet.js").read_text(encoding="utf-8")
DATA = re.compile(r'<script type="application/json" id="consultation-data">(.*?)</script>', re.DOTALL)


def notice(**changes) -> webmap.Notice:
    return webmap.Notice(**{**NOTICE, **changes})


def written(tmp_path: Path, frames, **options) -> str:
    options = {"catalogue": CATALOGUE, "notice": notice()} | options
    return webmap.write(frames, tmp_path / "map.html", **options).path.read_text(encoding="utf-8")


def document(page: str) -> dict:
    return json.loads(DATA.search(page).group(1))


# --- a village in which every layer has rows to show and rows to hide ---------------------------------------------


def place(kind: str, index: int, hidden: bool):
    """Give shapes whose hidden vertices no shown one has: hidden ones stand at odd thirds of a metre."""
    x, y = EAST + 40.0 * index + (13.7 if hidden else 0), NORTH + (211.3 if hidden else 0)
    if kind == "Point":
        return Point(x + 3.3, y + 4.9)
    if kind == "MultiLineString":
        return LineString([(x, y), (x + 11.9, y + 7.3), (x + 21.1, y + 2.7)])
    return Polygon([(x, y), (x + 23.9, y - 1.7), (x + 27.3, y + 21.1), (x + 1.3, y + 19.7)])


class Mint:
    """Make values that occur nowhere else, and remember those that must not be seen."""

    def __init__(self) -> None:
        self.secrets: list[str] = []

    def secret(self, kind: str, layer: str, field: str):
        number = 7_130_000_000 + 7919 * len(self.secrets)
        found = {
            "integer": number,
            "real": number + 0.5,
            "date": (date(1801, 1, 1) + timedelta(days=len(self.secrets))).isoformat(),
            "boolean": True,
        }.get(kind, f"密{layer}·{field}·{number}")
        if kind != "boolean":
            self.secrets.append(str(found).removesuffix(".5"))
        return found


def column(layer, field, mint: Mint) -> list:
    """Give one value for the row that is shown and one for the row that is hidden."""
    if field.name in {"confidential", "owner_class"}:
        return {"confidential": [False, True], "owner_class": ["city", "military"]}[field.name]
    if field.name in layer.publish_when:
        return [layer.publish_when[field.name][0], layer.publish_when[field.name][0]]
    if field.name == "version" and layer.name == "catchments":
        return ["raw", "raw"]
    if field.codes and field.public:
        return [CATALOGUE.code_list(field.codes).codes[0].code] * 2
    hidden = mint.secret(field.type, layer.name, field.name)
    if not field.public:
        return [mint.secret(field.type, layer.name, field.name), hidden]
    if field.reference:
        return [f"{field.reference}-1", f"{field.reference}-2"]
    if field.name == layer.key:
        mint.secrets.append(f"{layer.name}-2")
        return [f"{layer.name}-1", f"{layer.name}-2"]
    return [{"integer": 5, "real": 800.0, "boolean": True, "date": "2020-02-02"}.get(field.type, "可以公开"), hidden]


@pytest.fixture(scope="module")
def village() -> tuple[dict[str, gpd.GeoDataFrame], list[str]]:
    """Give two rows a layer, the second to be hidden, and the list of all that must not be seen."""
    mint, frames = Mint(), {}
    for index, layer in enumerate(item for item in CATALOGUE.layers.values() if item.spatial):
        columns = {field.name: column(layer, field, mint) for field in layer.fields}
        columns["extra"] = [json.dumps({"备注": mint.secret("text", layer.name, "extra")}, ensure_ascii=False)] * 2
        # a layer without flags hides its second row by its state, else there is nothing to hide it
        flags = {"confidential", "owner_class", *layer.publish_when} & set(columns)
        for name in layer.publish_when:
            columns[name][1] = "not yet"
        rows = gpd.GeoDataFrame(
            columns, geometry=[place(layer.geometry, index, False), place(layer.geometry, index, True)], crs=CRS
        )
        frames[layer.name] = rows if flags or layer.public == "none" else rows.iloc[:1]
    cells = "\n".join(str(rows.drop(columns="geometry").to_dict("list")) for rows in frames.values())
    return frames, [secret for secret in mint.secrets if secret in cells]


def spelt(secret: str) -> list[str]:
    """Return how a page may write a secret: as it is, or a number rounded, in hectares, or per cent."""
    if not secret.isdecimal():
        return [secret]
    number = int(secret)
    steps = [(number + half) // 100 for half in (-50, 0, 50, 100)]
    hectares = [f"{step // 100}.{step % 100:02}".rstrip("0").rstrip(".") for step in steps]
    return [secret, str(number + 1), str(100 * number + 50), *hectares]


def points_of(found: dict) -> set[tuple[int, int]]:
    """Decode every coordinate of a document, shapes, outlines and labels, to whole steps."""
    runs = [run for layer in found["layers"] for row in layer["rows"] for run in flat(row[2])]
    runs += [run for layer in found["layers"] for run in layer["outline"]]
    runs += [row[1][:2] for layer in found["layers"] for row in layer["rows"] if row[1]]
    runs += [name[1:3] for name in found["streetNames"]]
    return {tuple(point) for run in runs for point in np.cumsum(np.reshape(run, (-1, 2)), axis=0).tolist()}


def said(layer: dict, name: str) -> list:
    """Give what a layer of the page says in a field, row by row."""
    place = [field["name"] for field in layer["fields"]].index(name)
    return [row[3][place] for row in layer["rows"]]


def flat(nested) -> list[list[int]]:
    return [nested] if not nested or isinstance(nested[0], int) else [run for each in nested for run in flat(each)]


# --- what must not leave ------------------------------------------------------------------------------------------


def test_no_secret_is_in_the_file(village, tmp_path):
    """Nothing planted in a field, row or layer that is not public occurs in the page."""
    frames, secrets = village
    page = written(tmp_path, frames)
    shown = {layer["name"] for layer in document(page)["layers"]}
    assert len(secrets) > 200 and len(shown) >= 13
    assert [secret for secret in secrets if any(said in page for said in spelt(secret))] == []


def test_every_secret_is_in_the_internal_file(village, tmp_path):
    """The same village with everything shown: the test above looks for values that can be found."""
    frames, secrets = village
    page = written(tmp_path, frames, edition="internal")
    # the page never carries what has no field, and paths are drawn without values
    paths = str(frames["walkways"].drop(columns="geometry").to_dict("list"))
    kept = [secret for secret in secrets if "extra" not in secret and secret not in paths]
    assert len(kept) > 200
    assert [secret for secret in kept if not any(said in page for said in spelt(secret))] == []


def test_no_hidden_coordinate_is_in_the_file(village, tmp_path):
    """No vertex of a hidden shape is in the page: neither as it came nor on the page's plane."""
    frames, _ = village
    page = written(tmp_path, frames)
    edition = publication.public(frames, CATALOGUE)
    plane = publication.plane(edition.frames)
    hidden = np.concatenate(
        [
            shapely.get_coordinates(rows.geometry.to_numpy()[1 if name in edition.frames else 0 :])
            for name, rows in frames.items()
        ]
    )
    assert len(hidden) > 60
    assert not {tuple(point) for point in plane.steps(hidden).tolist()} & points_of(document(page))
    assert not [text for point in hidden for text in (f"{point[0]:.1f}", f"{point[1]:.1f}") if text in page]


def test_a_secret_compound_is_nowhere_to_be_seen(tmp_path):
    """The ground of a secret parcel is drawn as its neighbours'; no border of it is left, and nothing counts it."""
    lots = [
        box(0, 0, 100, 100),
        Polygon([(100, 0), (124.3, -7.9), (150, 0), (150, 100), (100, 100)]),
        box(150, 0, 250, 100),
    ]
    rows = gpd.GeoDataFrame(
        {"parcel_id": ["P1", "P2", "P3"], "land_use": ["0701", "15", "0901"], "confidential": [False, True, False]},
        geometry=[shapely.transform(lot, lambda points: np.add(points, (EAST, NORTH))) for lot in lots],
        crs=CRS,
    )
    found = document(written(tmp_path, {"parcels": rows}))
    (layer,) = found["layers"]
    drawn = shapely.union_all([Polygon(np.cumsum(np.reshape(row[2][0][0], (-1, 2)), axis=0)) for row in layer["rows"]])
    assert drawn.geom_type == "Polygon" and not drawn.interiors
    assert drawn.area == pytest.approx(2_500_000, rel=0.01)
    # its sides were at 100 and 150 m; on the straight side nothing tells of them
    assert not {(1000, 1079), (1500, 1079)} & points_of(found)
    assert [item["count"] for item in found["groups"][0]["items"]] == [1, 1]


def test_nothing_tells_where_the_page_lies(village, tmp_path):
    """The file knows no reference system, no origin and no large coordinate."""
    frames, _ = village
    page = written(tmp_path, frames)
    assert "EPSG" not in page.replace(LEAFLET.partition("\n//# source")[0], "")
    found = document(page)
    assert "corner" not in found
    assert all(0 <= value <= 20_000 for point in points_of(found) for value in point)
    data = DATA.search(page).group(1)
    assert not [text for text in (f"{EAST:.0f}", f"{NORTH:.0f}", ":4548", "CGCS", "lon", "lat") if text in data]


def test_the_same_town_elsewhere_is_the_same_page(village, tmp_path):
    """Moved by whole kilometres, the town gives the same bytes: the file holds nothing of where it lies."""
    frames, _ = village
    moved = {name: rows.set_geometry(rows.translate(3000, -7000)) for name, rows in frames.items()}
    assert written(tmp_path, frames) == written(tmp_path, moved)


def test_same_input_same_bytes(village, tmp_path):
    """A page can be made again and compared."""
    frames, _ = village
    assert written(tmp_path, frames) == written(tmp_path, dict(reversed(frames.items())))


def test_the_report_counts_what_stays_and_the_file_does_not(village, tmp_path):
    """Counts of withheld rows are for the house."""
    frames, _ = village
    report = webmap.write(frames, tmp_path / "map.html", catalogue=CATALOGUE, notice=notice())
    assert report.withheld["parcels"] == {"confidential": 1} and report.withheld["units"] == {"not_yet": 1}
    assert report.drawn["parcels"] == 1 and report.bytes == report.path.stat().st_size
    assert "withheld" not in DATA.search(report.path.read_text(encoding="utf-8")).group(1)


# --- the page is one inert file -----------------------------------------------------------------------------------

HOSTILE = [
    "{{ cycler.__init__.__globals__.os.system('x') }}",
    "总平面 {{ 待定",
    "{% raw %}",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "行\u2028段\u2029",
    "'\"`\\",
    "&lt;b&gt;",
    "长" * 5000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_value_arrives_as_it_is(value, tmp_path):
    """No value runs, ends a script, or is changed on its way; titles and notices neither."""
    rows = gpd.GeoDataFrame({"station_id": ["A"], "name": [value]}, geometry=[Point(EAST, NORTH)], crs=CRS)
    page = written(tmp_path, {"stations": rows}, title=value, notice=notice(basis=value, address=value))
    found = document(page)
    assert found["layers"][0]["rows"][0][3][1] == found["title"] == found["notice"]["basis"] == value
    assert not re.search(r"[<>&\u2028\u2029]", DATA.search(page).group(1))
    assert len(re.findall(r"<script", page)) == 5


def test_every_script_is_named_by_its_hash(village, tmp_path):
    """The policy lets run what is in the file and nothing else."""
    page = written(tmp_path, village[0])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert sorted(re.findall(r"'sha256-([^']*)'", policy)) == sorted(hashes)
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy.partition("style-src")[0]


def test_nothing_outside_is_named(village, tmp_path):
    """No tag of the page loads anything, and no style does."""
    page = re.sub(r"<script.*?</script>", "", written(tmp_path, village[0]), flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)\s*=(?!\s*"#)|url\(|@import""", page)


@pytest.mark.parametrize(("lang", "tag"), [("zh", "zh-Hans"), ("en", "en")])
def test_language_and_viewport(village, tmp_path, lang, tag):
    """The page says its language, and a finger may zoom it."""
    page = written(tmp_path, village[0], lang=lang)
    assert page.startswith(f'<!DOCTYPE html>\n<html lang="{tag}">')
    viewports = re.findall(r'name="viewport" content="([^"]*)"', page)
    assert viewports == ["width=device-width, initial-scale=1"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_word_of_the_page_is_in_the_catalogue(lang):
    """Each key that the runtime or the page's body asks for has words in both languages."""
    folder = resources.files("gis.publish").joinpath("page")
    text = "".join(item.read_text(encoding="utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name))
    asked = set(re.findall(r'(?:\bword\(|data-word=|\bfact\()"([a-z][\w.-]*[a-z])"', text))
    asked |= {f"group.{name}" for name, _ in webmap.map_document.style.LEGEND} | {"group.more"}
    asked |= {"fold", "unfold", "unit.m", "unit.km", "yes", "no"}
    asked |= {f"procedure.{name}" for name in ("statutory", "holders", "wishes")}
    assert len(asked) > 40 and asked <= set(CATALOGUE.words("map", lang))


def test_the_runtime_writes_text_only():
    """No part of the runtime takes markup from a value, or runs a text."""
    folder = resources.files("gis.publish").joinpath("page")
    scripts = [item for item in folder.iterdir() if item.name.endswith(".js")]
    assert {item.name.removesuffix(".js") for item in scripts} == set(webmap._SCRIPTS)
    banned = re.compile(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|bindPopup|bindTool")
    assert not [item.name for item in scripts if banned.search(item.read_text(encoding="utf-8"))]


# --- what the page says -------------------------------------------------------------------------------------------


def test_codes_are_titled_and_blanks_are_null(tmp_path):
    """The page gets a title for every code that occurs and for no other, and no made-up value for a blank."""
    rows = gpd.GeoDataFrame(
        {"station_id": ["A"], "name": ["甲"], "state": ["operating"], "kind": [None]}
        | {"opened_on": [np.datetime64("2020-03-04")]},
        geometry=[Point(EAST, NORTH)],
        crs=CRS,
    )
    found = document(written(tmp_path, {"stations": rows}))
    assert found["codes"]["station_states"] == {"operating": ["运营", "Operating"]}
    assert found["layers"][0]["rows"][0][3] == ["1", "甲", "operating", None, "2020-03-04"]


def test_catchments_are_drawn_as_two_rings(tmp_path):
    """Of 300, 500 and 800 m, raw and de-duplicated, the map draws raw 500 and 800."""
    radii = [300.0, 500.0, 800.0] * 2
    columns = {"catchment_id": [f"C{i}" for i in range(6)], "station_id": ["A"] * 6, "radius_m": radii}
    rows = gpd.GeoDataFrame(
        columns | {"version": ["raw"] * 3 + ["nearest"] * 3, "ring": ["r"] * 6},
        geometry=[Point(EAST, NORTH).buffer(radius) for radius in radii],
        crs=CRS,
    )
    (layer,) = document(written(tmp_path, {"catchments": rows}))["layers"]
    assert said(layer, "radius_m") == [500, 800]


def catchments():
    """Rings and walk-sheds of two stations, raw and de-duplicated."""
    kinds = [("EUC", None, 300.0), ("EUC", None, 500.0), ("EUC", None, 800.0)]
    kinds += [("NET", minutes, 75 * minutes) for minutes in (5.0, 10.0, 15.0)]
    rows = [
        {
            "catchment_id": f"{station}-{method}-{radius:g}-{version}",
            "station_id": station,
            "ring": f"步行{minutes:g}分钟" if minutes else "影响区",
            "radius_m": radius,
            "minutes": minutes,
            "method": method,
            "version": version,
            "geometry": Point(EAST, NORTH).buffer(radius / 2 if minutes else radius),
        }
        for station in ("A", "B")
        for version in ("raw", "nearest")
        for method, minutes, radius in kinds
    ]
    return gpd.GeoDataFrame(rows, crs=CRS)


def test_walk_sheds_are_a_group_of_the_internal_map(tmp_path):
    """Graded by minutes in the catalogue's colours, the widest below, switched off at first; rings stay two."""
    found = document(written(tmp_path, {"catchments": catchments()}, edition="internal"))
    sheds, rings = found["layers"]
    assert [row[3][0] for row in rings["rows"]] == ["A-EUC-500-raw", "A-EUC-800-raw", "B-EUC-500-raw", "B-EUC-800-raw"]
    names = [f"{station}-NET-{radius}-raw" for radius in (1125, 750, 375) for station in "AB"]
    assert [row[3][0] for row in sheds["rows"]] == names
    colours = CATALOGUE.code_list("walk_bands").values("color")
    assert [sheds["symbols"][row[0]]["fill"] for row in sheds["rows"][::2]] == [colours[k] for k in ("15", "10", "5")]
    (group,) = [group for group in found["groups"] if group["name"] == "walk_sheds"]
    assert [(item["zh"], item["count"], item["on"]) for item in group["items"]] == [
        ("步行5分钟可达", 2, False),
        ("步行10分钟可达", 2, False),
        ("步行15分钟可达", 2, False),
    ]
    assert found["words"]["zh"]["group.walk_sheds"] == "步行可达范围"
    assert found["codes"]["catchment_methods"].keys() == {"EUC", "NET"}


def test_the_public_sees_one_walk_shed_of_each_station(tmp_path):
    """The raw one of ten minutes, a line beside the rings, switched off at first."""
    found = document(written(tmp_path, {"catchments": catchments()}))
    sheds = found["layers"][0]
    assert (said(sheds, "radius_m"), said(sheds, "station_id")) == ([750, 750], ["1", "2"])
    (group,) = found["groups"]
    assert [(item["zh"], item["count"], item["on"]) for item in group["items"]] == [
        ("站点影响区", 4, True),
        ("步行10分钟可达", 2, False),
    ]


def test_of_other_minutes_the_public_sees_the_nearest_to_ten(tmp_path):
    """Of eight and twelve the narrower; a shed wider than all bands takes the widest colour."""
    rows = catchments()
    rows["minutes"] = rows["minutes"].replace({5.0: 8.0, 10.0: 12.0, 15.0: 30.0})
    sheds = document(written(tmp_path, {"catchments": rows}))["layers"][0]
    inside = document(written(tmp_path, {"catchments": rows}, edition="internal"))["layers"]
    assert said(sheds, "radius_m") == [375, 375]
    assert [symbol["code"] for symbol in inside[0]["symbols"]] == ["10", "15"]


def test_shared_dashed_borders_come_once(tmp_path):
    """Two blocks side by side have their common border once: two dashed lines would make a solid one."""
    blocks = gpd.GeoDataFrame(
        {"block_id": ["MC00-0001", "MC00-0002"], "name": ["一", "二"]},
        geometry=[box(EAST, NORTH, EAST + 100, NORTH + 100), box(EAST + 100, NORTH, EAST + 200, NORTH + 100)],
        crs=CRS,
    )
    (layer,) = document(written(tmp_path, {"blocks": blocks}))["layers"]
    lines = [LineString(np.cumsum(np.reshape(run, (-1, 2)), axis=0)) for run in layer["outline"]]
    assert sum(line.length for line in lines) == pytest.approx(7000)


def test_an_internal_page_says_so(village, tmp_path):
    """Only the internal edition knows where it lies, and it is marked."""
    found = document(written(tmp_path, village[0], edition="internal"))
    assert found["edition"] == "internal" and len(found["corner"]) == 2
    assert found["words"]["zh"]["internal"] == "内部资料 注意保管"


@pytest.mark.parametrize(
    ("options", "error"),
    [({"edition": "open"}, UsageError), ({"lang": "fr"}, UsageError)],
    ids=["edition", "lang"],
)
def test_unknown_options_are_refused(village, tmp_path, options, error):
    """The message names what is allowed, and nothing is written."""
    with pytest.raises(error, match="allowed"):
        written(tmp_path, village[0], **options)
    assert not (tmp_path / "map.html").exists()


def test_a_page_with_nothing_on_it_is_refused(tmp_path):
    """A consultation on nothing is a mistake."""
    with pytest.raises(PublicationError, match="nothing to draw"):
        written(tmp_path, {"comments": gpd.GeoDataFrame({"comment_id": ["C"]}, geometry=[Point(EAST, NORTH)], crs=CRS)})


@pytest.mark.parametrize(
    "changes",
    [
        {"procedure": "vote"},
        {"draft": "初稿"},
        {"organiser": " "},
        {"basis": ""},
        {"email": ""},
        {"closes": DAY - timedelta(1)},
        {"least_days": 31},
        {"closes": DAY + timedelta(6)},
        {"closes": DAY + timedelta(6), "least_days": 7},
        {"closes": DAY + timedelta(28), "procedure": "holders", "plan_draft": True},
        {"plan_draft": False},
        {"opens": "2026-01-01"},
        {"opens": datetime(2026, 1, 1)},
        {"least_days": "30"},
        {"least_days": True},
        {"name": 5},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_notice_that_says_too_little_is_refused(changes):
    """Procedure, organiser, basis, period and a way to answer are not optional."""
    with pytest.raises(UsageError):
        notice(**changes)


def test_nothing_is_assumed_of_the_procedure():
    """A notice that names none is no notice."""
    with pytest.raises(TypeError, match="procedure"):
        webmap.Notice(**{name: value for name, value in NOTICE.items() if name != "procedure"})


@pytest.mark.parametrize(
    "changes",
    [
        {"procedure": "holders", "closes": DAY + timedelta(6)},
        {"procedure": "wishes", "closes": DAY},
        {"plan_draft": False, "least_days": 7, "closes": DAY + timedelta(6)},
    ],
)
def test_other_matters_have_their_own_periods(changes):
    """Thirty days are for plan drafts; the rest is data."""
    assert notice(**changes).days >= 1


@pytest.mark.parametrize(
    ("number", "fine"), [("京S(2026)012号", True), ("GS（2026）0123号", True), ("", True), ("S-12", False)]
)
def test_map_approval_numbers(number, fine):
    """A 审图号 has the form of one."""
    try:
        webmap.Clearance(map_approval_no=number)
    except UsageError:
        assert not fine
    else:
        assert fine


def test_a_sentence_that_the_store_cut_is_whole(tmp_path):
    """Its field holds 254 letters; the page says it from code and parameters."""
    names = [f"SLXM-{number:03}" for number in range(90)]
    row = findings.finding(
        "block.path_unknown", "block_results", "B1", at=(500_000, 4_400_000), projects=names, count=90
    )
    whole = findings.sentence(row, CATALOGUE.words("findings"), CATALOGUE.titles())
    table = findings.points(findings.table([row]).assign(finding_id="F1", text=whole[:254]), CRS)
    found = document(written(tmp_path, {"findings": table}, edition="internal"))
    assert len(whole) > 254 and whole in found["layers"][0]["rows"][0][3]
