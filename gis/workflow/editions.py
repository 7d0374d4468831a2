"""Editions of the public map: kept when a page is made, and the way back from their numbers to the bureau's keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from gis import findings
from gis.catalogue import Catalogue
from gis.errors import UnknownNameError
from gis.publish.notice import Notice
from gis.publish.webmap import MapReport
from gis.store import Store

EDITIONS, NUMBERS, COMMENTS = "editions", "edition_numbers", "comments"
_LISTED = 5


def keep(store: Store, report: MapReport, notice: Notice) -> None:
    """Keep what a public page calls its features, and what page it is.

    Parameters
    ----------
    store
        The store that the page was made from.
    report
        Of the page.
    notice
        The consultation.

    Notes
    -----
    The same page made again is the same edition: its record is written anew.
    """
    name, why = report.edition, f"公示版地图 {report.edition}"
    rows = [(name, layer, n, key) for layer, keys in report.keys.items() for n, key in enumerate(keys, 1)]
    numbers = pd.DataFrame(rows, columns=["edition_id", "layer", "number", "feature"])
    ids = [f"{name}/{layer}/{n}" for _, layer, n, _ in rows]
    # an edition that is listed has its numbers
    store.replace(NUMBERS, numbers.assign(edition_number_id=ids), where={"edition_id": name}, reason=why)
    said: dict[str, Any] = {
        field: getattr(notice, field) for field in ("name", "organiser", "procedure", "opens", "closes")
    }
    cleared = ("map_approval_no", "secrecy_review_no", "approver", "approved_on")
    said |= {field: getattr(notice.clearance, field) or None for field in cleared}
    made = {"edition_id": name, "made_on": date.today(), "sha256": report.digest, "features": len(rows)}
    store.replace(EDITIONS, pd.DataFrame([said | made]), where={"edition_id": name}, reason=why)


def edition(store: Store, name: str | None = None) -> pd.DataFrame:
    """Return the editions that the store keeps, or whose the numbers of one are.

    Parameters
    ----------
    store
        An open store.
    name
        An edition, as its page names it; None lists all.

    Returns
    -------
    pandas.DataFrame
        A row an edition, as the layer `editions` has it; or a row a feature: layer, number, feature (its key).

    Raises
    ------
    UnknownNameError
        The store keeps no edition of this name.
    """
    known = store.read(EDITIONS)
    if name is None:
        return known.drop(columns="_version", errors="ignore")
    if name not in set(known["edition_id"]):
        raise UnknownNameError(
            f"edition {name!r} is not kept in this store; it keeps {', '.join(sorted(known['edition_id'])) or 'none'}",
            edition=name,
        )
    rows = store.read(NUMBERS, where={"edition_id": name})
    return rows.sort_values(["layer", "number"])[["layer", "number", "feature"]].reset_index(drop=True)


def traced(store: Store, layer: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the features that comments mean by edition and number.

    Parameters
    ----------
    store
        With the record of the editions.
    layer
        The layer of the frame; those of others are returned as they are.
    frame
        Comments with the names of their layer.

    Returns
    -------
    tuple
        The comments, feature_layer and feature_id filled in; and what could not be found, as findings.

    Notes
    -----
    What is stated beside a number stays, and is a finding where the number says something else.
    """
    if layer != COMMENTS or not len(frame) or frame["edition_id"].isna().all():
        return frame, findings.table()
    known = store.read(NUMBERS)
    places: dict[tuple[str, int], dict[str, str]] = {}
    for name, number, of, key in known[["edition_id", "number", "layer", "feature"]].to_numpy(object).tolist():
        places.setdefault((name, int(number)), {})[of] = key
    told = {name: frame[name].tolist() for name in ("feature_layer", "feature_id")}
    editions = sorted(set(known["edition_id"]))
    found: list[dict[str, Any]] = []
    for place, row in enumerate(frame.to_dict("records")):
        if pd.notna(row["edition_id"]) and pd.notna(row["edition_number"]):
            meant, fault = _meant(
                {**{str(name): value for name, value in row.items()}, "row": place}, places, editions, store.catalogue
            )
            found += [fault] if fault else []
            for name, value in meant.items():
                told[name][place] = value
    filled = {name: pd.Series(values, index=frame.index, dtype="object") for name, values in told.items()}
    return frame.assign(**filled), findings.table(found)


def _meant(
    row: Mapping[str, Any],
    places: Mapping[tuple[str, int], Mapping[str, str]],
    editions: list[str],
    catalogue: Catalogue,
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Return the feature that a comment's number means, or what is wrong with it."""
    name, number, stated = str(row["edition_id"]).strip(), int(row["edition_number"]), row["feature_layer"]
    key: str = row["comment_id"]
    at: dict[str, Any] = {"row": row["row"], "edition": name}
    if name not in editions:
        listed = "、".join(editions[-_LISTED:]) or "—"
        return {}, findings.finding("comment.edition_unknown", COMMENTS, key, severity="warning", known=listed, **at)
    held = places.get((name, number), {})
    layer = _layers(catalogue).get(stated) if pd.notna(stated) else next(iter(held), None)
    if (layer is None and held) or (pd.isna(stated) and len(held) > 1):
        targets = "、".join(catalogue.layer(one).zh for one in held)
        return {}, findings.finding(
            "comment.layer_unknown", COMMENTS, key, severity="warning", targets=targets, number=number, **at
        )
    title = catalogue.layer(layer).zh if layer else "编号"
    if layer is None or layer not in held:
        return {}, findings.finding(
            "comment.number_unknown", COMMENTS, key, severity="warning", target=title, number=number, **at
        )
    feature, came = held[layer], row["feature_id"]
    if pd.notna(came) and str(came) != feature:
        said: dict[str, Any] = {"target": title, "number": number, "found": feature, "said": str(came)}
        return {}, findings.finding("comment.feature_differs", COMMENTS, key, severity="warning", **said, **at)
    return {"feature_layer": layer, "feature_id": feature}, None


def _layers(catalogue: Catalogue) -> dict[Any, str]:
    """Return layers by every word for them."""
    return {
        word: layer.name
        for layer in catalogue.layers.values()
        for word in (layer.name, layer.zh, layer.en, layer.delivery)
    }
