"""What people hang on the store's tables lives on when tables are mended or widened, or is named when it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from geopandas.testing import assert_geodataframe_equal

from gis import findings
from gis.catalogue import Catalogue
from gis.errors import StoreError
from gis.store import open_store

COLUMN = "ALTER TABLE blocks ADD COLUMN mj REAL"
# what hangs on the layer blocks, and the question that shows it, in each home
GEOPACKAGE = {
    "index": ("CREATE INDEX by_name ON blocks (name)", "SELECT count(*) FROM sqlite_master WHERE name = 'by_name'"),
    "trigger": (
        "CREATE TRIGGER shout AFTER INSERT ON blocks BEGIN INSERT INTO noted VALUES (NEW.block_id); END",
        "SELECT count(*) FROM sqlite_master WHERE name = 'shout'",
    ),
    "view": ("CREATE VIEW named AS SELECT block_id, name FROM blocks", "SELECT count(*) FROM named"),
    "computed": ("ALTER TABLE blocks ADD COLUMN twice INTEGER AS (2 * residents)", "SELECT sum(twice) FROM blocks"),
    "odd computed": (
        """ALTER TABLE blocks ADD COLUMN "a, ""b"" (x)" TEXT AS (name || ',)(' || "block_id")""",
        """SELECT max("a, ""b"" (x)") FROM blocks""",
    ),
    "style": (
        "INSERT INTO layer_styles (f_table_name, f_geometry_column, styleName, styleQML, useAsDefault, owner) "
        "VALUES ('blocks', 'geom', '我的', 'mine', 1, '')",
        "SELECT count(*), max(useAsDefault) FROM layer_styles WHERE styleQML = 'mine'",
    ),
    "extension": (
        "INSERT INTO gpkg_extensions VALUES ('blocks', 'name', 'gpkg_schema', 'x', 'read-write')",
        "SELECT count(*) FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'",
    ),
    "description": (
        "UPDATE gpkg_contents SET description = '永定镇街区底图' WHERE table_name = 'blocks'",
        "SELECT description FROM gpkg_contents WHERE table_name = 'blocks'",
    ),
}
POSTGIS = {
    "grant": (
        "GRANT SELECT ON blocks TO PUBLIC; GRANT UPDATE (name) ON blocks TO PUBLIC",
        "SELECT relacl::text, (SELECT attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'name') "
        "FROM pg_class c WHERE oid = 'blocks'::regclass",
    ),
    "index": ("CREATE INDEX by_name ON blocks (name)", "SELECT to_regclass('by_name') IS NOT NULL"),
    "trigger": (
        "CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO noted VALUES (NEW.block_id); RETURN NEW; END'; "
        "CREATE TRIGGER shout AFTER INSERT ON blocks FOR EACH ROW EXECUTE FUNCTION hush(); "
        "ALTER TABLE blocks ENABLE ALWAYS TRIGGER shout",
        "SELECT tgenabled FROM pg_trigger WHERE tgname = 'shout' AND tgrelid = 'blocks'::regclass",
    ),
    "view": (
        "CREATE VIEW named AS SELECT block_id, name FROM blocks; GRANT SELECT ON named TO PUBLIC",
        "SELECT count(*), (SELECT relacl::text FROM pg_class WHERE oid = 'named'::regclass) FROM named",
    ),
    "computed": (
        "ALTER TABLE blocks ADD COLUMN twice bigint GENERATED ALWAYS AS (2 * residents) STORED",
        "SELECT sum(twice) FROM blocks",
    ),
    "comment": (
        "COMMENT ON TABLE blocks IS '永定镇街区底图'; COMMENT ON COLUMN blocks.name IS '街区名'",
        "SELECT obj_description('blocks'::regclass), col_description('blocks'::regclass, attnum) "
        "FROM pg_attribute WHERE attrelid = 'blocks'::regclass AND attname = 'name'",
    ),
    "check": (
        "ALTER TABLE blocks ADD CONSTRAINT few CHECK (residents < 2000000)",
        "SELECT count(*) FROM pg_constraint WHERE conname = 'few' AND conrelid = 'blocks'::regclass",
    ),
    "policy": (
        "CREATE POLICY mine ON blocks USING (true); ALTER TABLE blocks ENABLE ROW LEVEL SECURITY",
        "SELECT relrowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) "
        "FROM pg_class c WHERE oid = 'blocks'::regclass",
    ),
    "foreign key": (
        "CREATE TABLE visits (block_id text REFERENCES blocks (block_id) ON DELETE CASCADE); "
        "INSERT INTO visits SELECT block_id FROM blocks",
        "SELECT count(*) FROM visits",
    ),
}
HANGING = [("geopackage", name) for name in GEOPACKAGE] + [
    pytest.param("postgis", name, marks=pytest.mark.postgis) for name in POSTGIS
]


@pytest.fixture
def place(request, tmp_path) -> str:
    """Give a target of the home that the case names."""
    home = request.node.callspec.params.get("home", "geopackage")
    return str(tmp_path / "town.gpkg") if home == "geopackage" else request.getfixturevalue("schema")


@pytest.mark.parametrize(("home", "what"), HANGING)
def test_what_hangs_on_a_layer_outlives_its_mending(filled, target, home, what, outside, again, who):
    """A layer that another program has altered is made whole around rights, indexes, views and the rest."""
    make, question = (GEOPACKAGE if home == "geopackage" else POSTGIS)[what]
    outside("CREATE TABLE noted (block_id TEXT)", make)
    before = outside(question)
    outside(COLUMN, "UPDATE blocks SET mj = 1")
    store = again()
    found = store.adopt(**who).findings
    assert found["code"].tolist() == ["store.column_moved"]
    assert outside(question) == before
    assert outside("SELECT count(*) FROM noted") == [(0,)]
    assert again().findings().empty
    assert store.put("blocks", store.read("blocks").assign(residents=7), **who).counts["updated"] == 3


@pytest.mark.parametrize(("home", "what"), HANGING)
def test_what_hangs_on_a_layer_outlives_a_refilling(filled, target, home, what, outside, again, who):
    """Rows changed behind history's back are taken in, or back, without a word to other people's triggers."""
    make, question = (GEOPACKAGE if home == "geopackage" else POSTGIS)[what]
    on = "" if home == "geopackage" else " ON blocks"
    outside("CREATE TABLE noted (block_id TEXT)", make)
    before = outside(question)
    outside(f"DROP TRIGGER gis_blocks_update{on}", "UPDATE blocks SET is_renewal = NULL WHERE block_id = 'MC00-0001'")
    store = again()
    assert store.adopt(discard=True, **who).counts["updated"] == 0
    assert outside(question) == before
    assert outside("SELECT count(*) FROM noted") == [(0,)]
    assert again().findings().empty
    assert_geodataframe_equal(store.read("blocks"), store.read("blocks", as_of=2))


@pytest.mark.parametrize(("home", "what"), HANGING)
def test_what_hangs_on_a_layer_outlives_a_migration(filled, target, home, what, outside, catalogue, tmp_path, who):
    """A field more, and everything else as it was."""
    make, question = (GEOPACKAGE if home == "geopackage" else POSTGIS)[what]
    outside("CREATE TABLE noted (block_id TEXT)", make)
    before = outside(question)
    with open_store(target, catalogue=widened(catalogue)) as store:
        store.migrate()
        assert store.findings().empty
        assert store.put("blocks", store.read("blocks").assign(jobs=7), **who).counts["updated"] == 3
    assert outside(question) == before
    assert outside("SELECT count(*) FROM noted") == [(0,)]


LOST = {
    "geopackage": {
        "CREATE INDEX by_mj ON blocks (mj)": "INDEX by_mj",
        "CREATE TRIGGER shout AFTER UPDATE ON blocks BEGIN INSERT INTO noted VALUES (NEW.mj); END": "TRIGGER shout",
        "CREATE VIEW named AS SELECT block_id, mj FROM blocks": "VIEW named",
        "ALTER TABLE blocks ADD COLUMN twice REAL AS (2 * mj)": "COLUMN twice",
    },
    "postgis": {
        "CREATE INDEX by_mj ON blocks (mj)": "INDEX by_mj",
        "ALTER TABLE blocks ADD CONSTRAINT small CHECK (mj < 9)": "CONSTRAINT small",
        "ALTER TABLE blocks ADD COLUMN twice real GENERATED ALWAYS AS (2 * mj) STORED": "COLUMN twice",
    },
}


@pytest.mark.parametrize(
    ("home", "what"),
    [
        pytest.param(home, what, marks=[pytest.mark.postgis] if home == "postgis" else [])
        for home in LOST
        for what in LOST[home]
    ],
)
def test_what_cannot_be_kept_is_named(filled, home, what, outside, again, who):
    """What used a column that is not the catalogue's goes with it, and the finding says its name."""
    outside("CREATE TABLE noted (mj REAL)", COLUMN, what, "UPDATE blocks SET mj = 1")
    store = again()
    found = store.adopt(**who).findings
    assert found["code"].tolist() == ["store.column_moved", "store.hanging_lost"]
    assert json.loads(found["parameters"].iloc[1])["what"] == LOST[home][what]
    assert again().findings().empty
    assert store.put("blocks", store.read("blocks").assign(residents=7), **who).counts["updated"] == 3


