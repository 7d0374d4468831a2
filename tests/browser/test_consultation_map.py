"""The consultation map in a real browser, as a reader meets it on a desk and on a phone."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from gis import catalogue as catalogues
from gis import sample
from gis.publish import webmap

DESKTOP, PHONE = (1440, 900), (390, 844)
NOTICE = {
    "name": "松澜新城更新街区实施方案",
    "organiser": "示例区规划和自然资源局",
    "basis": "《中华人民共和国城乡规划法》第二十六条",
    "opens": date(2026, 11, 22),
    "closes": date(2026, 12, 21),
    "procedure": "statutory",
    "email": "answer@example.org",
    "synthetic": True,
}
HOSTILE = [
    "{{ cycler.__init__.__globals__.os.system('x') }}",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "行\u2028段\u2029\"'`",
    "很" * 4000,
]


@pytest.fixture(scope="module")
def town() -> dict:
    return sample.town()


@pytest.fixture(scope="module")
def written(town, tmp_path_factory):
    """Give a function that writes a page once."""
    folder = tmp_path_factory.mktemp("pages")
    catalogue = catalogues.read()

    def write(name: str, frames=None, **options) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            notice = webmap.Notice(**{**NOTICE, **options.pop("says", {})})
            webmap.write(frames or town, path, catalogue=catalogue, notice=notice, **options)
        return path

    return write


@pytest.fixture(scope="module")
def hostile(town) -> dict:
    """Give the town with hostile names on what is drawn first."""
    frames = dict(town)
    for name in ("projects", "units", "stations", "blocks", "streets"):
        names = frames[name]["name"].to_numpy(dtype=object).copy()
        names[:] = np.resize(np.array(HOSTILE, dtype=object), len(names))
        frames[name] = frames[name].assign(name=names)
    return frames


# where the Tab key goes from the top of the page
ORDER = ["home", "print", "language", "search-text", "tab-legend"]


def drawn(page) -> int:
    return int(page.locator("#map_consultation").get_attribute("data-drawn"))


def ground(page) -> str:
    """Give the pixels of the map's canvas, which change with what is drawn."""
    return page.evaluate("document.querySelector('.leaflet-overlay-pane canvas').toDataURL()")


@pytest.mark.parametrize(
    ("edition", "size"),
    [("public", DESKTOP), ("public", PHONE), ("internal", DESKTOP)],
    ids=["public-desktop", "public-phone", "internal-desktop"],
)
def test_the_page_opens(written, opened, tmp_path, edition, size):
    """It shows the map, asks for nothing and says what it is, in both editions and sizes."""
    page = opened(written(edition, edition=edition), size)
    page.screenshot(path=tmp_path / f"{edition}-{size[0]}x{size[1]}.png")
    assert drawn(page) > 500
    assert int(page.locator("canvas.labels").get_attribute("data-placed")) >= 10
    banner = page.locator("#banner").inner_text()
    assert "示例数据,非真实情况" in banner and ("内部资料 注意保管" in banner) == (edition == "internal")
    assert page.locator("#foot").inner_text().split() == ["以最终批复为准", "图上量算不作为依据"]


def test_the_notice_is_complete(written, opened):
    """Subject, procedure, organiser, basis, period and ways to answer can be read."""
    page = opened(written("public"))
    page.get_by_role("tab", name="公示说明").click()
    panel = page.locator("#panel-notice").inner_text()
    said = [
        NOTICE["name"],
        "法定公示",
        NOTICE["organiser"],
        NOTICE["basis"],
        "2026-11-22 至 2026-12-21",
        NOTICE["email"],
    ]
    assert [text for text in said if text not in panel] == []


def test_the_legend_is_the_layer_control(written, opened):
    """Unticking a class takes it off the map; ticking its group brings all of it back."""
    page = opened(written("public"))
    before, picture = drawn(page), ground(page)
    estates = page.locator("#panel-legend").get_by_label("老旧小区")
    count = int(page.locator("#panel-legend li", has_text="老旧小区").locator(".count").inner_text())
    estates.uncheck()
    assert (drawn(page), ground(page) != picture) == (before - count, True)
    group = page.locator("#panel-legend .group-head input").first
    assert group.evaluate("box => box.indeterminate")
    group.check()
    assert (drawn(page), estates.is_checked()) == (before, True)


def test_counts_are_of_what_is_drawn(written, opened, town):
    """The legend's number of projects is the list's, not the store's."""
    page = opened(written("public"))
    counts = page.locator("#panel-legend fieldset").first.locator("li .count").all_inner_texts()
    page.get_by_role("tab", name="项目清单").click()
    listed = page.locator("#panel-list .entries").first.locator(".entry").count()
    assert sum(map(int, counts)) == listed < len(town["projects"])


