"""Every entry of the catalogue is complete, and a broken file is named with its key and what is allowed."""

from __future__ import annotations

import ast
import functools
import re
import shutil
import string
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from gis import catalogue
from gis.catalogue import KINDS, TYPES
from gis.errors import CatalogueError, UnknownNameError
from gis.intake.columns import normal, spellings

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = catalogue.read()
FIELDS = [(layer, field) for layer in CATALOGUE.layers.values() for field in layer.fields]
CODES = [(listed, code) for listed in CATALOGUE.codes.values() for code in listed]
CHINESE = re.compile("[一-鿿]")


# --- every entry --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", CATALOGUE.layers.values(), ids=lambda layer: layer.name)
def test_every_layer_is_complete(layer):
    """Titles in both languages, the key of the singular, and a style and a scale where it is drawn."""
    assert CHINESE.search(layer.zh)
    assert layer.en.isascii()
    assert layer.derived or layer.key == f"{layer.singular}_id"
    assert layer.fields[0].name == layer.key
    assert not layer.spatial or "order" in layer.style
    assert not layer.spatial or layer.derived or layer.detail


@pytest.mark.parametrize(("layer", "field"), FIELDS, ids=[f"{layer.name}.{field.name}" for layer, field in FIELDS])
def test_every_field_is_complete(layer, field):
    """Titles, type and kind; a number says its unit unless it is a bare ratio or a year; a code fits its width."""
    assert field.zh.strip()
    assert field.en.strip()
    assert (field.type in TYPES, field.kind in KINDS) == (True, True)
    assert field.width is None or 0 < field.width <= 254
    assert field.type != "text" or field.width or layer.derived
    assert field.kind not in {"extensive", "count"} or field.type in {"integer", "real"}
    assert not field.name.endswith("_m2") or field.unit == "m²"
    codes = CATALOGUE.code_list(field.codes) if field.codes else ()
    assert all(len(code.code) <= (field.width or 254) for code in codes)
    assert field.reference is None or field.type == "text"


@pytest.mark.parametrize("layer", CATALOGUE.layers.values(), ids=lambda layer: layer.name)
def test_a_spelling_names_one_field_of_a_layer(layer):
    """No title or alias is claimed by two fields with the same right, so that intake never has to choose."""
    claims = Counter((normal(text), rank) for field in layer.fields for text, rank in set(spellings(field)))
    assert not [claim for claim, count in claims.items() if count > 1 and claim[1] != "title"]


@pytest.mark.parametrize("layer", [layer for layer in CATALOGUE.layers.values() if layer.public != "exact"])
def test_personal_and_secret_layers_are_not_drawn(layer):
    """Only `exact` and `generalised` layers are drawn; people's words and votes are never."""
    assert layer.public in {"none", "aggregate", "generalised"}
    assert CATALOGUE.layer("comments").public == CATALOGUE.layer("votes").public == "none"


# practice.md, "What must not leave by accident"
SECRET = {"to_demolish", "danger_grade", "confidential", "illegal", "potential", "investment_wan", "owner_class"}


@pytest.mark.parametrize("name", sorted(SECRET))
def test_what_must_not_leave_is_not_public(name):
    """In no layer."""
    assert not [layer.name for layer, field in FIELDS if field.name == name and field.public]


@pytest.mark.parametrize("listed", CATALOGUE.codes.values(), ids=lambda listed: listed.name)
def test_every_code_list_has_its_source_and_days(listed):
    """The document, and a period that does not end before it begins; codes and titles are unlike each other."""
    assert listed.source.strip()
    assert CHINESE.search(listed.zh)
    assert (listed.effective_from or date.min) <= (listed.effective_to or date.max)
    for values in ([code.code for code in listed], [code.delivery for code in listed], [code.zh for code in listed]):
        assert len(set(values)) == len(values)


@pytest.mark.parametrize(("listed", "code"), CODES, ids=[f"{listed.name}.{code.code}" for listed, code in CODES])
def test_every_code_is_complete(listed, code):
    """Both titles; a delivery code that a DBF holds; a colour that is one."""
    assert code.zh.strip()
    assert code.en.strip()
    assert len(code.delivery.encode("gb18030")) <= 254
    assert re.fullmatch("#[0-9a-f]{6}", code.more.get("color", "#000000"))


