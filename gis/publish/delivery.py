"""Delivery of layers to an authority: zipped shapefiles with a field dictionary and a manifest.

Nothing is handed over that was not read back: three readers compare every row with its source, and the package is
verified as a receiver would, before it gets its name.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gis import archives, crs, findings, writing
from gis.catalogue import Catalogue
from gis.errors import DeliveryError, EmptyError, RowsRefused, UsageError
from gis.lineage import MADE_UP
from gis.publish import dictionary, preparation, receivers, shapefiles, territory, waiting, withheld
from gis.publish.preparation import Prepared
from gis.publish.receivers import Receiver
from gis.publish.verification import FORMAT, MANIFEST, README, verify

__all__ = ["DeliveryReport", "verify", "write"]


@dataclass(frozen=True)
class DeliveryReport:
    """Say what was delivered and what was not.

    Parameters
    ----------
    path
        The package.
    layers
        One row a layer: layer, file, zh, rows, withheld, fields.
    findings
        What was cut or trimmed on the way (warning, info).
    left_out
        Layers handed in that the receiver does not take.
    sha256
        Digest of the package.
    bytes
        Its size.
    """

    path: Path
    layers: pd.DataFrame
    findings: pd.DataFrame
    left_out: tuple[str, ...]
    sha256: str
    bytes: int


def write(
    frames: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    out: Path,
    *,
    catalogue: Catalogue,
    profile: str | Mapping[str, Any] | Receiver,
    author: str,
    date: datetime.date | str,
    synthetic: bool = False,
    cut: bool = False,
) -> DeliveryReport:
    """Write layers as a verified package of shapefiles.

    Parameters
    ----------
    frames
        Canonical frames by layer; not modified. Layers that the receiver does not take are left out and reported.
    out
        The zip; an existing one is replaced only when everything agreed.
    catalogue
        Layers, code lists and delivery names.
    profile
        The receiver: a name in `catalogue.profiles`, its content, or a record with district and clearance.
    author
        Who answers for the delivery (填报单位).
    date
        Date of the delivery.
    synthetic
        Whether this is sample data; then every part says so.
    cut
        Cut texts that are too long, between characters, and report it.

    Returns
    -------
    DeliveryReport

    Raises
    ------
    RowsRefused
        Values that do not fit into a DBF in GBK, unknown codes, repeated keys, geometries that cannot be delivered: all
        of them, in `findings`.
    DeliveryError
        A reader found something else than what was written. No file is left at `out`.
    EmptyError
        None of the frames is for this receiver.
    UnknownNameError, FrameError, CrsError
        An unknown layer, a frame without the layer's columns, or without a usable CRS.

    Notes
    -----
    Fields that are not public are delivered: this is an official delivery, not a publication. Confidential rows and
    those of military owners stay here unless the receiver's profile says otherwise; they are counted, and their keys
    stand in no other row.
    """
    receiver = profile if isinstance(profile, Receiver) else receivers.read(profile, catalogue)
    day = _day(date)
    known = {catalogue.layer(name).name for name in frames}
    places = [place for place in receiver.places if place.layer in known]
    if not places:
        wanted = ", ".join(place.layer for place in receiver.places)
        raise EmptyError(f"none of the layers {sorted(known)} is for {receiver.name}; it takes {wanted}")
    remark = MADE_UP if synthetic else ""
    land = territory.read(frames.get("districts"), receiver)
    # what stays may be named in layers that this receiver does not take, and the other way round
    left = withheld.leaving(frames, receiver, catalogue)
    layers = [
        preparation.prepare(
            left.frames[place.layer],
            place,
            receiver,
            catalogue,
            territory=land,
            cut=cut,
            remark=remark,
            withheld=left.withheld[place.layer],
        )
        for place in places
    ]
    taken = {place.layer for place in places}
    blanked = left.findings[left.findings["layer"].isin(taken)].reset_index(drop=True)
    # of layers that the receiver does not take not even a number of rows is his
    held = tuple(one for one in waiting.count(frames.get(waiting.LAYER), catalogue) if one.layer in taken)
    notes = findings.join(land.findings, waiting.table(held, catalogue), _refuse(layers), blanked)
    left_out = tuple(sorted(known - taken))
    about: dict[str, Any] = {"author": author, "date": day.isoformat(), "synthetic": synthetic, "notice": remark}
    about["waiting"] = [{"layer": one.layer, "rows": one.rows, "why": waiting.why(one, catalogue)} for one in held]
    about["waiting_said"] = waiting.sentence(held, catalogue)
    about["districts"] = [{"code": code, "name": name} for code, name in land.districts]
    with writing.scratch() as folder:
        content: dict[str, Path | bytes] = {}
        for layer in layers:
            content |= {path.name: path for path in _shapefile(layer, folder, day)}
        content |= _sidecars(layers, receiver, catalogue, day, about)
        content[MANIFEST] = _json(_manifest(layers, receiver, catalogue, content, about, frames))
        _hand_over(content, out)
    table = pd.DataFrame([_summary(layer) for layer in layers])
    return DeliveryReport(out, table, notes, left_out, archives.digest(out), out.stat().st_size)


def _day(date: datetime.date | str) -> datetime.date:
    """Return the date of the delivery."""
    try:
        return datetime.date.fromisoformat(date) if isinstance(date, str) else date
    except ValueError:
        raise UsageError(f"date is {date!r}; give it as 2026-01-31", date=date) from None


def _refuse(layers: list[Prepared]) -> pd.DataFrame:
    """Return what is only worth reporting; refuse what does not fit, all at once."""
    found = findings.join(*(layer.findings for layer in layers))
    errors = found[found["severity"] == "error"].reset_index(drop=True)
    if len(errors):
        counts = Counter(zip(errors["layer"], errors["code"], strict=True))
        shown = "; ".join(f"{layer}: {count} × {code}" for (layer, code), count in sorted(counts.items()))
        raise RowsRefused(
            f"{len(errors)} values do not fit into the delivery ({shown}); correct them, or allow cut=True",
            errors,
        )
    return found


def _shapefile(layer: Prepared, folder: Path, day: datetime.date) -> tuple[Path, ...]:
    """Write one layer and compare what three readers find with what was meant."""
    path, geometry = folder / layer.layer.delivery, layer.layer.geometry
    with writing.explained(path, folder / "room"):
        written = shapefiles.write(layer.frame, path, layer.columns, geometry=geometry, date=day)
    source = shapefiles.meant(layer.frame, layer.columns)
    for table in shapefiles.readers(path, spatial=geometry != "none"):
        unlike = shapefiles.differences(source, layer.columns, table)
        if unlike:
            raise DeliveryError(
                f"{layer.layer.name} does not come back as it was written: {'; '.join(unlike[:3])}",
                layer=layer.layer.name,
                differences=unlike,
            )
    return written


def _hand_over(content: Mapping[str, Path | bytes], out: Path) -> None:
    """Pack, verify as a receiver would, and only then give the package its name."""
    with writing.whole(out) as temporary:
        archives.pack(content, temporary)
        found = verify(temporary)
        errors = found[found["severity"] == "error"]
        if len(errors):
            codes = ", ".join(sorted(set(errors["code"])))
            raise DeliveryError(f"the package was not handed over: it fails its own check ({codes})", findings=errors)


def _sidecars(
    layers: list[Prepared], receiver: Receiver, catalogue: Catalogue, day: datetime.date, about: Mapping[str, Any]
) -> dict[str, Path | bytes]:
    """Return dictionary and readme."""
    rows = dictionary.rows(layers)
    readme = _readme(layers, receiver, catalogue.words("delivery"), about)
    return {
        dictionary.CSV_NAME: dictionary.csv_bytes(rows),
        dictionary.XLSX_NAME: dictionary.xlsx_bytes(rows, day),
        README: readme.replace("\n", "\r\n").encode("utf-8-sig"),
    }


def _manifest(
    layers: list[Prepared],
    receiver: Receiver,
    catalogue: Catalogue,
    content: Mapping[str, Path | bytes],
    about: Mapping[str, Any],
    frames: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Describe the package."""
    members = {
        name: {"sha256": archives.digest(item), "bytes": item.stat().st_size if isinstance(item, Path) else len(item)}
        for name, item in sorted(content.items())
    }
    described = [
        {**preparation.layout(layer), "sources": _sources(layer), "columns_left_out": _left_out(layer, frames)}
        for layer in layers
    ]
    return {
        "format": FORMAT,
        **{name: value for name, value in about.items() if name != "waiting_said"},
        "receiver": {"name": receiver.name, "zh": receiver.zh, "source": receiver.source},
        "crs": _crs(receiver.crs),
        "plane": _crs(receiver.plane),
        "encoding": shapefiles.ENCODING,
        "areas": dict(receiver.areas),
        "withheld": {"rows": sum(layer.withheld for layer in layers), "rule": _rule(receiver)},
        "clearance": dict(receiver.clearance),
        "catalogue": catalogue.digest,
        "versions": {name: metadata.version(name) for name in ("gis", "pyogrio", "fiona", "pyshp")},
        "layers": described,
        "members": members,
    }