def test_search_by_number_with_the_keyboard(written, opened):
    """Typing a number and pressing Enter opens the feature, which the map then shows."""
    page = opened(written("public"))
    page.get_by_role("tab", name="项目清单").click()
    key = page.locator("#panel-list .entry-facts").first.inner_text().split(" · ")[0]
    picture = ground(page)
    page.get_by_role("combobox").fill(key.lower())
    page.keyboard.press("ArrowDown")
    assert page.locator("[role=option][aria-selected=true]").count() == 1
    page.keyboard.press("Enter")
    details = page.get_by_role("region", name="要素信息")
    details.wait_for()
    assert key in details.inner_text() and page.evaluate("document.activeElement.id") == "details-name"
    page.wait_for_timeout(400)
    assert ground(page) != picture


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_lot_is_called_by_the_number_of_the_edition(written, opened, town, size):
    """Search, heading, details and what to quote agree on it, in both languages; the bureau's keys are nowhere."""
    page = opened(written("public"), size)
    page.get_by_role("combobox").fill("地块37")
    assert page.locator("#search-results .entry-name").first.inner_text() == "地块 37"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    details = page.get_by_role("region", name="要素信息")
    assert page.locator("#details-name").inner_text() == "地块 37"
    assert details.locator("dl dd").first.inner_text() == "37"
    page.get_by_role("button", name="English").click()
    assert page.locator("#details-name").inner_text() == "Parcels 37"
    page.get_by_role("combobox").fill("Parcels 37")
    assert page.locator("#search-results .entry-name").first.inner_text() == "Parcels 37"
    said = page.locator("body").inner_text()
    assert not [key for key in town["parcels"]["parcel_id"] if key in said]


def test_a_comment_quotes_edition_and_number(written, opened):
    """The letter that a reader begins names both, and the notice names the edition."""
    page = opened(written("public"))
    page.get_by_role("tab", name="公示说明").click()
    terms = page.locator("#panel-notice dl").first
    at = terms.locator("dt").all_inner_texts().index("公示版本")
    edition = terms.locator("dd").nth(at).inner_text()
    page.get_by_role("tab", name="项目清单").click()
    page.locator("#panel-list .entry").first.click()
    answer = page.locator("#details .answer")
    number = page.locator("#details dl dd").first.inner_text()
    assert f"版本 {edition},更新项目 {number}" in answer.inner_text()
    subject = unquote(answer.locator("a").get_attribute("href")).partition("?subject=")[2]
    assert subject == f"公示版本 {edition} 更新项目 {number}"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_generalised_layers_are_said_to_be(town, opened, tmp_path, size):
    """The map of coarse shapes opens like any other, and its remarks name the layers that are not exact."""
    book = catalogues.read()
    changed = {name: dataclasses.replace(book.layer(name), public="generalised") for name in ("parcels", "streets")}
    path = tmp_path / "coarse.html"
    catalogue = dataclasses.replace(book, layers={**book.layers, **changed})
    webmap.write(town, path, catalogue=catalogue, notice=webmap.Notice(**NOTICE))
    page = opened(path, size)
    page.screenshot(path=tmp_path / "coarse.png")
    assert drawn(page) > 500
    page.get_by_role("tab", name="公示说明").click()
    page.get_by_text("地块、道路为概略示意,界线和位置不精确,过小的未绘").wait_for()
    page.get_by_role("button", name="English").click()
    page.get_by_text("Parcels, Streets are drawn in outline only").wait_for()


def test_search_finds_nothing_politely(written, opened):
    """A name that nobody has gets a sentence."""
    page = opened(written("public"))
    page.get_by_role("combobox").fill("无此名称")
    assert page.locator("#search-results").inner_text() == "没有找到，请换个编号或名称"


def test_a_click_on_the_map_opens_the_details(written, opened):
    """The panel shows titles of codes, and only fields that are public."""
    page = opened(written("public"))
    page.get_by_role("tab", name="项目清单").click()
    page.locator("#panel-list .entry").first.click()
    name = page.locator("#details-name").inner_text()
    page.wait_for_timeout(400)
    page.keyboard.press("Escape")
    assert page.locator("#details").is_hidden()
    # the chosen project was brought into the middle of the free part of the map
    box = page.locator("#map_consultation").bounding_box()
    page.mouse.click(box["x"] + 60 + (box["width"] - 440) / 2, box["y"] + 60 + (box["height"] - 130) / 2)
    terms = page.locator("#details dt").all_inner_texts()
    assert page.locator("#details-name").inner_text() == name
    assert "老旧小区改造" in page.locator("#details dl").inner_text()
    assert "本版编号" in terms and not {"涉及户数", "产权单位类型", "总投资", "保密标志"} & set(terms)