@pytest.mark.postgis
@pytest.mark.parametrize("home", ["postgis"])
def test_a_view_in_the_way_is_named_and_nothing_is_done(filled, home, outside, again, who):
    """A view on the very column that must go is for its maker to drop."""
    outside(COLUMN, "CREATE VIEW named AS SELECT mj FROM blocks")
    before = outside("SELECT * FROM blocks ORDER BY fid")
    store = again()
    with pytest.raises(StoreError, match=r"named.*drop that first"):
        store.adopt(**who)
    assert outside("SELECT * FROM blocks ORDER BY fid") == before
    assert store.findings()["code"].tolist() == ["store.columns_changed"]
    outside("DROP VIEW named")
    store.adopt(**who)
    assert store.findings().empty


@pytest.mark.parametrize("home", ["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def test_a_wider_type_that_something_needs_as_it_was_is_refused_by_name(filled, target, home, outside, catalogue):
    """A view or a trigger that stands in the way of a migration is named, and the store stays as it was."""
    made = {
        "geopackage": "ALTER TABLE blocks ADD COLUMN budget INTEGER AS (2 * residents)",
        "postgis": "CREATE VIEW budget AS SELECT residents FROM blocks",
    }
    outside(made[home])
    changed = widened(catalogue, type_="real") if home == "postgis" else widened(catalogue)
    with open_store(target, catalogue=changed) as store:
        before = store.read("blocks")
        with pytest.raises(StoreError, match=r"budget.*drop that first"):
            store.migrate()
        assert store.plan().steps
        assert_geodataframe_equal(store.read("blocks"), before)


@pytest.mark.parametrize("home", ["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def test_other_parts_of_a_derived_layer_outlive_its_mending(store, home, outside, again):
    """A type that another program has changed costs no finding of another layer."""
    found = findings.table(findings.finding("row.required", layer, "X", row=2) for layer in ("blocks", "units"))
    store.replace("findings", found.assign(origin="check"))
    if home == "geopackage":
        outside("CREATE TABLE copy AS SELECT * FROM findings", "DROP TABLE findings")
        outside("ALTER TABLE copy RENAME TO findings")
    else:
        outside("ALTER TABLE findings ALTER COLUMN text TYPE varchar(300)")
    later = again()
    later.replace("findings", found.iloc[:0].assign(origin="check"), where={"layer": "blocks"})
    assert later.read("findings")["layer"].tolist() == ["units"]


def widened(catalogue: Catalogue, *, type_: str | None = None) -> Catalogue:
    """Return the catalogue with one field more in blocks, or with residents of another type."""
    blocks = catalogue.layers["blocks"]
    fields = (*blocks.fields, replace(blocks.field("jobs"), name="budget", zh="预算", en="Budget", delivery=None))
    if type_:
        fields = tuple(replace(one, type=type_) if one.name == "residents" else one for one in blocks.fields)
    layers = MappingProxyType({**catalogue.layers, "blocks": replace(blocks, fields=fields)})
    return replace(catalogue, layers=layers, digest="another")
