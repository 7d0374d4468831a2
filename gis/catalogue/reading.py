"""Read and check the catalogue's files; a broken one gets one error that names file, key and what is allowed."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gis.catalogue.records import (
    GEOMETRIES,
    KINDS,
    PUBLICATIONS,
    TOPOLOGY,
    TYPES,
    Catalogue,
    Code,
    CodeList,
    Field,
    Layer,
    Topology,
)
from gis.errors import CatalogueError
from gis.norms import Norm
from gis.settings import LANGUAGES

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_DELIVERY = re.compile(r"^[A-Z][A-Z0-9_]{0,9}$")


def find(folder: Path | None = None) -> Path:
    """Return the catalogue's folder: the one given, else the checkout's `layers/`, else the wheel's copy.

    Parameters
    ----------
    folder
        A folder from `--layers` or Settings.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    CatalogueError
        The folder given, or any of the standard places, does not exist.
    """
    here = Path(__file__).resolve().parents[1]
    candidates = [folder] if folder else [here.parent / "layers", here / "_layers"]
    for candidate in candidates:
        if (candidate / "codes").is_dir():
            return candidate
    raise CatalogueError(
        f"no catalogue in {', '.join(str(c) for c in candidates)}; give a folder with *.toml and codes/"
    )


def read(folder: Path | None = None) -> Catalogue:
    """Read and check the whole catalogue.

    Parameters
    ----------
    folder
        A folder with `*.toml`, `codes/`, `norms/`, `profiles/` and `text/`; None searches the standard places.

    Returns
    -------
    Catalogue

    Raises
    ------
    CatalogueError
        At the first broken file: its name, the key and what is allowed.
    """
    root = find(folder)
    codes = {path.stem: _code_list(path) for path in sorted((root / "codes").glob("*.toml"))}
    for listed in codes.values():
        _check_list(root / "codes" / f"{listed.name}.toml", listed, codes)
    layers = {path.stem: _layer(path) for path in sorted(root.glob("*.toml"))}
    for layer in layers.values():
        _check_links(root, layer, layers, codes)
    norms = tuple(norm for path in sorted((root / "norms").glob("*.toml")) for norm in _norms(path))
    profiles = {path.stem: MappingProxyType(_load(path)) for path in sorted((root / "profiles").glob("*.toml"))}
    texts = {lang: _load(root / "text" / f"{lang}.toml") for lang in LANGUAGES}
    return Catalogue(root, MappingProxyType(layers), MappingProxyType(codes), norms, profiles, texts, _digest(root))


def _digest(root: Path) -> str:
    """Return a digest over the layer files and code lists, which decide a store's tables."""
    digest = hashlib.sha256()
    for path in sorted([*root.glob("*.toml"), *(root / "codes").glob("*.toml")]):
        digest.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def _load(path: Path) -> dict[str, Any]:
    """Parse one TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path.name}: not valid TOML ({error})", file=path.name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read as UTF-8 ({error})", file=path.name) from None


def _take(path: Path, where: str, record: Mapping[str, Any], allowed: Mapping[str, type | tuple[type, ...]]) -> None:
    """Refuse unknown keys, missing required keys (marked !) and wrong types of one record."""
    names = {name.rstrip("!"): kind for name, kind in allowed.items()}
    for name, value in record.items():
        if name not in names:
            raise _broken(path, f"{where}{name}", "is not known", sorted(names))
        if not isinstance(value, names[name]) or (isinstance(value, bool) and names[name] is not bool):
            raise _broken(path, f"{where}{name}", f"is {value!r}", [str(names[name])])
    for name in allowed:
        if name.endswith("!") and name[:-1] not in record:
            raise _broken(path, f"{where}{name[:-1]}", "is missing", ["a value"])


def _broken(path: Path, key: str, came: str, allowed: list[str]) -> CatalogueError:
    """Return the error for one key."""
    place = f"{path.parent.name}/{path.name}" if path.parent.name in {"codes", "norms", "profiles"} else path.name
    text = f"{place}: key {key!r} {came}; allowed: {', '.join(allowed)}"
    return CatalogueError(text, file=place, key=key, allowed=allowed)


def _choice(path: Path, key: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return the value if it is one of those allowed."""
    if value not in allowed:
        raise _broken(path, key, f"is {value!r}", list(allowed))
    return str(value)