@pytest.mark.parametrize("edition", ["public", "internal"])
def test_the_details_have_no_empty_row(written, opened, edition):
    """What is not known is named together, what is not so has no line; figures have the units of the tables."""
    page = opened(written(edition, edition=edition))
    page.get_by_role("tab", name="项目清单").click()
    unknown = []
    for place in range(0, page.locator("#panel-list .entry").count(), 5):
        page.locator("#panel-list .entry").nth(place).click()
        rows = page.locator("#details dl dd").all_inner_texts()
        assert rows and not {"", "—", "否", "None", "nan", "null", "undefined"} & {row.strip() for row in rows}
        assert "示意位置" not in page.locator("#details dl dt").all_inner_texts()
        unknown += page.locator("#details .unknown").all_inner_texts()
    assert unknown and all(text.startswith("缺数据或不适用:") for text in unknown)
    page.locator("#panel-list .entry").first.click()
    if edition == "internal":
        assert " 公顷" in page.locator("#details dl").inner_text()


def test_hovering_names_what_is_under_the_pointer(written, opened):
    """A tip and an outline follow the pointer."""
    page = opened(written("public"))
    page.get_by_role("tab", name="项目清单").click()
    page.locator("#panel-list .entry").first.click()
    page.wait_for_timeout(400)
    name = page.locator("#details-name").inner_text()
    page.keyboard.press("Escape")
    box = page.locator("#map_consultation").bounding_box()
    page.mouse.move(box["x"] + 60 + (box["width"] - 440) / 2, box["y"] + 60 + (box["height"] - 130) / 2)
    assert name in page.locator("#tooltip").inner_text()
    assert page.locator(".leaflet-marks-pane path").count() == 2


def test_the_page_speaks_two_languages(written, opened):
    """The toggle changes words, titles and the page's own language, and back."""
    page = opened(written("public"))
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    assert "Renewal projects" in page.locator("#panel-legend").inner_text()
    assert "Sample data" in page.locator("#banner").inner_text()
    page.get_by_role("button", name="中文").click()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert "更新项目" in page.locator("#panel-legend").inner_text()


def test_the_phone_has_a_drawer_and_a_sheet(written, opened, tmp_path):
    """The legend slides over the map, a feature comes as a sheet from below, nothing is wider than the screen."""
    page = opened(written("public"), PHONE)
    assert page.locator("#drawer").is_hidden()
    page.get_by_role("tab", name="图例与图层").click()
    page.wait_for_timeout(300)
    page.screenshot(path=tmp_path / "drawer.png")
    assert page.locator("#drawer").bounding_box()["y"] > 250
    page.get_by_role("tab", name="项目清单").click()
    page.locator("#panel-list .entry").nth(1).click()
    page.wait_for_timeout(300)
    page.screenshot(path=tmp_path / "sheet.png")
    sheet = page.locator("#details").bounding_box()
    assert page.locator("#drawer").is_hidden() and sheet["y"] > 380 and sheet["width"] == 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_values_are_inert(written, opened, hostile, tmp_path, size):
    """Templates, tags, scripts and endless names are shown as what they are: text."""
    says = {"name": HOSTILE[1], "organiser": HOSTILE[2], "address": HOSTILE[0]}
    page = opened(written("hostile", hostile, title=HOSTILE[2], says=says), size)
    page.get_by_role("tab", name="项目清单").click()
    names = set(page.locator("#panel-list .entry-name").all_text_contents())
    assert set(HOSTILE) <= names and page.locator("img").count() == 0
    page.locator("#panel-list .entry").first.click()
    page.screenshot(path=tmp_path / f"hostile-{size[0]}.png")
    assert page.title() == HOSTILE[2] and page.locator("h1").text_content() == HOSTILE[2]
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_the_policy_lets_nothing_in(written, browser):
    """A script that gets into the page after all does not run, and no picture is fetched."""
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(written("public").as_uri())
    page.evaluate(
        """() => {
            const box = document.createElement("div");
            box.innerHTML = "<img src='https://example.org/x.png' onerror='window.ran = 1'>";
            document.body.append(box);
            const script = document.createElement("script");
            script.textContent = "window.ran = 2";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("typeof window.ran") == "undefined"
    assert len(refused) >= 3 and all("Content Security Policy" in text for text in refused)
    page.close()


def test_the_keyboard_reaches_everything(written, opened):
    """From the top, Tab goes to the map, the search, the tabs and the legend; the map moves by arrows."""
    page = opened(written("public"))
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert [name for name in reached if name.islower()] == ORDER and "INPUT" in reached
    picture = ground(page)
    page.locator("#map_consultation").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    assert ground(page) != picture


def test_it_prints(written, opened, tmp_path):
    """On paper the map comes first, then legend and notice, without what can only be pressed."""
    page = opened(written("public"))
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.screenshot(path=tmp_path / "print.png", full_page=True)
    tops = [
        page.locator(f"#{name}").bounding_box()["y"]
        for name in ("head", "map_consultation", "panel-legend", "panel-notice")
    ]
    assert tops == sorted(tops) and page.locator("#search").is_hidden() and page.locator("#panel-list").is_hidden()