def test_the_plan_is_in_the_code_lists():
    """Six project types and four paths with who leads, states with who decides, thirteen townships, station states."""
    sizes = {
        name: len(list(CATALOGUE.code_list(name))) for name in ("project_types", "paths", "townships", "station_states")
    }
    assert sizes == {"project_types": 6, "paths": 4, "townships": 13, "station_states": 5}
    for name in ("project_types", "paths"):
        listed = CATALOGUE.code_list(name)
        assert set(listed.values("clause")) == {code.code for code in listed}
        known = {code.code for code in CATALOGUE.code_list("departments")}
        named = {who for key in ("lead", "responsible") for group in listed.values(key).values() for who in group}
        assert named <= known


def test_norms_say_where_they_come_from():
    """A key, a source with its clause, and days; what is not known has no number."""
    for norm in CATALOGUE.norms:
        assert norm.source.strip()
        assert all(norm.title)
        assert norm.value is None or norm.value >= 0


def test_letter_codes_lead_to_land_uses():
    """The crosswalk of DB11/996 names codes that exist."""
    land_uses = CATALOGUE.code_list("land_uses")
    for targets in CATALOGUE.code_list("beijing_land_uses").values("land_uses").values():
        assert all(target in land_uses for target in targets)


def test_titles_name_layers_and_fields():
    """For sentences that people read."""
    assert CATALOGUE.titles()["blocks"] == "街区"
    assert CATALOGUE.titles("en")["blocks.block_id"] == "Block code"


@pytest.mark.parametrize("ask", [lambda: CATALOGUE.layer("block"), lambda: CATALOGUE.code_list("type")])
def test_an_unknown_name_is_refused_with_those_allowed(ask):
    """A typing error is found at once."""
    with pytest.raises(UnknownNameError, match=r"blocks|project_types"):
        ask()


# --- words --------------------------------------------------------------------------------------------------------


@functools.cache
def calls() -> list[ast.Call]:
    """Return every call of `finding` in gis/."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "gis").rglob("*.py"))]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if call.args and ast.unparse(call.func).rpartition(".")[2] == "finding"]


def raised() -> set[str]:
    """Return every code that a module of gis/ gives to `finding`; one made at run time gives what it begins with."""
    nodes = [node for call in calls() for node in ast.walk(call.args[0])]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def listed_in_rows() -> set[str]:
    """Return the codes that gis/rows.py hands to `finding` through a variable."""
    text = (ROOT / "gis" / "rows.py").read_text(encoding="utf-8")
    return set(re.findall(r'"((?:row|geometry)\.[a-z_]+)"', text))


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("lang", catalogue.LANGUAGES)
def test_every_finding_has_a_sentence(lang):
    """No code reaches a person without words."""
    known = set(CATALOGUE.words("findings", lang))
    begun = tuple(code for code in raised() if code.endswith("."))
    assert not {code for code in raised() | listed_in_rows() if code not in begun} - known
    assert all(any(word.startswith(code) for word in known) for code in begun)


def test_every_sentence_gets_its_parameters():
    """A placeholder that no call fills would show a dash."""
    sentences = CATALOGUE.words("findings", "zh")
    for call in calls():
        given = {keyword.arg for keyword in call.keywords}
        # with ** the keywords are known only when it runs
        if isinstance(call.args[0], ast.Constant) and None not in given:
            assert placeholders(sentences[call.args[0].value]) <= given | {"layer", "feature", "field"}, call.args[
                0
            ].value


def groups() -> list[str]:
    return sorted(set(CATALOGUE.texts["zh"]) | set(CATALOGUE.texts["en"]))


@pytest.mark.parametrize("group", groups())
def test_both_languages_have_the_same_words(group):
    """Every group has the same keys with the same parameters in Chinese and English."""
    zh, en = (CATALOGUE.words(group, lang) for lang in ("zh", "en"))
    assert set(zh) == set(en)
    for key, text in zh.items():
        if isinstance(text, str):
            assert placeholders(text) == placeholders(en[key]), key
            assert text.strip()


def test_chinese_sentences_are_chinese():
    """A sentence that was forgotten in English is found."""
    assert not [key for key, text in CATALOGUE.words("findings", "zh").items() if not CHINESE.search(text)]


# --- broken files -------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the catalogue to break."""
    return Path(shutil.copytree(CATALOGUE.folder, tmp_path / "layers"))


