"""Symbols come from the catalogue, for every layer that has a shape."""

from __future__ import annotations

import re

import pytest

from gis import catalogue as catalogues
from gis.publish import style

CATALOGUE = catalogues.read()
DRAWN = [layer for layer in CATALOGUE.layers.values() if layer.spatial]
COLOUR = re.compile(r"^#[0-9a-f]{6}$")

each_layer = pytest.mark.parametrize("layer", DRAWN, ids=lambda layer: layer.name)


@each_layer
def test_every_layer_can_be_seen(layer):
    """Each class of each layer has a fill or a line, in a colour that every program reads."""
    for symbol in style.symbols(layer, CATALOGUE):
        paints = [symbol.fill, symbol.line]
        assert any(paints) and all(COLOUR.match(paint) for paint in paints if paint)


@each_layer
def test_every_code_has_a_class(layer):
    """No value that the code list allows is without a symbol."""
    classes = {symbol.code for symbol in style.symbols(layer, CATALOGUE)}
    assert set(style.class_of(layer, CATALOGUE).values()) <= classes


@each_layer
def test_a_hidden_field_does_not_show_in_colours(layer):
    """Drawn without its field, a layer has one symbol that carries no code."""
    (plain,) = style.symbols(layer, CATALOGUE, by=False)
    assert (plain.code, plain.title("zh"), plain.title("en")) == ("", layer.zh, layer.en)


def test_land_uses_fold_into_their_groups():
    """Thirty-seven land uses have the profession's twelve colours and a legend that can be read."""
    parcels = CATALOGUE.layer("parcels")
    assert style.class_of(parcels, CATALOGUE)["080403"] == "public_service"
    assert len(style.symbols(parcels, CATALOGUE)) == len(CATALOGUE.code_list("land_use_classes").codes)


def test_lines_are_never_filled():
    """A street's colour is its line's."""
    symbols = style.symbols(CATALOGUE.layer("streets"), CATALOGUE)
    assert {symbol.fill for symbol in symbols} == {None}
    assert symbols[0].line == CATALOGUE.code_list("street_classes").codes[0].more["color"]


def test_every_layer_has_one_place_in_the_legend():
    """No layer stands in two groups, and only real layers are named."""
    named = [name for _, names in style.LEGEND for name in names]
    assert len(named) == len(set(named)) and set(named) <= set(CATALOGUE.layers)


def test_projects_lie_over_their_ground():
    """What the consultation is about is drawn over land use, units and streets."""
    below = ("parcels", "streets", "units", "blocks", "catchments", "waters")
    assert all(style.order(CATALOGUE.layer("projects")) > style.order(CATALOGUE.layer(name)) for name in below)