def _crs(named: str) -> dict[str, str]:
    """Name a CRS; a bureau's own grid only by its name, as far as that may leave."""
    parsed = crs.parse(named)
    code = parsed.to_epsg()
    return {"code": f"EPSG:{code}" if code else "", "name": parsed.name if code else crs.discreet(parsed)}


def _rule(receiver: Receiver) -> dict[str, list[Any]]:
    """Say which rows stayed."""
    return {} if receiver.include_confidential else {name: list(values) for name, values in receiver.withhold.items()}


def _sources(layer: Prepared) -> list[str]:
    """Return the sources that the rows name."""
    names = [column.name for column in layer.columns if column.source == "source"]
    return sorted(set(layer.frame[names[0]].dropna())) if names else []


def _left_out(layer: Prepared, frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return columns that are no field of the layer and so do not leave."""
    frame = frames[layer.layer.name]
    shape = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    return sorted(str(name) for name in frame.columns if name not in layer.layer.columns and name != shape)


def _summary(layer: Prepared) -> dict[str, Any]:
    """Return a layer's row of the report."""
    said = preparation.layout(layer)
    return {key: said[key] for key in ("layer", "file", "zh", "rows", "withheld")} | {"fields": len(layer.columns)}


def _readme(layers: list[Prepared], receiver: Receiver, words: Mapping[str, str], about: Mapping[str, Any]) -> str:
    """Return the readme in Chinese."""
    named = _crs(receiver.crs)
    kinds = "、".join(f"{name} {words['area_' + kind]}" for name, kind in receiver.areas.items())
    clearance = "、".join(f"{key} {value}" for key, value in receiver.clearance.items())
    facts = [
        (words["district"], "、".join(f"{one['name']} {one['code']}" for one in about["districts"])),
        (words["receiver"], receiver.zh),
        (words["author"], about["author"]),
        (words["date"], about["date"]),
        (words["crs"], " ".join(filter(None, (named["name"], named["code"])))),
        (words["encoding"], words["encoding_text"]),
        (words["areas"], kinds),
        (words["booleans"], words["booleans_text"].format(yes=receiver.booleans[0], no=receiver.booleans[1])),
        (words["withheld"], words["withheld_text"].format(rows=sum(layer.withheld for layer in layers))),
        (words["waiting"], about["waiting_said"] or words["none"]),
        (words["clearance"], clearance or words["none"]),
    ]
    lines = [words["title"], about["notice"], ""] if about["notice"] else [words["title"], ""]
    lines += [f"{title}:{value}" for title, value in facts]
    lines += ["", words["contents"]]
    lines += [
        f"  {item.layer.delivery:<10} {item.layer.zh} {len(item.frame)} {words['rows']}"
        + (f"({words['held']} {item.withheld} {words['rows']})" if item.withheld else "")
        for item in layers
    ]
    return "\n".join([*lines, "", words["closing"], ""])


def _json(content: Mapping[str, Any]) -> bytes:
    """Return JSON that a person can read."""
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
