"""Frozen records of what the catalogue says: layers, fields, code lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gis.errors import UnknownNameError
from gis.norms import Norm

TYPES = ("text", "integer", "real", "boolean", "date", "json")
KINDS = ("extensive", "intensive", "count", "category", "text")
GEOMETRIES = ("Point", "MultiPoint", "MultiLineString", "MultiPolygon", "none")
PUBLICATIONS = ("none", "aggregate", "generalised", "exact")
TOPOLOGY = ("error", "report", "allowed")


@dataclass(frozen=True)
class Field:
    """Describe one column: name, titles, type, width, unit, kind and who may see it.

    `kind` says how the value behaves on the ground: extensive and count values are summed and split, intensive ones are
    averaged, categories and text are neither. `delivery` is the name in a shapefile (at most 10 ASCII bytes). A
    `stated` field is the area of the row's own ground as a document has it (批复面积, 证载面积), which is kept as it is
    and compared with the drawing.
    """

    name: str
    zh: str
    en: str
    type: str
    kind: str
    width: int | None = None
    unit: str = ""
    required: bool = False
    unique: bool = False
    public: bool = False
    codes: str | None = None
    range: tuple[float, float] | None = None
    reference: str | None = None
    pattern: str | None = None
    delivery: str = ""
    aliases: tuple[str, ...] = ()
    stated: bool = False

    def title(self, lang: str = "zh") -> str:
        """Return the title in one language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Topology:
    """Say what neighbours of one layer may do: overlap, leave gaps, and within which width it does not count (m)."""

    overlap: str = "allowed"
    gap: str = "allowed"
    tolerance: float = 0.5


@dataclass(frozen=True)
class Layer:
    """Describe one layer: its table, its key, its fields, its publication and its looks.

    `publish_when` maps a field to the values whose rows may be shown in a public edition; `style` is drawing data
    (order, fill, line, width, dash, by, label) that the map, the sheets and QGIS share. `within` names the layers whose
    ground each feature must not leave; where a field refers to such a layer, the ground of the very feature it names.
    `coarse_m` is how far (m) every vertex of a generalised layer is from every true one in a public edition.
    """

    name: str
    singular: str
    zh: str
    en: str
    geometry: str
    key: str
    fields: tuple[Field, ...]
    public: str = "none"
    publish_when: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    delivery: str = ""
    detail: int | None = None
    topology: Topology = Topology()
    style: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    derived: bool = False
    within: tuple[str, ...] = ()
    coarse_m: float = 20.0

    def title(self, lang: str = "zh") -> str:
        """Return the title in one language."""
        return self.zh if lang == "zh" else self.en

    @property
    def spatial(self) -> bool:
        """Tell whether rows have a geometry."""
        return self.geometry != "none"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the canonical names of the fields, in order."""
        return tuple(item.name for item in self.fields)

    def field(self, name: str) -> Field:
        """Return a field by its canonical name; raise UnknownNameError with the names allowed."""
        for item in self.fields:
            if item.name == name:
                return item
        raise UnknownNameError(
            f"layer {self.name!r} has no field {name!r}; its fields are {', '.join(self.columns)}", field=name
        )


@dataclass(frozen=True)
class Code:
    """Hold one entry of a code list; `more` keeps what only some lists have (lead, responsible, color, class …)."""

    code: str
    zh: str
    en: str
    delivery: str
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def title(self, lang: str = "zh") -> str:
        """Return the title in one language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class CodeList:
    """Hold a dated code list with the document it comes from.

    `open` is the pattern of codes that are kept though they are not listed, where a list may lack some; `crosswalks`
    names the lists whose codes may stand for those of this one, each entry of which names them under this list's name.
    """

    name: str
    zh: str
    en: str
    source: str
    codes: tuple[Code, ...]
    effective_from: date | None = None
    effective_to: date | None = None
    note: str = ""
    open: str = ""
    crosswalks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Code]:
        """Iterate over the codes in their order."""
        return iter(self.codes)

    def __contains__(self, code: object) -> bool:
        """Tell whether a code is in the list."""
        return any(item.code == code for item in self.codes)

    def get(self, code: str) -> Code:
        """Return an entry by its code; raise UnknownNameError with the codes allowed."""
        for item in self.codes:
            if item.code == code:
                return item
        allowed = ", ".join(item.code for item in self.codes)
        raise UnknownNameError(f"code list {self.name!r} has no code {code!r}; allowed: {allowed}", code=code)

    def titles(self, lang: str = "zh", *, short: bool = False) -> dict[str, str]:
        """Return title by code.

        Parameters
        ----------
        lang
            "zh" or "en".
        short
            Take the short Chinese title where the list has one.

        Returns
        -------
        dict
        """
        return {
            item.code: str(item.more.get("short", item.zh)) if short and lang == "zh" else item.title(lang)
            for item in self.codes
        }

    def values(self, name: str) -> dict[str, Any]:
        """Return one further value (lead, color, class …) by code, for the codes that have it."""
        return {item.code: item.more[name] for item in self.codes if name in item.more}


@dataclass(frozen=True)
class Catalogue:
    """Hold everything that is data: layers, code lists, norms, profiles, words; `digest` names this very content."""

    folder: Path
    layers: Mapping[str, Layer]
    codes: Mapping[str, CodeList]
    norms: tuple[Norm, ...]
    profiles: Mapping[str, Mapping[str, Any]]
    texts: Mapping[str, Mapping[str, Mapping[str, str]]]
    digest: str

    def layer(self, name: str) -> Layer:
        """Return a layer by name; raise UnknownNameError with the names allowed."""
        if name not in self.layers:
            raise UnknownNameError(
                f"no layer {name!r} in the catalogue; layers are {', '.join(sorted(self.layers))}", layer=name
            )
        return self.layers[name]

    def code_list(self, name: str) -> CodeList:
        """Return a code list by name; raise UnknownNameError with the names allowed."""
        if name not in self.codes:
            raise UnknownNameError(
                f"no code list {name!r} in the catalogue; lists are {', '.join(sorted(self.codes))}", codes=name
            )
        return self.codes[name]

    def titles(self, lang: str = "zh") -> dict[str, str]:
        """Return the titles that sentences show in one language.

        Parameters
        ----------
        lang
            "zh" or "en".

        Returns
        -------
        dict
            Of layers by name, of fields by "layer.field", of code lists by "codes.list" and of their codes by
            "codes.list.code", and of other values, such as types, by "value.integer".
        """
        layers = self.layers.values()
        found = {name: layer.title(lang) for name, layer in self.layers.items()}
        found |= {f"{layer.name}.{item.name}": item.title(lang) for layer in layers for item in layer.fields}
        for name, listed in self.codes.items():
            found[f"codes.{name}"] = listed.zh if lang == "zh" else listed.en
            found |= {f"codes.{name}.{code}": title for code, title in listed.titles(lang).items()}
        return found | {f"value.{name}": word for name, word in self.words("values", lang).items()}

    def words(self, group: str, lang: str = "zh") -> Mapping[str, str]:
        """Return the words of one group in one language.

        Parameters
        ----------
        group
            "findings", "values", "map", "workbook", "delivery" or "errors".
        lang
            "zh" or "en".

        Returns
        -------
        Mapping
            Word or template by name; empty where there is no such group.
        """
        return self.texts[lang].get(group, {})