BREAKAGES = {
    # name: (file, what stands there, what takes its place) -> what the message must say
    "not TOML": ("blocks.toml", 'name = "blocks"', "name = blocks", ["blocks.toml", "not valid TOML"]),
    "unknown key": ("blocks.toml", 'zh = "街区"', 'zh = "街区"\ncolour = "red"', ["blocks.toml", "colour", "topology"]),
    "missing key": ("blocks.toml", 'singular = "block"', "", ["blocks.toml", "singular", "missing"]),
    "name of another file": ("blocks.toml", 'name = "blocks"', 'name = "block"', ["blocks.toml", "name", "blocks"]),
    "unknown geometry": ("blocks.toml", '"MultiPolygon"', '"Polygon"', ["blocks.toml", "geometry", "MultiPolygon"]),
    "key without field": ("blocks.toml", 'key = "block_id"', 'key = "id"', ["blocks.toml", "key", "block_id"]),
    "key not unique": ("blocks.toml", "unique = true, ", "", ["blocks.toml", "block_id", "unique"]),
    "no width": ("blocks.toml", 'zh = "街区"', 'zh = "街区"\ncoarse_m = 0', ["blocks.toml", "coarse_m", "more than 0"]),
    "unknown type": ("blocks.toml", 'type = "date"', 'type = "time"', ["blocks.toml", "type", "boolean"]),
    "unknown kind": ("blocks.toml", 'kind = "count"', 'kind = "sum"', ["blocks.toml", "kind", "extensive"]),
    "wrong type of a value": ("blocks.toml", "width = 60", 'width = "60"', ["blocks.toml", "width", "int"]),
    "long delivery name": ("blocks.toml", '"GKZGM"', '"GUANKONGZONGGUIMO"', ["blocks.toml", "delivery", "10 bytes"]),
    "delivery name twice": ("blocks.toml", '"ZYGW"', '"CZRK"', ["blocks.toml", "delivery", "CZRK"]),
    "range upside down": ("blocks.toml", "range = [0, 1000000]", "range = [9, 0]", ["blocks.toml", "range", "low"]),
    "unknown code list": (
        "blocks.toml",
        '"line_authorities"',
        '"powers"',
        ["blocks.toml", "codes", "line_authorities"],
    ),
    "unknown reference": ("parcels.toml", 'reference = "blocks"', 'reference = "block"', ["parcels.toml", "reference"]),
    "unknown topology": ("blocks.toml", 'overlap = "error"', 'overlap = "never"', ["blocks.toml", "overlap", "report"]),
    "unknown publication": (
        "blocks.toml",
        'public = "exact"',
        'public = "all"',
        ["blocks.toml", "public", "aggregate"],
    ),
    "label without field": ("blocks.toml", 'label = "name"', 'label = "title"', ["blocks.toml", "title", "block_id"]),
    "unknown state": ("units.toml", '["delineated"]', '["drawn"]', ["units.toml", "publish_when", "delineated"]),
    "code twice": ("codes/paths.toml", None, None, ["codes/paths.toml", "codes", "once"]),
    "code without title": ("codes/paths.toml", 'zh = "', 'zhong = "', ["codes/paths.toml"]),
    "unknown confidence": (
        "norms/consent.toml",
        'confidence = "',
        'confidence = "very ',
        ["norms/consent.toml", "medium"],
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_file_is_named_with_its_key(copy, name):
    """One error: file, key and what is allowed."""
    file, old, new, said = BREAKAGES[name]
    path = copy / file
    text = path.read_text(encoding="utf-8")
    if old is None:
        line = next(line for line in text.splitlines() if line.strip().startswith("{ code"))
        old, new = line, f"{line}\n{line}"
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        catalogue.read(copy)
    assert [word for word in said if word not in str(caught.value)] == []


def test_a_file_that_is_not_utf8_is_named(copy):
    """Saved by an editor in GBK."""
    path = copy / "blocks.toml"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(CatalogueError, match=r"blocks\.toml.*UTF-8"):
        catalogue.read(copy)


def test_a_folder_without_a_catalogue_is_refused(tmp_path):
    """The message says what a catalogue has."""
    with pytest.raises(CatalogueError, match="codes/"):
        catalogue.read(tmp_path)


def test_a_copy_is_the_same_catalogue(copy):
    """The digest names the content, not the place; line ends of Windows do not count, a changed field does."""
    path = copy / "blocks.toml"
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert catalogue.read(copy).digest == CATALOGUE.digest
    path.write_bytes(path.read_bytes().replace(b"width = 60", b"width = 61", 1))
    assert catalogue.read(copy).digest != CATALOGUE.digest
