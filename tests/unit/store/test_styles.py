"""QGIS styles from the catalogue's drawing data."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from gis import catalogue as catalogues
from gis.store import styles

CATALOGUE = catalogues.read()
SPATIAL = [name for name, layer in CATALOGUE.layers.items() if layer.spatial]


@pytest.mark.parametrize("name", SPATIAL)
def test_every_layer_has_a_style(name):
    """Each category has its symbol, and the symbol is of the geometry's kind."""
    layer = CATALOGUE.layer(name)
    root = ET.fromstring(styles.qml(layer, CATALOGUE))
    symbols = {symbol.get("name"): symbol.get("type") for symbol in root.findall(".//symbol")}
    assert {one.get("symbol") for one in root.findall(".//category")} <= set(symbols)
    kind = "marker" if "Point" in layer.geometry else "line" if "Line" in layer.geometry else "fill"
    assert set(symbols.values()) == {kind}


def test_classes_have_their_codes_titles_and_colours():
    """Project types are drawn in the code list's colours, and what has no type in grey."""
    root = ET.fromstring(styles.qml(CATALOGUE.layer("projects"), CATALOGUE))
    labels = {one.get("value"): one.get("label") for one in root.findall(".//category")}
    assert labels == CATALOGUE.code_list("project_types").titles() | {"": "其他"}
    # #e8b23a
    assert root.find(".//symbol[@name='0']//Option[@name='color']").get("value").startswith("232,178,58,")
    assert root.findall(".//symbol")[-1].find(".//Option[@name='color']").get("value").startswith("153,153,153,")


def test_labels_name_their_field():
    """A layer that is labelled on our maps is labelled in QGIS."""
    text = ET.fromstring(styles.qml(CATALOGUE.layer("stations"), CATALOGUE)).find(".//text-style")
    assert text.get("fieldName") == "name"
