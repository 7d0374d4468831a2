"""The consultation map: one self-contained HTML file that asks nothing of any server.

folium builds only the skeleton; Leaflet comes from the XStatic package; the data are spliced in after the template was
rendered, as inert JSON, because folium would compile a value as a template and run it (traps.md, "Web maps"). Our own
small runtime (`page/*.js`) builds the page and writes text only, under a policy that names each script by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import folium
import pandas as pd
from branca.element import Element

from gis import findings, writing
from gis.catalogue import Catalogue
from gis.errors import PublicationError, UsageError
from gis.publish import map_document, numbering, publication, tables, waiting
from gis.publish.notice import Clearance, Notice

__all__ = ["EDITIONS", "Clearance", "MapReport", "Notice", "write"]

EDITIONS = ("public", "internal")
# layers whose figures the workbook sums
_SUMMED = ("projects", "blocks")
# the runtime's parts in their order; each only uses those before it, or what the page's life (main) calls later
_SCRIPTS = ("words", "features", "draw", "labels", "legend", "search", "details", "notice", "main")
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class MapReport:
    """Say what was written: for the house, not for the file.

    `drawn` counts features by layer; `withheld` counts rows by layer and reason. A public edition has a number, and by
    layer the keys of its features in the order of their numbers; `digest` is the SHA-256 of the file.
    """

    path: Path
    bytes: int
    drawn: Mapping[str, int]
    withheld: Mapping[str, Mapping[str, int]]
    edition: str = ""
    digest: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def write(
    frames: Mapping[str, Any],
    out: Path,
    *,
    catalogue: Catalogue,
    notice: Notice,
    edition: str = "public",
    title: str | None = None,
    lang: str = "zh",
    keep: Callable[[MapReport], object] | None = None,
) -> MapReport:
    """Write the map of a consultation.

    Parameters
    ----------
    frames
        Canonical frames by layer name, in one projected CRS in metres; tables without geometry are passed over, but for
        `quarantine`: how many rows wait is said among the remarks, in an internal edition also why.
    out
        The HTML file; its folder is made if need be.
    catalogue
        Says what is public and how it looks.
    notice
        The consultation that the page belongs to.
    edition
        "public": public layers, fields and rows only, under numbers of the edition's own, on a plane of the page's own:
        the file holds no origin, CRS or true coordinate, and that is all; true shapes can be fitted by whoever knows a
        few places. "internal": everything that has a shape, marked 「内部资料 注意保管」, with a coordinate readout.
    title
        Heading; the notice's name if None.
    lang
        Language at first, "zh" or "en"; the reader can change it.
    keep
        Takes the report when the page is whole and before it is there; where it fails no page appears.

    Returns
    -------
    MapReport

    Raises
    ------
    UsageError
        Unknown edition or language.
    CrsError, UnknownNameError
        Frames that are not canonical.
    PublicationError
        There is nothing to draw, or the skeleton is not the one that was vouched for.

    Notes
    -----
    Same input, same bytes. Of catchments only the raw version is drawn: the two widest rings, and beside them the
    walk-sheds: in an internal map all, graded by minutes, in a public one that of ten minutes (or nearest to it).
    """
    for name, value, allowed in (("edition", edition, EDITIONS), ("lang", lang, ("zh", "en"))):
        if value not in allowed:
            raise UsageError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
    is_public = edition == "public"
    # before anything is withheld: the workbook's figures add up over all rows
    frames = {name: _as_printed(name, frame, catalogue, lang) for name, frame in frames.items()}
    if is_public and notice.procedure == "working":
        raise UsageError("a working map is no consultation; write it as the internal edition", procedure="working")
    kept = publication.public(frames, catalogue) if is_public else publication.internal(frames, catalogue)
    numbered = numbering.number(kept.frames, catalogue) if is_public else numbering.Numbered(kept.frames, {})
    plane = publication.plane(numbered.frames)
    found = map_document.document(
        publication.Edition(numbered.frames, {}),
        plane,
        numbering.titled(catalogue) if is_public else catalogue,
        notice=notice,
        is_public=is_public,
    )
    held = frames.get(waiting.LAYER)
    rows = waiting.count(waiting.public(held, catalogue) if is_public else held, catalogue)
    # why a row waits is the bureau's own matter
    found["waiting"] = {
        language: waiting.sentence(rows, catalogue, language, reasons=not is_public) for language in ("zh", "en")
    }
    if not found["layers"]:
        raise PublicationError(f"nothing to draw: the {edition} edition of {', '.join(frames) or 'no layer'} is empty")
    heading = title or notice.name
    found = {"title": heading, "lang": lang, **found}
    number = _number(found, notice) if is_public else ""
    written = _page(map_document.text({**found, "number": number}), heading, lang).encode("utf-8")
    drawn = {layer["name"]: len(layer["rows"]) for layer in found["layers"]}
    report = MapReport(
        out, len(written), drawn, kept.withheld, number, hashlib.sha256(written).hexdigest(), numbered.keys
    )
    with writing.whole(out) as temporary:
        temporary.write_bytes(written)
        if keep is not None:
            keep(report)
    return report


def _number(found: Mapping[str, Any], notice: Notice) -> str:
    """Return what an edition is called: the day on which it opens, and a mark of what it says."""
    mark = hashlib.sha256(map_document.text(found).encode("utf-8")).hexdigest()
    return f"{notice.opens:%Y%m%d}-{mark[:6]}"


def _as_printed(name: str, frame: pd.DataFrame, catalogue: Catalogue, lang: str) -> pd.DataFrame:
    """Return a layer as the workbook prints it: figures that it sums round as there, sentences are whole."""
    layer = catalogue.layers.get(name)
    if layer is not None and name == "findings" and {"code", "parameters", "text"} <= set(frame.columns):
        # a store cuts them to what its field holds
        cut = frame["text"].str.len() >= (layer.field("text").width or 0)
        words, titles = catalogue.words("findings", lang), catalogue.titles(lang)
        rows: list[dict[Any, Any]] = frame.loc[cut].to_dict("records")
        whole = pd.Series(
            [findings.sentence(row, words, titles) for row in rows], index=frame.index[cut], dtype="object"
        )
        return frame.assign(text=whole.reindex(frame.index).where(cut, frame["text"]))
    if layer is None or name not in _SUMMED or layer.key not in frame.columns:
        return frame
    return tables.adding_up(frame, layer, catalogue)


def _page(data: str, title: str, lang: str) -> str:
    """Return the whole page: skeleton, policy, styles, Leaflet, data, runtime."""
    skeleton = _skeleton()
    leaflet = _asset("xstatic.pkg.leaflet", "data/leaflet.js")
    modules = "\n".join(_asset("gis.publish", f"page/{name}.js") for name in _SCRIPTS)
    runtime = f'"use strict";\n(() => {{\n{modules}}})();\n'
    # a source map would be asked for by an open console, and pictures of controls that are not used by the style sheet
    leaflet = re.sub(r"\n//# sourceMappingURL=.*", "\n", leaflet)
    leaflet_style = re.sub(r"url\([^)]*\)", "none", _asset("xstatic.pkg.leaflet", "data/leaflet.css"))
    style = leaflet_style + _asset("gis.publish", "page/page.css")
    scripts = [leaflet, *_SCRIPT.findall(skeleton), runtime]
    head = "\n".join(
        [
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            _VIEWPORT,
            f"<title>{html.escape(title)}</title>",
        ]
    )
    parts = {
        "<html>": f'<html lang="{"zh-Hans" if lang == "zh" else "en"}">',
        "<head>": f'<head>\n<meta charset="utf-8">\n{head}',
        "</head>": f"<style>{style}</style>\n<script>{leaflet}</script>\n</head>",
        "</html>": f'<script type="application/json" id="consultation-data">{data}</script>\n'
        f"<script>{runtime}</script>\n</html>",
    }
    return _spliced(skeleton, parts)


def _skeleton() -> str:
    """Return folium's page with a fixed id, none of its own assets, and one constant element of ours."""
    figure = folium.Figure()
    figure.html.add_child(Element(_asset("gis.publish", "page/body.html")), name="body")
    sheet = folium.Map(
        location=[0, 0], zoom_start=0, tiles=None, crs="Simple", zoom_control=False, attribution_control=False
    )
    sheet._id = "consultation"
    sheet.default_js, sheet.default_css = [], []
    sheet.add_to(figure)
    rendered = figure.render()
    # folium forbids pinch zoom
    return re.sub(r'<meta name="viewport"[^>]*>', "", rendered)


def _spliced(skeleton: str, parts: Mapping[str, str]) -> str:
    """Replace each mark, which must stand in the skeleton once, in one pass: what is put in is never looked at."""
    for mark in parts:
        if skeleton.count(mark) != 1:
            raise PublicationError(f"folium's skeleton has {skeleton.count(mark)} times {mark}; one is expected")
    pieces = re.split("(" + "|".join(re.escape(mark) for mark in parts) + ")", skeleton)
    return "".join(parts.get(piece, piece) for piece in pieces)


def _policy(scripts: list[str]) -> str:
    """Return the content security policy: nothing from anywhere, and only these scripts."""
    for script in scripts:
        if "</script" in script.lower() or "<!--" in script:
            raise PublicationError("a script of the page would end before its end")
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    """Return a script's hash as the policy writes it."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _asset(package: str, name: str) -> str:
    """Return a text file that a package carries, with line ends that hash alike everywhere."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
