"""Another catalogue: the plan is shown, additions and widenings are done in one transaction, narrowing is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from geopandas.testing import assert_geodataframe_equal

from gis import catalogue as catalogues
from gis.errors import AdoptionNeededError, MigrationNeededError, RowsRefused, StoreError
from gis.store import open_store

CODE = re.compile('code = "([^"]+)"')
NAMES = ("districts", "blocks", "cells", "votes", "projects", "units")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Give a catalogue of few layers to edit."""
    source, copy = catalogues.find(), tmp_path / "layers"
    ignored = shutil.ignore_patterns("*.toml")
    shutil.copytree(source, copy, ignore=lambda place, names: ignored(place, names) if Path(place) == source else set())
    for name in NAMES:
        shutil.copy(source / f"{name}.toml", copy)
    return copy


@pytest.fixture
def old(place, folder, blocks, who) -> str:
    """Give a store made with that catalogue, with the three blocks in it."""
    with open_store(place, catalogue=catalogues.read(folder), create=True) as store:
        store.put("blocks", blocks, **who)
    return place


def edit(folder: Path, layer: str, pattern: str, replacement: str) -> catalogues.Catalogue:
    """Edit one layer's file and read the catalogue again."""
    path = folder / f"{layer}.toml"
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text, encoding="utf-8")
    return catalogues.read(folder)


FIELD = '  { name = "budget", zh = "预算", en = "Budget", type = "real", kind = "extensive", delivery = "YS" },\n]'
ADDITIONS = {
    "add field blocks.budget": ("blocks", r"^\]", FIELD),
    "change width blocks.name: 60 -> 90": ("blocks", r'(name = "name".*)width = 60', r"\1width = 90"),
    "change type blocks.residents: integer -> real": ("blocks", r'(name = "residents".*)"integer"', r'\1"real"'),
    "add field cells.budget": ("cells", r"^\]", FIELD),
}


@pytest.mark.parametrize("step", ADDITIONS)
def test_additions_and_widenings_are_done(old, folder, who, step):
    """Reading works before; writing says what would be done; afterwards rows, versions and the past are the same."""
    changed = edit(folder, *ADDITIONS[step])
    with open_store(old, catalogue=changed) as store:
        assert [str(one) for one in store.plan().steps] == [step]
        assert store.findings()["code"].tolist() == ["store.catalogue_changed"]
        before = store.read("blocks")
        with pytest.raises(MigrationNeededError) as caught:
            store.put("blocks", before, **who)
        assert caught.value.details["plan"] == store.plan()
        assert str(store.migrate()) == step
        assert store.plan().current
    with open_store(old, catalogue=changed) as store:
        assert store.findings().empty
        assert_geodataframe_equal(store.read("blocks"), before)
        assert_geodataframe_equal(store.read("blocks", as_of=2), before)
        store.put("blocks", before.assign(name="名" * 60), **who)
        assert store.changes()["operation"].tolist() == ["init", "put", "migrate", "put"]


def test_a_new_field_takes_values_and_has_a_history(old, folder, who):
    """A migrated store records the new field as any other."""
    with open_store(old, catalogue=edit(folder, *ADDITIONS["add field blocks.budget"])) as store:
        store.migrate()
        store.put("blocks", store.read("blocks").assign(budget=[1.5, None, 2.5]), **who)
        assert store.history("blocks", "MC00-0001")["budget"].fillna(-1).tolist() == [-1, 1.5]
        assert store.read("blocks", where={"budget": 2.5})["block_id"].tolist() == ["MC00-0003"]


def test_a_wider_type_takes_wider_values(old, folder, who):
    """Integers become reals in the past too."""
    with open_store(old, catalogue=edit(folder, *ADDITIONS["change type blocks.residents: integer -> real"])) as store:
        store.migrate()
        store.put("blocks", store.read("blocks").assign(residents=0.5), **who)
        assert store.history("blocks", "MC00-0001")["residents"].tolist() == [1000000.0, 0.5]


