"""Receivers of deliveries: what each wants, read from `layers/profiles/*.toml` into one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gis.catalogue import Catalogue
from gis.errors import CatalogueError, UnknownNameError
from gis.settings import Settings

AREAS = ("ellipsoidal", "planar")

_KEYS: dict[str, type] = {
    "name": str,
    "zh": str,
    "en": str,
    "source": str,
    "crs": str,
    "booleans": list,
    "include_confidential": bool,
    "withhold": dict,
    "areas": dict,
    "decimals": dict,
    "layers": list,
}
# where a receiver names none, the delivery keeps the CRS that the bureau works in, or the one of its settings
_OPTIONAL = {"crs"}
_LAYER_KEYS = {"name", "number", "ysdm"}


@dataclass(frozen=True)
class Place:
    """Say where a layer stands in a delivery.

    Parameters
    ----------
    layer
        Canonical name.
    number
        Four digits that tell layers apart in BSM.
    ysdm
        要素代码 that the receiver gave, or empty: it is never invented.
    """

    layer: str
    number: str
    ysdm: str = ""


@dataclass(frozen=True)
class Receiver:
    """Hold what one receiver of deliveries wants, and for which district and under which clearance it is made.

    Parameters
    ----------
    name, zh, en, source
        What the receiver is called, and the document that says so.
    crs
        CRS of the delivery: the receiver's, else that of the settings.
    plane
        CRS in which planar areas are measured where that of the delivery is in degrees.
    booleans
        How true and false are written.
    withhold
        Values by field: a row that has one of them does not leave.
    include_confidential
        Whether such rows leave after all.
    areas
        Kind ("ellipsoidal" or "planar") by name of the area field.
    decimals
        Digits after the point by unit; 6 for units that are not named.
    places
        The layers, in order.
    district_code, district_name
        Written to XZQDM and XZQMC where the layers themselves name no district.
    clearance
        Record of the secrecy review (保密审查表编号, 审图号, approver, date), kept in the manifest; may be empty.
    """

    name: str
    zh: str
    en: str
    source: str
    crs: str
    plane: str
    booleans: tuple[str, str]
    withhold: Mapping[str, tuple[Any, ...]]
    include_confidential: bool
    areas: Mapping[str, str]
    decimals: Mapping[str, int]
    places: tuple[Place, ...]
    district_code: str
    district_name: str
    clearance: Mapping[str, str] = field(default_factory=dict)


def read(
    profile: str | Mapping[str, Any],
    catalogue: Catalogue,
    *,
    settings: Settings | None = None,
    clearance: Mapping[str, str] | None = None,
) -> Receiver:
    """Return the record of a receiver's profile.

    Parameters
    ----------
    profile
        A name in `catalogue.profiles`, or the content of such a file.
    catalogue
        To check that the layers exist.
    settings
        Gives district code and name, and the CRS where the profile names none; None takes the defaults.
    clearance
        Record of the secrecy review.

    Returns
    -------
    Receiver

    Raises
    ------
    UnknownNameError
        No such profile, or the profile names a layer that the catalogue does not have.
    CatalogueError
        A key is missing, unknown or of the wrong type.
    """
    if isinstance(profile, str):
        if profile not in catalogue.profiles:
            known = ", ".join(sorted(catalogue.profiles))
            raise UnknownNameError(f"no profile {profile!r} in the catalogue; profiles are {known}", profile=profile)
        profile = catalogue.profiles[profile]
    _check(profile)
    chosen = settings or Settings()
    return Receiver(
        **{key: profile[key] for key in ("name", "zh", "en", "source", "include_confidential")},
        crs=profile.get("crs") or chosen.delivery_crs or chosen.crs,
        plane=chosen.crs,
        booleans=(profile["booleans"][0], profile["booleans"][1]),
        withhold=MappingProxyType({name: tuple(values) for name, values in profile["withhold"].items()}),
        areas=MappingProxyType(profile["areas"]),
        decimals=MappingProxyType(profile["decimals"]),
        places=_places(profile, catalogue),
        district_code=chosen.district_code,
        district_name=chosen.district_name,
        clearance=MappingProxyType(dict(clearance or {})),
    )


def _check(profile: Mapping[str, Any]) -> None:
    """Refuse a profile with missing or unknown keys or values of the wrong type."""
    name = str(profile.get("name", "profile"))
    for key in sorted({*profile, *_KEYS}):
        if key not in _KEYS:
            raise _broken(name, key, "is not known", list(_KEYS))
        if key not in profile and key in _OPTIONAL:
            continue
        if key not in profile:
            raise _broken(name, key, "is missing", [_KEYS[key].__name__])
        if not isinstance(profile[key], _KEYS[key]):
            raise _broken(name, key, f"is {profile[key]!r}", [_KEYS[key].__name__])
    signs = profile["booleans"]
    if len(signs) != 2 or len({str(sign) for sign in signs}) != 2 or not all(isinstance(sign, str) for sign in signs):
        raise _broken(name, "booleans", f"is {signs!r}", ["[true, false] as two different texts"])
    for column, kind in profile["areas"].items():
        if kind not in AREAS:
            raise _broken(name, f"areas.{column}", f"is {kind!r}", list(AREAS))


def _places(profile: Mapping[str, Any], catalogue: Catalogue) -> tuple[Place, ...]:
    """Return the layers of a profile in order."""
    name, places, numbers = profile["name"], [], set()
    for index, item in enumerate(profile["layers"]):
        key = f"layers[{index}]"
        if not isinstance(item, Mapping) or set(item) - _LAYER_KEYS or not {"name", "number"} <= set(item):
            raise _broken(name, key, f"is {item!r}", sorted(_LAYER_KEYS))
        number = item["number"]
        if not (len(number) == 4 and number.isdecimal()) or number in numbers:
            raise _broken(name, f"{key}.number", f"is {number!r}", ["four digits, each number once"])
        numbers.add(number)
        places.append(Place(catalogue.layer(item["name"]).name, number, item.get("ysdm", "")))
    return tuple(places)


def _broken(profile: str, key: str, came: str, allowed: list[str]) -> CatalogueError:
    """Return the error for one key."""
    file = f"profiles/{profile}.toml"
    text = f"{file}: key {key!r} {came}; allowed: {', '.join(allowed)}"
    return CatalogueError(text, file=file, key=key, allowed=allowed)
