"""A file once settled is read again without questions, and only that file."""

from __future__ import annotations

import zipfile

import pytest

from gis.errors import CrsError, SourceError, UsageError
from gis.intake import recipes
from gis.intake.read import read
from gis.settings import Settings
from gis.workflow import intake
from tests.unit.intake.test_places import METRES, written

FIELDS = {"block_id": [f"MTG-{n:02d}" for n in range(36)], "name": [f"街区{n}" for n in range(36)]}


def file_of(folder):
    """Write blocks without a CRS."""
    out = written(METRES.assign(**FIELDS), folder, crs=False)
    return out.rename(out.with_name("blocks.parquet"))


def test_a_settled_file_replays_from_its_recipe(tmp_path):
    """The first load needs a flag, the second none, and says that it replays."""
    store, file = tmp_path / "town.gpkg", file_of(tmp_path)
    intake.init(store, settings=Settings()).close()
    with pytest.raises(CrsError):
        intake.load(store, [file])
    intake.load(store, [file], hints=intake.Hints(crs="EPSG:4548"))
    again = intake.load(store, [file])
    assert "source.recipe" in set(again[0].findings["code"])
    assert again[0].accepted + again[0].quarantined == 36


def test_another_content_is_another_file(tmp_path):
    """A recipe is found by content, whatever the name; a changed file has none."""
    file = file_of(tmp_path)
    source = read(file, crs="EPSG:4548")
    made = recipes.of(source, "blocks")
    recipes.save(made, tmp_path / "kept")
    renamed = file.rename(tmp_path / "街区.parquet")
    found = recipes.find(renamed, tmp_path / "kept")
    assert found == made
    assert found.settled() == {"crs": "EPSG:4548"}
    renamed.write_bytes(renamed.read_bytes() + b"\0")
    assert recipes.find(renamed, tmp_path / "kept") is None


def test_what_a_file_declares_is_no_flag(tmp_path):
    """Only what a person or the evidence settled is repeated."""
    source = read(written(METRES, tmp_path))
    assert recipes.of(source, "blocks").settled() == {}


def test_a_damaged_recipe_is_refused(tmp_path):
    """Nobody guesses what a broken record meant."""
    file = file_of(tmp_path)
    kept = recipes.save(recipes.of(read(file, crs="EPSG:4548"), "blocks"), tmp_path / "kept")
    kept.write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match="delete it"):
        recipes.find(file, tmp_path / "kept")


def test_one_layer_of_several_is_named_behind_the_file(tmp_path):
    """FILE#NAME takes one layer, which also names the layer that it becomes."""
    store, file = tmp_path / "town.gpkg", tmp_path / "delivery.gpkg"
    METRES.assign(**FIELDS).to_file(file, layer="blocks", engine="pyogrio")
    METRES.to_file(file, layer="scratch", engine="pyogrio")
    intake.init(store, settings=Settings()).close()
    with pytest.raises(UsageError, match="#NAME"):
        intake.load(store, [file], hints=intake.Hints(layer="blocks"))
    taken = intake.load(store, [f"{file}#blocks"])
    assert (taken[0].layer, taken[0].accepted + taken[0].quarantined) == ("blocks", 36)


@pytest.mark.parametrize("name", ["成果/街区.parquet", "街区.parquet", "街区"])
def test_a_member_in_a_folder_of_a_zip_is_loaded_by_its_name(tmp_path, name):
    """FILE#NAME, and NAME may have a folder; the layer is told from it."""
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(file_of(tmp_path), "成果/街区.parquet")
        archive.writestr("成果/说明.csv", "a,b\n1,2\n")
    store = tmp_path / "town.gpkg"
    intake.init(store, settings=Settings()).close()
    taken = intake.load(store, [tmp_path / f"p.zip#{name}"], hints=intake.Hints(crs="EPSG:4548"))
    assert (taken[0].file, taken[0].layer, taken[0].accepted + taken[0].quarantined) == ("p.zip", "blocks", 36)
    with pytest.raises((SourceError, UsageError)):
        intake.load(store, [tmp_path / "none.zip#成果/街区.parquet"], hints=intake.Hints(crs="EPSG:4548"))