@pytest.mark.parametrize("where", ["now", "then"])
def test_digits_are_not_lost_on_the_way(old, folder, who, where):
    """An integer that a real would round, stored or in history, stops the migration and is named."""
    edit(folder, "blocks", r'(name = "residents".*)range = \[0, 1000000\]', r"\1range = [0, 9223372036854775807]")
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        store.put("blocks", store.read("blocks").assign(residents=2**53 + 1), **who)
        if where == "then":
            store.put("blocks", store.read("blocks").assign(residents=3), **who)
    changed = edit(folder, *ADDITIONS["change type blocks.residents: integer -> real"])
    with open_store(old, catalogue=changed) as store:
        with pytest.raises(RowsRefused) as caught:
            store.migrate()
        assert set(caught.value.findings["code"]) == {"row.type"}
        assert "MC00-0001" in caught.value.findings["feature"].tolist()
        assert store.plan().steps
    with open_store(old, catalogue=changed) as store:
        assert store.read("blocks", as_of=2)["residents"].iloc[0] == 1000000


def test_a_session_opened_before_a_migration_is_told_to_open_again(old, folder, who):
    """It neither reads nor writes nor adopts, and the new column stays."""
    with open_store(old, catalogue=catalogues.read(folder)) as early:
        frame = early.read("blocks")
        with open_store(old, catalogue=edit(folder, *ADDITIONS["add field blocks.budget"])) as late:
            late.migrate()
            late.put("blocks", late.read("blocks").assign(budget=1.5), **who)
            for ask in (
                lambda: early.put("blocks", frame.assign(name="旧"), **who),
                lambda: early.adopt(**who),
                lambda: early.retire("blocks", "MC00-0001", **who),
                lambda: early.migrate(),
                lambda: early.read("blocks"),
                lambda: early.history("blocks", "MC00-0001"),
                lambda: early.findings(),
            ):
                with pytest.raises(StoreError, match="open the store again"):
                    ask()
            assert late.findings().empty
            assert late.read("blocks")["budget"].tolist() == [1.5] * 3


def test_a_new_layer_is_made(old, folder, who, units):
    """A layer that the store lacks cannot be read yet; afterwards it can."""
    shutil.copy(catalogues.find() / "townships.toml", folder)
    shutil.copy(catalogues.find() / "districts.toml", folder)
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        assert "townships" not in store.layers()
        with pytest.raises(MigrationNeededError, match="migrate"):
            store.read("townships")
        store.migrate()
        assert store.read("townships").empty
        assert store.findings().empty


NARROWINGS = {
    "drop field": ("blocks", r'^  \{ name = "jobs".*\n', ""),
    "shrink": ("blocks", r'(name = "name".*)width = 60', r"\1width = 30"),
    "type": ("blocks", r'(name = "existing_floor_m2".*)"real"', r'\1"integer"'),
    "geometry": ("blocks", r'(?s)"MultiPolygon"(.*)within = \["districts"\]\n(.*)stated = true, ', r'"Point"\1\2'),
    "derived": ("votes", "^public", "derived = true\npublic"),
}


@pytest.mark.parametrize("name", NARROWINGS)
def test_narrowing_is_refused(old, folder, who, name):
    """What could lose values is never done; the store stays as it was."""
    with open_store(old, catalogue=edit(folder, *NARROWINGS[name])) as store:
        assert store.plan().refused
        with pytest.raises(MigrationNeededError, match="lost") as caught:
            store.migrate()
        assert caught.value.details["plan"].refused
        assert len(store.read("blocks", where={"block_id": "MC00-0001"})) == 1 or name == "geometry"
        assert len(store.changes()) == 2


def test_a_layer_is_not_dropped(old, folder):
    """A layer that leaves the catalogue keeps its table."""
    for name in ("votes", "projects"):
        (folder / f"{name}.toml").unlink()
    left = catalogues.read(folder)
    with open_store(old, catalogue=left) as store, pytest.raises(MigrationNeededError, match="votes"):
        store.migrate()


