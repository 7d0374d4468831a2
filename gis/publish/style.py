"""How layers look: symbols, classes and legend order from the catalogue, shared by the map, the sheets and QGIS.

Colours live in `layers/*.toml` (style) and in code lists (color, width, casing, inlay and dash of a code); here is only
decided how the two are put together.
"""

from __future__ import annotations

from dataclasses import dataclass

from gis.catalogue import Catalogue, Code, CodeList, Layer

# the groups of a legend, from what the reader came for down to the ground; their titles are words ([map] group.…)
LEGEND: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("projects", ("projects",)),
    ("units", ("units", "vacated_spaces")),
    ("blocks", ("blocks", "townships", "districts")),
    ("stations", ("stations", "entrances", "catchments")),
    ("open_space", ("public_spaces", "greenways")),
    ("facilities", ("facilities",)),
    ("land_use", ("parcels", "buildings")),
    ("base", ("waters", "streets", "barriers", "street_blocks", "walkways")),
    ("internal", ("constraints", "comments", "findings")),
)


@dataclass(frozen=True)
class Symbol:
    """Describe how one class of a layer is drawn.

    Colours are #rrggbb or None (not drawn); widths and radius are pixels at the scale of a whole town on a screen;
    `dash` is an SVG dash array in the same pixels; `casing` is the colour of a wider line drawn beneath, `inlay` that
    of dashes drawn on top (railways). `code` is empty where a layer has one class only.
    """

    code: str
    zh: str
    en: str
    fill: str | None = None
    fill_opacity: float = 1.0
    line: str | None = None
    width: float = 1.0
    dash: str = ""
    casing: str | None = None
    inlay: str | None = None
    radius: float = 0.0

    def title(self, lang: str = "zh") -> str:
        """Return the title in one language."""
        return self.zh if lang == "zh" else self.en


def symbols(layer: Layer, catalogue: Catalogue, *, by: bool = True) -> tuple[Symbol, ...]:
    """Return the symbols of a layer in the order of its legend.

    Parameters
    ----------
    layer
        A layer with geometry.
    catalogue
        Holds the code list of the field that the layer is drawn by.
    by
        False draws the whole layer alike, as an edition must that does not show the field.

    Returns
    -------
    tuple of Symbol
        One a class, or a single one without code; a value that no code has is drawn as that single one.
    """
    plain = _symbol(layer, None)
    classes = _classes(layer, catalogue) if by else None
    if classes is None:
        return (plain,)
    return tuple(_symbol(layer, classes, code.code) for code in classes)


def class_of(layer: Layer, catalogue: Catalogue) -> dict[str, str]:
    """Return the class that each code of the layer's drawing field belongs to.

    Parameters
    ----------
    layer
        A layer with geometry.
    catalogue
        Holds the code lists.

    Returns
    -------
    dict
        Class by code: the code itself, or its group where the list is folded (land uses into land-use groups; a code
        of none is left out). Empty for a layer with one class.
    """
    field = layer.style.get("by")
    if field is None or layer.field(field).codes is None:
        return {}
    codes = catalogue.code_list(str(layer.field(field).codes))
    folded = _folded(codes, catalogue)
    if folded is None:
        return {code.code: code.code for code in codes}
    return {code.code: str(code.more["class"]) for code in codes if "class" in code.more}


def band(minutes: float, bands: CodeList) -> Code:
    """Return the band that a walk-shed is drawn in.

    Parameters
    ----------
    minutes
        Walking time.
    bands
        The list walk_bands, whose codes are upper limits in minutes.

    Returns
    -------
    gis.catalogue.Code
        The narrowest band that holds it, or the widest.
    """
    ordered = sorted(bands, key=lambda code: float(code.code))
    return next((code for code in ordered if minutes <= float(code.code)), ordered[-1])


def band_symbols(bands: CodeList) -> tuple[Symbol, ...]:
    """Return how walk-sheds look on a screen, in the order of the list.

    Parameters
    ----------
    bands
        The list walk_bands.

    Returns
    -------
    tuple of Symbol
        One a band, light enough for what lies beneath.
    """
    return tuple(
        Symbol(
            code=code.code,
            zh=code.zh,
            en=code.en,
            fill=str(code.more["color"]),
            fill_opacity=float(code.more["fill_opacity"]),
            line=str(code.more["line"]),
            width=0.6,
        )
        for code in bands
    )


def order(layer: Layer) -> int:
    """Return the layer's place in the drawing, lowest first.

    Parameters
    ----------
    layer
        A layer with geometry.

    Returns
    -------
    int
    """
    return int(layer.style.get("order", 0))


def _classes(layer: Layer, catalogue: Catalogue) -> CodeList | None:
    """Return the list whose codes are the layer's classes."""
    field = layer.style.get("by")
    if field is None or layer.field(field).codes is None:
        return None
    codes = catalogue.code_list(str(layer.field(field).codes))
    return _folded(codes, catalogue) or codes


def _folded(codes: CodeList, catalogue: Catalogue) -> CodeList | None:
    """Return the list of groups that a long list folds into: land_uses into land_use_classes."""
    name = f"{codes.name.removesuffix('s')}_classes"
    return catalogue.codes.get(name) if codes.values("class") else None


def _symbol(layer: Layer, classes: CodeList | None, name: str = "") -> Symbol:
    """Return one symbol: the layer's style, with what the code says for itself."""
    style = layer.style
    code = classes.get(name) if classes is not None else None
    more = code.more if code is not None else {}
    colour = more.get("color")
    is_line = layer.geometry == "MultiLineString"
    fill = None if is_line else _paint(colour or style.get("fill", "none"))
    return Symbol(
        code=name,
        zh=str(more.get("short", code.zh)) if code else layer.zh,
        en=code.en if code else layer.en,
        fill=fill,
        fill_opacity=float(style.get("fill_opacity", 1.0)),
        line=_paint(colour if is_line and colour else style.get("line", "none")),
        width=float(more.get("width", style.get("width", 1.0))),
        dash=str(more.get("dash", style.get("dash", ""))),
        casing=_paint(more.get("casing", "none")),
        inlay=_paint(more.get("inlay", "none")),
        radius=float(style.get("radius", 0.0)),
    )


def _paint(colour: object) -> str | None:
    """Return a colour, or None for `none`."""
    return None if colour in (None, "", "none") else str(colour)
