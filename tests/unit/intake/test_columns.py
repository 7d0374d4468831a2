"""A column is recognised by what people call it, also where a shapefile cut its name; in doubt it is no field."""

from __future__ import annotations

import pytest

from gis.errors import FrameError
from gis.intake import columns

SPELLINGS = {
    "canonical": ("approved_area_m2", "approved_area_m2"),
    "delivery": ("PFMJ", "approved_area_m2"),
    "Chinese": ("批复面积", "approved_area_m2"),
    "English": ("Approved area", "approved_area_m2"),
    "alias": ("控规面积", "approved_area_m2"),
    "another case, underscores": ("Block_Code", "block_id"),
    "full width": ("JQDM", "block_id"),
    "cut in UTF-8": ("控规批", None),
    "cut in UTF-8, only one such": ("界线效", "authority"),
    "cut in GBK": ("街区管控总", "control_total_m2"),
    "cut English": ("existing_f", "existing_floor_m2"),
    "unknown": ("备注", None),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_column_is_recognised(shared, name):
    """「控规批」 may be 控规批复日期 or 控规批复文号, and so is neither."""
    column, field = SPELLINGS[name]
    matches, unknown = columns.match([column], shared.layer("blocks"))
    assert [match.field for match in matches] == ([field] if field else [])
    assert unknown == (() if field else (column,))


def test_a_surer_spelling_wins(shared):
    """The canonical name beats an alias, whose column is kept as unknown."""
    matches, unknown = columns.match(["街区编号", "block_id"], shared.layer("blocks"))
    assert [(match.column, match.field) for match in matches] == [("block_id", "block_id")]
    assert unknown == ("街区编号",)


def test_two_equal_claims_are_refused(shared):
    """Which of two aliases is the code, a person must say."""
    with pytest.raises(FrameError, match="街区编号, 街区编码"):
        columns.match(["街区编号", "街区编码"], shared.layer("blocks"))