def test_words_and_colours_need_no_migration(old, folder, who):
    """A catalogue whose tables are the same is written to at once; migrating brings the style up to date."""
    changed = edit(folder, "blocks", "#5b4636", "#000000")
    with open_store(old, catalogue=changed) as store:
        assert not store.plan().steps
        assert not store.plan().current
        assert store.put("blocks", store.read("blocks").assign(name="新"), **who).counts["updated"] == 3
        store.migrate()
        assert store.plan().current
        if old.endswith(".gpkg"):
            style = store.home.run("SELECT styleQML FROM layer_styles WHERE f_table_name = 'blocks'")
            assert "0,0,0,255" in style[0][0]


def test_a_failed_migration_changes_nothing(old, folder, monkeypatch):
    """Half a migration is none."""
    changed = edit(folder, *ADDITIONS["add field blocks.budget"])
    changed = edit(folder, *ADDITIONS["add field cells.budget"])
    with open_store(old, catalogue=changed) as store:
        alter, calls = type(store.home).alter, []

        def breaks(home, *layers):
            calls.append(layers)
            if len(calls) == 2:
                raise RuntimeError("no")
            alter(home, *layers)

        monkeypatch.setattr(type(store.home), "alter", breaks)
        with pytest.raises(RuntimeError):
            store.migrate()
        assert len(store.plan().steps) == 2
        assert len(store.read("blocks")) == 3
        assert len(store.changes()) == 2


def test_fields_may_change_their_order(old, folder, who):
    """The order of fields is no matter of tables; triggers still name them all."""
    text = (folder / "blocks.toml").read_text(encoding="utf-8")
    jobs = next(line for line in text.splitlines(keepends=True) if 'name = "jobs"' in line)
    reordered = text.replace(jobs, "").replace("fields = [\n", f"fields = [\n{jobs}")
    (folder / "blocks.toml").write_text(reordered, encoding="utf-8")
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        assert not store.migrate().steps
        assert store.findings().empty
        assert store.put("blocks", store.read("blocks").assign(jobs=7), **who).counts["updated"] == 3
        assert store.history("blocks", "MC00-0001")["jobs"].fillna(0).tolist() == [0, 7]


def test_a_torn_store_is_not_migrated(old, folder, who):
    """What another program has done is adopted first, under the old catalogue."""
    changed = edit(folder, *ADDITIONS["add field blocks.budget"])
    with open_store(old, catalogue=changed) as store:
        on = "" if old.endswith(".gpkg") else f" ON {store.home.table('blocks')}"
        store.home.run(f"DROP TRIGGER gis_blocks_update{on}")
        with pytest.raises(AdoptionNeededError):
            store.migrate()
        store.adopt(**who)
        store.migrate()
        assert store.findings().empty


@pytest.mark.parametrize("recorded", [True, False], ids=["lists recorded", "older store"])
def test_a_code_list_that_has_changed_is_said_and_loses_nothing(old, folder, who, recorded):
    """Codes that came and went are named; rows stay, new codes are taken, outside edits are adopted all the same."""
    path = folder / "codes" / "line_authorities.toml"
    text = path.read_text(encoding="utf-8")
    gone = next(line for line in text.splitlines(keepends=True) if '"indicative"' in line)
    more = gone.replace(CODE.search(gone)[1], "brand_new")
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        store.put("blocks", store.read("blocks").assign(authority=CODE.search(gone)[1]), **who)
        if not recorded:
            store.home.run(f"DELETE FROM {store.home.table('gis_store')} WHERE name = 'lists'")
        on = "" if old.endswith(".gpkg") else f" ON {store.home.table('blocks')}"
        store.home.run(f"DROP TRIGGER gis_blocks_update{on}")
    path.write_text(text.replace(gone, more), encoding="utf-8")
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        said = store.findings().set_index("code")
        assert said.index.tolist() == ["store.trigger_missing", "store.words_changed"]
        named = f"line_authorities +brand_new -{CODE.search(gone)[1]}" if recorded else "?"
        assert json.loads(said.loc["store.words_changed", "parameters"])["lists"] == [named]
        before = store.read("blocks")
        store.adopt(**who)
        assert_geodataframe_equal(store.read("blocks"), before)
        assert store.put("blocks", before.assign(authority="brand_new"), **who).counts["updated"] == 3
        assert store.history("blocks", "MC00-0001")["authority"].iloc[-2] == CODE.search(gone)[1]
        assert not store.migrate().steps
        assert store.findings().empty
    with open_store(old, catalogue=catalogues.read(folder)) as store:
        assert store.findings().empty


