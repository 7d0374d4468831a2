"""The register of accepted exceptions silences a finding until a day, never the check."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest

from gis import catalogue, findings, rows
from gis.intake.exceptions import accept

CATALOGUE = catalogue.read()
DAY = date(2026, 6, 30)
OVERLAP = findings.finding("coverage.overlap", "units", "U1", other="U2", area_m2=5.0, width_m=1.0)
GAP = findings.finding("coverage.gap", "units", neighbours=["U1", "U2", "U3"], area_m2=5.0, width_m=1.0)
PLACE = findings.finding("place.outside_district", "units", "U1", row=1, lon="116", lat="40")


def register(**changes):
    row = {"exception_id": "E1", "code": "coverage.overlap", "layer": "units", "feature": "U1", "other": None}
    row |= {"accepted_by": "张工", "grounds": "共用通道", "accepted_on": None, "expires_on": DAY} | changes
    return rows.canonical(pd.DataFrame([row]), CATALOGUE.layer("exceptions"))


COVERED = {
    # name: (finding, exception, whether it is covered)
    "its feature": (OVERLAP, {}, True),
    "the pair": (OVERLAP, {"other": "U2"}, True),
    "the pair the other way round": (OVERLAP, {"feature": "U2", "other": "U1"}, True),
    "another pair": (OVERLAP, {"other": "U3"}, False),
    "another feature": (OVERLAP, {"feature": "U2"}, False),
    "another layer": (OVERLAP, {"layer": "blocks"}, False),
    "another code": (OVERLAP, {"code": "coverage.gap"}, False),
    "a gap by one neighbour": (GAP, {"code": "coverage.gap", "feature": "U2"}, True),
    "a gap by two": (GAP, {"code": "coverage.gap", "feature": "U3", "other": "U1"}, True),
    "a gap elsewhere": (GAP, {"code": "coverage.gap", "feature": "U3", "other": "U4"}, False),
    "a row": (PLACE, {"code": "place.outside_district"}, True),
}


@pytest.mark.parametrize("name", COVERED)
def test_an_exception_covers_what_it_names(name):
    """The finding stays in the table and says who accepted it, until when and why."""
    finding, changes, covered = COVERED[name]
    result = accept(findings.table([finding]), register(**changes), on=DAY)
    said = json.loads(result["parameters"].iloc[0])
    assert list(result["code"]) == [finding["code"]]
    assert result["severity"].iloc[0] == ("info" if covered else "error")
    assert said.get("accepted_severity") == ("error" if covered else None)
    for lang, words in {"zh": "核准例外:张工 核准,有效期至 2026-06-30", "en": "Accepted exception: by 张工"}.items():
        texts = CATALOGUE.words("findings", lang)
        assert (words in findings.sentence(result.iloc[0].to_dict(), texts)) is covered


def test_an_expired_exception_silences_nothing_and_is_a_finding():
    """From the day after."""
    result = accept(findings.table([OVERLAP]), register(), on=date(2026, 7, 1))
    assert list(zip(result["code"], result["severity"], strict=True)) == [
        ("coverage.overlap", "error"),
        ("exception.expired", "warning"),
    ]
    said = findings.sentence(result.iloc[1].to_dict(), CATALOGUE.words("findings"), CATALOGUE.titles())
    assert said == "更新单元 U1 的核准例外(coverage.overlap,张工 核准)已于 2026-06-30 到期,不再有效。"


def test_what_no_store_holds_cannot_be_excepted():
    """A bow-tie stays out whoever signs for it."""
    bowtie = findings.finding("geometry.invalid", "units", "U1", row=1, reason="Self-intersection")
    result = accept(findings.table([bowtie]), register(code="geometry.invalid"), on=DAY)
    assert list(zip(result["code"], result["severity"], strict=True)) == [
        ("geometry.invalid", "error"),
        ("exception.forbidden", "warning"),
    ]


def test_exceptions_of_other_layers_are_not_reported_with_a_load():
    """A file of blocks says nothing about units."""
    assert accept(findings.table(), register(), on=date(2027, 1, 1), layer="blocks").empty
    assert len(accept(findings.table(), register(), on=date(2027, 1, 1))) == 1


def test_the_rules_of_rows_are_all_named():
    """What `gis.rows` refuses is what no exception covers."""
    text = (CATALOGUE.folder.parent / "gis" / "rows.py").read_text(encoding="utf-8")
    raised = {part for part in CATALOGUE.words("findings") if f'"{part}"' in text}
    assert raised == rows.RULES


@pytest.mark.parametrize("code", sorted(CATALOGUE.words("findings")))
def test_every_finding_has_somebody_who_takes_it(code):
    """The table of parties is complete, and the longest beginning decides."""
    takes = CATALOGUE.code_list("parties").values("takes")
    assert findings.party(code, takes) in {"supplier", "analyst", "lead"}
    assert findings.party("geometry.spike", takes) == "analyst"
    assert findings.party("geometry.invalid", takes) == "supplier"
    assert findings.party("nobody.knows", takes) is None
