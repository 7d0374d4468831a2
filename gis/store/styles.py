"""The catalogue's drawing data as a QGIS style, so that a layer opened in QGIS looks as it does on our maps."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from gis.catalogue import Catalogue, Layer

_GREY = "#999999"
# style widths and radii are pixels of the screen map; QGIS wants millimetres
_MM = 0.26


def qml(layer: Layer, catalogue: Catalogue) -> str:
    """Return a layer's style as QML.

    Parameters
    ----------
    layer
        A layer with geometry.
    catalogue
        Colours of the code list that the layer is drawn by.

    Returns
    -------
    str
        XML; one symbol, or one for each code where the layer is drawn by a field.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology|Labeling")
    by = layer.style.get("by")
    kind = "categorizedSymbol" if by else "singleSymbol"
    renderer = ET.SubElement(root, "renderer-v2", {"type": kind} | ({"attr": str(by)} if by else {}))
    symbols = ET.Element("symbols")
    if by:
        categories = ET.SubElement(renderer, "categories")
        for place, (code, title, color) in enumerate(_classes(layer, catalogue, str(by))):
            ET.SubElement(categories, "category", symbol=str(place), value=code, label=title, render="true")
            symbols.append(_symbol(layer, str(place), color))
    else:
        symbols.append(_symbol(layer, "0", None))
    renderer.append(symbols)
    if "label" in layer.style:
        _label(root, str(layer.style["label"]))
    return ET.tostring(root, encoding="unicode")


def _classes(layer: Layer, catalogue: Catalogue, by: str) -> Iterator[tuple[str, str, str]]:
    """Yield code, title and colour of every class, and last the class of everything else."""
    codes = layer.field(by).codes
    if codes is not None:
        entries = catalogue.code_list(codes)
        colors = entries.values("color")
        yield from ((code, title, str(colors.get(code, _GREY))) for code, title in entries.titles().items())
    yield "", "其他", _GREY


def _symbol(layer: Layer, name: str, color: str | None) -> ET.Element:
    """Return one symbol: marker, line or fill as the geometry asks."""
    style = layer.style
    fill = color or str(style.get("fill", "none"))
    line = str(style.get("line", "none"))
    width = f"{float(style.get('width', 1)) * _MM:.2f}"
    pen = "no" if line == "none" else ("dash" if "dash" in style else "solid")
    brush = _rgba(fill, float(style.get("fill_opacity", 1)))
    if layer.geometry.endswith("Point"):
        kind, cls = "marker", "SimpleMarker"
        size = f"{2 * float(style.get('radius', 5)) * _MM:.2f}"
        options = {"name": "circle", "color": brush, "size": size, "size_unit": "MM"}
        options |= {"outline_color": _rgba(line), "outline_width": width, "outline_style": pen}
    elif layer.geometry.endswith("LineString"):
        kind, cls = "line", "SimpleLine"
        options = {"line_color": _rgba(color or line), "line_width": width, "line_style": pen, "line_width_unit": "MM"}
    else:
        kind, cls = "fill", "SimpleFill"
        options = {"color": brush, "style": "no" if fill == "none" else "solid"}
        options |= {"outline_color": _rgba(line), "outline_width": width, "outline_style": pen}
    symbol = ET.Element("symbol", type=kind, name=name, alpha="1", clip_to_extent="1")
    drawn = ET.SubElement(symbol, "layer", {"class": cls, "enabled": "1", "pass": "0"})
    body = ET.SubElement(drawn, "Option", type="Map")
    for option, value in options.items():
        ET.SubElement(body, "Option", name=option, type="QString", value=value)
    return symbol


def _label(root: ET.Element, field: str) -> None:
    """Label features with a field, with a white halo."""
    settings = ET.SubElement(ET.SubElement(root, "labeling", type="simple"), "settings")
    text = ET.SubElement(settings, "text-style", fieldName=field, fontSize="9", textColor="40,40,40,255")
    ET.SubElement(text, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferColor="255,255,255,255")
    ET.SubElement(settings, "rendering", drawLabels="1")


def _rgba(color: str, opacity: float = 1.0) -> str:
    """Return "#rrggbb" as QGIS writes colours."""
    if color == "none":
        return "0,0,0,0"
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"