def retitled(folder: Path) -> catalogues.Catalogue:
    """Call blocks, and the names of blocks, otherwise."""
    edit(folder, "blocks", '^zh = "街区"', 'zh = "控规街区"')
    return edit(folder, "blocks", r'(name = "name", zh = )"街区名称"', r'\1"街区的名称"')


def shown(store) -> list[str]:
    """Return the titles of blocks and of their names, as other programs find them."""
    found = store.home.titles(store.catalogue.layer("blocks"))
    return [found[place] for place in ("", "name") if place in found]


@pytest.mark.parametrize("how", ["recorded", "older store", "older store, same catalogue"])
def test_titles_follow_the_catalogue(old, folder, how):
    """Those of an older store, which nobody wrote down, are named on opening, and kept in the reason of the change."""
    older, new = how != "recorded", ["控规街区 Control-plan blocks", "街区的名称 Block name"]
    changed = retitled(folder)
    with open_store(old, catalogue=changed) as store:
        before = shown(store)
        if older:
            store.home.run(f"DELETE FROM {store.home.table('gis_store')} WHERE name = 'titles of blocks'")
        if how.endswith("same catalogue"):
            store.home.state({"catalogue": changed.digest})
    with open_store(old, catalogue=changed) as store:
        said = store.findings().set_index("code")
        wanted = ["store.words_changed"] * (not how.endswith("same catalogue")) + ["store.titles_old"] * older
        assert said.index.tolist() == wanted
        assert shown(store) == before
        steps = [f"change title blocks{place}: " for place in ("", ".name")][: len(before)]
        steps = [f"{step}{was} -> {now}" for step, was, now in zip(steps, before, new, strict=False)]
        if older:
            titles = json.loads(said.loc["store.titles_old", "parameters"])["titles"]
            assert titles == [step.partition(": ")[2] for step in steps]
        assert list(map(str, store.migrate().steps)) == (steps if older else [])
        assert shown(store) == new[: len(before)]
        assert store.findings().empty
        assert not store.migrate().steps
        if older:
            assert all(step in store.changes()["reason"].iloc[-1] for step in steps)


def test_somebody_s_own_titles_stay(old, folder):
    """What the store did not write is left alone, without a word, whatever the catalogue says."""
    with open_store(old, catalogue=retitled(folder)) as store:
        table = store.home.table("blocks")
        own = f"COMMENT ON TABLE {table} IS '永定镇街区底图'"
        if old.endswith(".gpkg"):
            own = "UPDATE gpkg_contents SET description = '永定镇街区底图' WHERE table_name = 'blocks'"
        store.home.run(own)
        store.migrate()
        assert shown(store)[0] == "永定镇街区底图"
        assert store.findings().empty


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "{", "null", "[" * 100_000])
def test_a_spoilt_note_of_titles_is_none(old, folder, who, text):
    """What another program has made of the store's own notes stops nobody."""
    with open_store(old, catalogue=retitled(folder)) as store:
        store.home.state({"titles of blocks": text, "lists": text})
        assert store.findings()["code"].tolist() == ["store.words_changed", "store.titles_old"]
        store.migrate()
        assert store.findings().empty