_LAYER_KEYS: dict[str, type | tuple[type, ...]] = {
    "name!": str,
    "singular!": str,
    "zh!": str,
    "en!": str,
    "geometry!": str,
    "key!": str,
    "fields!": list,
    "public": str,
    "publish_when": dict,
    "delivery!": str,
    "detail": int,
    "topology": dict,
    "style": dict,
    "derived": bool,
    "within": list,
    "coarse_m": (int, float),
}
_FIELD_KEYS: dict[str, type | tuple[type, ...]] = {
    "name!": str,
    "zh!": str,
    "en!": str,
    "type!": str,
    "kind!": str,
    "width": int,
    "unit": str,
    "required": bool,
    "unique": bool,
    "public": bool,
    "codes": str,
    "range": list,
    "reference": str,
    "pattern": str,
    "delivery!": str,
    "aliases": list,
    "stated": bool,
}
_STYLE_KEYS: dict[str, type | tuple[type, ...]] = {
    "order!": int,
    "fill": str,
    "fill_opacity": (int, float),
    "line": str,
    "width": (int, float),
    "radius": (int, float),
    "dash": str,
    "by": str,
    "label": str,
}


def _layer(path: Path) -> Layer:
    """Read one layer file."""
    raw = _load(path)
    _take(path, "", raw, _LAYER_KEYS)
    if raw["name"] != path.stem or not _NAME.match(raw["name"]):
        raise _broken(path, "name", f"is {raw['name']!r}", [f"{path.stem} (as the file, a-z 0-9 _)"])
    geometry = _choice(path, "geometry", raw["geometry"], GEOMETRIES)
    public = _choice(path, "public", raw.get("public", "none"), PUBLICATIONS)
    fields = tuple(_field(path, index, item) for index, item in enumerate(raw["fields"]))
    style = raw.get("style", {})
    if geometry != "none":
        _take(path, "style.", style, _STYLE_KEYS)
    topology = raw.get("topology", {})
    _take(path, "topology.", topology, {"overlap": str, "gap": str, "tolerance": (int, float)})
    for side in ("overlap", "gap"):
        _choice(path, f"topology.{side}", topology.get(side, "allowed"), TOPOLOGY)
    when = {name: tuple(values) for name, values in raw.get("publish_when", {}).items()}
    layer = Layer(
        **{name: raw[name] for name in ("name", "singular", "zh", "en", "key", "delivery")},
        geometry=geometry,
        fields=fields,
        public=public,
        publish_when=MappingProxyType(when),
        detail=raw.get("detail"),
        topology=Topology(**topology),
        style=MappingProxyType(style),
        derived=raw.get("derived", False),
        within=tuple(raw.get("within", ())),
        coarse_m=float(raw.get("coarse_m", Layer.coarse_m)),
    )
    _check_layer(path, layer)
    return layer


def _field(path: Path, index: int, raw: Any) -> Field:
    """Read one field of a layer file."""
    where = f"fields[{index}]."
    if not isinstance(raw, dict):
        raise _broken(path, f"fields[{index}]", f"is {raw!r}", ["an inline table"])
    _take(path, where, raw, _FIELD_KEYS)
    if not _NAME.match(raw["name"]):
        raise _broken(path, f"{where}name", f"is {raw['name']!r}", ["a-z 0-9 _"])
    if not _DELIVERY.match(raw["delivery"]):
        raise _broken(path, f"{where}delivery", f"is {raw['delivery']!r}", ["A-Z 0-9 _, at most 10 bytes"])
    _choice(path, f"{where}type", raw["type"], TYPES)
    _choice(path, f"{where}kind", raw["kind"], KINDS)
    limits = raw.get("range")
    if limits is not None and (len(limits) != 2 or not limits[0] <= limits[1]):
        raise _broken(path, f"{where}range", f"is {limits!r}", ["[low, high]"])
    changes = {"range": tuple(limits) if limits else None, "aliases": tuple(raw.get("aliases", ()))}
    return Field(**{**raw, **changes})


def _check_layer(path: Path, layer: Layer) -> None:
    """Check what one layer's fields must satisfy together."""
    if not _DELIVERY.match(layer.delivery):
        raise _broken(path, "delivery", f"is {layer.delivery!r}", ["A-Z 0-9 _, at most 10 bytes"])
    for name in ("name", "delivery"):
        values = [getattr(item, name) for item in layer.fields]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise _broken(path, f"fields.{name}", f"repeats {twice[0]!r}", ["each name once"])
    if not 0 < layer.coarse_m < math.inf:
        raise _broken(path, "coarse_m", f"is {layer.coarse_m!r}", ["metres, more than 0"])
    if layer.key not in layer.columns:
        raise _broken(path, "key", f"is {layer.key!r}", list(layer.columns))
    key = layer.field(layer.key)
    if not (key.required and key.unique and key.type == "text"):
        raise _broken(path, f"fields.{layer.key}", "is the key", ["type text, required and unique"])
    for item in layer.fields:
        if item.stated and (item.type, item.unit, layer.geometry) != ("real", "m²", "MultiPolygon"):
            raise _broken(path, f"fields.{item.name}.stated", "is true", ["type real, unit m², layer of MultiPolygon"])
    for name in (*layer.publish_when, *(layer.style[k] for k in ("by", "label") if k in layer.style)):
        if name not in layer.columns:
            raise _broken(path, "publish_when/style", f"names {name!r}", list(layer.columns))


