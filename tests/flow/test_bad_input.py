"""Every command that takes a file, an option, settings or a notice, against those that cannot be used.

Stores that are none or spoilt are in test_hostile, outputs in test_bad_outputs.
"""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from tests.flow.bad import SQUARE, digests, filled, one_sentence

FILES = {
    "missing": "none",
    "too long": "x" * 300,
    "a folder": "folder.csv",
    "empty": "file",
    "half a zip": "half.zip",
    "no text": "bytes.csv",
    "no workbook": "no.xlsx",
    "no geopackage": "no.gpkg",
    "an empty folder": "folder.zip",
}
TAKERS = {
    "load": (["load", "STORE", "FILE", "--layer", "districts"], {4, 5}),
    "crossings": (["crossings", "STORE", "FILE"], {4, 5}),
    "verify": (["verify", "FILE"], {4, 16}),
    "--settings": (["--settings", "FILE", "check", "STORE"], {4, 0}),
    "--notice": (["map", "STORE", "new.html", "--notice", "FILE"], {2, 4}),
    "--layers": (["--layers", "FILE", "check", "STORE"], {4, 13}),
    "--working-crs": (["--working-crs", "FILE.wkt", "check", "STORE"], {3}),
    "beijing": (["beijing", "FILE", "new"], {4}),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("name", TAKERS)
def test_a_file_that_cannot_be_read_is_one_sentence(gis, place, name, what, monkeypatch):
    """Wherever a command takes a file; an empty settings file has nothing against the defaults."""
    monkeypatch.chdir(place)
    (place / "half.zip").write_bytes(b"PK\x03\x04" + bytes(30))
    (place / "bytes.csv").write_bytes(b"\xff\xfe\x00\xd8\x00")
    (place / "no.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    (place / "no.gpkg").write_bytes(b"SQLite format 3\x00" + b"no" * 400)
    words, codes = TAKERS[name]
    before = digests(place)
    code, shown, said = gis(*[word.replace("FILE", FILES[what]) for word in filled(words, place)])
    assert code in codes, said
    if code not in {0, 16}:
        assert one_sentence(said), said
    assert name in {"--settings", "verify"} or not shown
    after = digests(place)
    assert name == "--settings" or {path: after.get(path) for path in before} == before


# --- options --------------------------------------------------------------------------------------------------------

OPTIONS = [
    *[(["load", "STORE", "SOUND", "--layer", "districts", "--encoding", word], 2) for word in ("nope", "", " ")],
    *[(["load", "STORE", "SOUND", "--layer", "districts", "--datum", word], 2) for word in ("nope", "")],
    (["load", "STORE", "SOUND", "--layer", "districts", "--crs", "nope"], 3),
    (["load", "STORE", "SOUND", "--layer", "districts", "--crs", ""], 2),
    (["load", "STORE", "SOUND", "--layer", "gardens"], 6),
    (["load", "STORE", "SOUND", "--layer", ""], 2),
    (["load", "STORE", "SOUND#gardens", "--layer", "districts"], 6),
    (["load", "STORE"], 2),
    *[(["reconcile", "STORE", "units", "--to", word], 6) for word in ("", "gardens", "blocks,")],
    *[(["reconcile", "STORE", "units", "--to", word], 2) for word in ("units", "blocks,blocks", "stations")],
    *[(["restore", "STORE", "districts", "X", word], 2) for word in ("soon", "1.5", "-1")],
    (["restore", "STORE", "districts", "X", "999"], 6),
    (["history", "STORE", "districts", ""], 6),
    (["history", "STORE", "gardens", "X"], 6),
    (["export", "STORE", "", "new.csv"], 6),
    (["stations", "STORE", "--out", "new.xlsx"], 2),
    (["--lang", "fr", "check", "STORE"], 2),
    (["--lang", "", "check", "STORE"], 2),
    (["--working-crs", "", "check", "STORE"], 2),
    (["--working-crs", "EPSG:1", "check", "STORE"], 3),
    (["--working-crs", "EPSG:4547", "check", "STORE"], 3),
    *[(["--working-crs", f"EPSG:{code}", "init", "new.gpkg"], 3) for code in (1, 4326, 4978, 5703, 2227)],
    (["init", "new.doc"], 2),
    (["warm", "more"], 2),
    (["nope"], 2),
    ([], 2),
]


@pytest.mark.parametrize(("words", "code"), OPTIONS, ids=[" ".join(words) for words, _ in OPTIONS])
def test_an_option_that_cannot_be_is_refused(gis, place, words, code, monkeypatch):
    """Unknown names, numbers that are none, blanks of a script's unset variable; nothing is made or stored."""
    monkeypatch.chdir(place)
    before = digests(place)
    came, shown, said = gis(*[word.replace("SOUND", "sound.gpkg") for word in filled(words, place)])
    assert (came, shown) == (code, ""), said
    assert " · " in said and "Traceback" not in said and "Input should" not in said.split(":")[0]
    assert digests(place) == before


@pytest.mark.parametrize("word", ["nan", "inf", "-1", "0", "wide", ""])
def test_a_tolerance_is_a_number_above_zero(gis, store_path, word):
    """The option is named, with what came or what is allowed."""
    code, _, said = gis("reconcile", store_path, "units", "--to", "blocks", "--dry-run", "--tolerance", word)
    assert code == 2 and "tolerance" in said and "Traceback" not in said


SETTINGS = {
    "tolerance": ['"x"', "true", "-1", "0", "nan", "inf", "[1]"],
    "rings": ["3", "[]", '[["a"]]', '[["a", -5]]', '[["", 5]]', '[["a", 5], ["a", 9]]', '[["a", 9], ["b", 5]]'],
    "walk_minutes": ['"123"', "[]", "[-1]", "[5, 5]", "[[1]]", "[true]", "5"],
    "walk_speed_mps": ["0", '"fast"'],
    "walk_depth_m": ["-3"],
    "employed_share": ["7", "-0.1", "true"],
    "break_crossings": ['"no"', "1"],
    "bounds": ["3", "[1, 2, 3]", "[5, 6, 1, 2]", "[nan, 1, 2, 3]", "[true, 1, 2, 3]", "[116, 39, 400, 40]"],
    "lang": ['"fr"', "3"],
    "district_code": ["110109", '"abc"', '"１１０１０９"'],
    "district_name": ['""', "5"],
    "crs": ["4548"],
    "font": ["3"],
    "layers": ["[]"],
    "unknown": ["1"],
}
LINES = [f"{key} = {value}" for key, values in SETTINGS.items() for value in values]


@pytest.mark.parametrize("line", LINES)
def test_a_setting_that_cannot_be_is_refused_by_name(gis, place, line):
    """Of whatever kind it is, before the store is opened."""
    (place / "s.toml").write_text(line, encoding="utf-8")
    code, shown, said = gis("--settings", place / "s.toml", "check", place / "store.gpkg")
    assert (code, shown) == (2, ""), said
    assert one_sentence(said) and line.split()[0] in said and ("allowed" in said or "keys are" in said)


@pytest.mark.parametrize("content", [b"tolerance =", b"\xff\xfe\x00", 'district_name = "某区"'.encode("gbk")])
@pytest.mark.parametrize("words", [TAKERS["--settings"][0], TAKERS["--notice"][0]])
def test_a_file_that_is_no_toml_is_told(gis, place, words, content, monkeypatch):
    """Broken, or in another encoding."""
    monkeypatch.chdir(place)
    (place / "s.toml").write_bytes(content)
    code, _, said = gis(*[word.replace("FILE", "s.toml") for word in filled(words, place)])
    assert code == 4 and one_sentence(said), said


NOTICE = {
    "name": '"甲"', "organiser": '"乙"', "basis": '"丙"', "opens": "2026-01-01", "closes": "2026-02-15",
    "procedure": '"wishes"', "phone": '"1"',
}  # fmt: skip
NOTICES = [
    *[(key, value) for key in ("name", "organiser", "basis", "procedure", "phone") for value in ("1", '["甲"]')],
    *[("opens", value) for value in ('"soon"', "2026-01-01T00:00:00", "2026-13-01", "1")],
    ("closes", "2025-12-31"),
    ("procedure", '"other"'),
    ("least_days", "-3"),
    ("least_days", '"x"'),
    ("least_days", "true"),
    ("plan_draft", '"no"'),
    ("synthetic", '"no"'),
    ("clearance", "3"),
    ("clearance", "{map_approval_no = 5}"),
    ("clearance", '{approved_on = "soon"}'),
    ("clearance", "{other = 1}"),
    ("other", "1"),
]


@pytest.mark.parametrize(("key", "value"), NOTICES)
def test_a_notice_that_cannot_be_is_refused_by_name(gis, place, key, value):
    """Dates that are none, numbers for texts, texts for yes and no; no map is written."""
    lines = [f"{name} = {said}" for name, said in (NOTICE | {key: value}).items()]
    (place / "n.toml").write_text("\n".join(lines), encoding="utf-8")
    code, _, said = gis("map", place / "store.gpkg", place / "new.html", "--notice", place / "n.toml")
    assert code == (4 if value == "2026-13-01" else 2) and one_sentence(said), said
    assert not (place / "new.html").exists()


# --- what is said and has no effect ---------------------------------------------------------------------------------


def test_an_encoding_that_is_not_used_is_said(gis, place):
    """A GeoPackage is in UTF-8, whatever somebody says of it."""
    load = ["load", "STORE", "SOUND", "--layer", "districts"]
    code, shown, _ = gis(*filled(load, place), "--encoding", "gbk")
    assert code == 0 and "--encoding gbk 没有用上" in shown


def test_an_encoding_that_is_used_is_not(gis, place):
    """Texts of a table are read in it."""
    (place / "t.csv").write_bytes("XZQDM,XZQMC\n110107,某区\n".encode("gbk"))
    shown = gis("load", place / "store.gpkg", place / "t.csv", "--layer", "votes", "--encoding", "gbk")[1]
    assert "没有用上" not in shown


def test_a_place_of_a_table_without_shapes_is_said(gis, place):
    """There is nothing that a CRS could place."""
    pd.DataFrame({"意见编号": ["1"]}).to_csv(place / "votes.csv", index=False)
    _, shown, _ = gis("load", place / "store.gpkg", place / "votes.csv", "--crs", "EPSG:4548")
    assert "--crs EPSG:4548 没有用上" in shown


# --- answers are kept of what was stored ----------------------------------------------------------------------------


def test_a_refused_load_teaches_nothing(gis, place):
    """A wrong encoding that led to a refusal is not taken for the answer next time."""
    frame = gpd.GeoDataFrame({"XZQDM": ["110107"], "XZQMC": ["某区"]}, geometry=[SQUARE], crs=4548)
    pyogrio.write_dataframe(frame, place / "d.shp", encoding="utf-8")
    store, load = place / "store.gpkg", ["--layer", "districts"]
    assert gis("load", store, place / "sound.gpkg", *load)[0] == 0
    assert gis("load", store, place / "d.shp", *load, "--encoding", "gbk")[0] == 8
    assert gis("load", store, place / "d.shp", *load)[0] == 0


def test_a_new_answer_takes_the_place_of_the_old_one(gis, place):
    """And nothing is said of a record that was not followed."""
    (place / "t.csv").write_text("JQDM,JQMC,wkt\nA,甲,POINT (430000 4420000)\n", encoding="utf-8")
    load = ["load", place / "store.gpkg", place / "t.csv", "--layer", "stations"]
    gis(*load, "--crs", "EPSG:4547")
    _, shown, _ = gis(*load, "--crs", "EPSG:4548")
    assert "读取记录" not in shown
    assert "crs EPSG:4548" in gis(*load)[1]


def test_a_record_that_cannot_be_written_is_said_and_the_rows_stay(gis, place):
    """They are stored already."""
    (place / "store.recipes").write_bytes(b"in the way")
    code, shown, _ = gis("load", place / "store.gpkg", place / "sound.gpkg", "--layer", "districts")
    assert code == 0 and "入库 1 行" in shown and "读取记录没有写下" in shown


def test_what_was_stored_before_a_refusal_is_told(gis, place):
    """Each file is stored by itself."""
    other = gpd.GeoDataFrame({"XZQDM": ["110107"], "XZQMC": ["别区"]}, geometry=[SQUARE], crs=4548)
    pyogrio.write_dataframe(other, place / "other_name.gpkg")
    files = [place / "sound.gpkg", place / "other_name.gpkg"]
    code, _, said = gis("load", place / "store.gpkg", *files, "--layer", "districts")
    assert code == 8 and "stored before that: sound.gpkg" in said
