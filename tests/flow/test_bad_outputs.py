"""Outputs that cannot be are told before anything is stored or computed, by every command that writes."""

from __future__ import annotations

import os
import shutil

import geopandas as gpd
import pytest

from gis.settings import Settings
from gis.workflow import intake, steps
from tests.flow.bad import FORMATS, MADE, PLACES, SQUARE, WRITERS, digests, filled, one_sentence

NAMES = ["门头沟 街区", 'it\'s "quoted" 100% #1', "two\nlines"] if os.name != "nt" else ["门头沟 街区"]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("name", "suffix"), FORMATS)
def test_an_output_that_cannot_be_is_told_before_anything_is_done(gis, place, name, suffix, where):
    """The store, and all that lies about, stays to the byte."""
    out, code = PLACES[where]
    before = digests(place)
    came, shown, said = gis(*filled(WRITERS[name][0], place, out.format(suffix)))
    assert (came, shown) == (code, ""), said
    assert one_sentence(said)
    assert digests(place) == before


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("export", "store.gpkg"),
        ("export", "other.gpkg"),
        ("export", "./folder.gpkg/../store.gpkg"),
        ("check --points", "store.gpkg"),
        ("check --points", "other.gpkg"),
        ("reconcile --out", "store.gpkg"),
        ("reconcile --out", "other.gpkg"),
    ],
)
def test_no_output_takes_the_place_of_a_store(gis, place, name, out):
    """Its history would end."""
    before = digests(place)
    code, _, said = gis(*filled(WRITERS[name][0], place, out))
    assert code == 2 and one_sentence(said), said
    assert digests(place) == before


@pytest.mark.parametrize(
    "words",
    [
        ["load", "STORE", "in.xlsx", "--layer", "districts", "--report", "in.xlsx"],
        ["crossings", "STORE", "in.xlsx", "--out", "in.xlsx"],
        ["check", "STORE", "--report", "new.xlsx", "--points", "new.xlsx"],
    ],
)
def test_no_output_takes_the_place_of_an_input_or_of_another_output(gis, place, words):
    """What a command reads it leaves as it is."""
    (place / "in.xlsx").write_bytes(b"mine")
    code, _, said = gis(*[place / word if word.endswith(".xlsx") else word for word in filled(words, place)])
    assert code == 2 and one_sentence(said), said
    assert (place / "in.xlsx").read_bytes() == b"mine"
    assert not (place / "new.xlsx").exists()


@pytest.mark.parametrize("name", ["file", "file/sheets"])
def test_a_folder_for_sheets_that_cannot_be_is_told_first(gis, place, name):
    """Before the stations are analysed."""
    code, shown, said = gis("stations", place / "store.gpkg", "--sheets", place / name)
    assert (code, shown) == (12, "") and one_sentence(said), said


@pytest.mark.parametrize("stem", NAMES)
@pytest.mark.parametrize(("name", "suffix"), [pair for pair in FORMATS if pair[0] in MADE])
def test_odd_names_are_names_of_outputs_and_inputs(gis, place, name, suffix, stem):
    """Chinese, spaces, quotes and line breaks, in files and folders; one that is there is replaced."""
    folder = place / stem
    folder.mkdir()
    store, source = folder / f"{stem}.gpkg", folder / f"{stem} 1.gpkg"
    shutil.copy(place / "store.gpkg", store)
    shutil.copy(place / "sound.gpkg", source)
    assert gis("load", store, source, "--layer", "districts")[0] == 0
    out = folder / f"{stem} 2{suffix}"
    out.write_bytes(b"old")
    code, _, said = gis(*[{"STORE": store, "SOUND": source, "OUT": out}.get(word, word) for word in WRITERS[name][0]])
    assert code == 0, said
    assert out.stat().st_size > 3
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("words", "name"), [(["demo"], "town.gpkg"), (["beijing", "none"], "mentougou.gpkg")])
def test_a_job_removes_no_store_but_its_own(gis, place, words, name):
    """A bureau's store may well be called as the sample's is; neither it nor anything else there is taken away."""
    assert gis("load", place / "store.gpkg", place / "sound.gpkg", "--layer", "districts")[0] == 0
    for content in ((place / "store.gpkg").read_bytes(), b"something else"):
        (place / name).write_bytes(content)
        code, _, said = gis(*words, place)
        assert code == 12 and one_sentence(said) and name in said, said
        assert (place / name).read_bytes() == content


def test_a_job_takes_away_what_it_left(place):
    """A store of its own, full or never filled."""
    own = place / "town.gpkg"
    shutil.copy(place / "store.gpkg", own)
    assert steps.fresh(place, "town.gpkg", "示例") == own and not own.exists()
    shutil.copy(place / "store.gpkg", own)
    with intake.opened(own, Settings()) as store:
        frame = gpd.GeoDataFrame({"district_id": ["1"], "name": ["甲"]}, geometry=[SQUARE], crs=4548)
        store.put("districts", frame, author="a", reason="示例城镇入库")
    assert steps.fresh(place, "town.gpkg", "示例") == own and not own.exists()