def _check_links(root: Path, layer: Layer, layers: Mapping[str, Layer], codes: Mapping[str, CodeList]) -> None:
    """Check that code lists and referenced layers exist."""
    path = root / f"{layer.name}.toml"
    covers = sorted(name for name, other in layers.items() if other.geometry == "MultiPolygon" and other is not layer)
    for name in layer.within:
        if name not in covers or layer.geometry != "MultiPolygon":
            raise _broken(path, "within", f"names {name!r}", covers)
    for item in layer.fields:
        if item.codes is not None and item.codes not in codes:
            raise _broken(path, f"fields.{item.name}.codes", f"is {item.codes!r}", sorted(codes))
        if item.reference is not None and item.reference not in layers:
            raise _broken(path, f"fields.{item.name}.reference", f"is {item.reference!r}", sorted(layers))
        allowed = layer.publish_when.get(item.name, ())
        unknown = [value for value in allowed if item.codes and value not in codes[item.codes]]
        if unknown:
            known = [code.code for code in codes[item.codes or ""]]
            raise _broken(path, f"publish_when.{item.name}", f"names {unknown[0]!r}", known)


def _code_list(path: Path) -> CodeList:
    """Read one code list."""
    raw = _load(path)
    keys: dict[str, type | tuple[type, ...]] = {"name!": str, "zh!": str, "en!": str, "source!": str, "codes!": list}
    keys |= {"note": str, "effective_from": date, "effective_to": date, "open": str, "crosswalks": list}
    _take(path, "", raw, keys)
    if raw["name"] != path.stem:
        raise _broken(path, "name", f"is {raw['name']!r}", [path.stem])
    entries = []
    for index, item in enumerate(raw["codes"]):
        for name in ("code", "zh", "en"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise _broken(path, f"codes[{index}].{name}", f"is {item.get(name)!r}", ["a text"])
        more = {key: value for key, value in item.items() if key not in {"code", "zh", "en", "delivery"}}
        delivery = str(item.get("delivery", item["code"]))
        entries.append(Code(item["code"], item["zh"], item["en"], delivery, MappingProxyType(more)))
    seen = [entry.code for entry in entries]
    if len(set(seen)) != len(seen):
        raise _broken(path, "codes", "repeats a code", ["each code once"])
    return CodeList(**{**raw, "codes": tuple(entries), "crosswalks": tuple(raw.get("crosswalks", ()))})


def _check_list(path: Path, listed: CodeList, codes: Mapping[str, CodeList]) -> None:
    """Check that the pattern of open codes is one, and that the crosswalks exist and lead to codes of the list."""
    try:
        re.compile(listed.open)
    except re.error as error:
        raise _broken(path, "open", f"is {listed.open!r} ({error})", ["a regular expression"]) from None
    for name in listed.crosswalks:
        if name not in codes:
            raise _broken(path, "crosswalks", f"names {name!r}", sorted(codes))
        for code, targets in codes[name].values(listed.name).items():
            if not set(targets) <= {item.code for item in listed}:
                raise _broken(path.with_name(f"{name}.toml"), f"{code}.{listed.name}", f"is {targets!r}", ["its codes"])


def _norms(path: Path) -> Iterator[Norm]:
    """Read the norms of one document."""
    raw = _load(path)
    head: dict[str, type | tuple[type, ...]] = {"source!": str, "norms!": list}
    _take(path, "", raw, {**head, "effective_from": date, "effective_to": date, "note": str})
    keys: dict[str, type | tuple[type, ...]] = {"key!": str, "zh!": str, "en!": str, "unit!": str, "clause!": str}
    keys |= {"value": (int, float), "wording": str, "confidence": str}
    for index, item in enumerate(raw["norms"]):
        _take(path, f"norms[{index}].", item, keys)
        confidence = _choice(
            path, f"norms[{index}].confidence", item.get("confidence", "high"), ("high", "medium", "low")
        )
        yield Norm(
            key=item["key"],
            value=float(item["value"]) if "value" in item else None,
            unit=item["unit"],
            title=(item["zh"], item["en"]),
            source=f"{raw['source']} {item['clause']}",
            wording=item.get("wording", ""),
            confidence=confidence,
            effective_from=raw.get("effective_from"),
            effective_to=raw.get("effective_to"),
        )
