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
    "a mark that nobody sees": ("\ufeff批复\u200b面积", "approved_area_m2"),
    "a line break and a star": ("*批复\n面积", "approved_area_m2"),
    "asked for": ("批复面积\uff08必填\uff09", "approved_area_m2"),
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
    """The canonical name beats an alias, whose column is a rival and not unknown."""
    matches, unknown = columns.match(["街区编号", "block_id"], shared.layer("blocks"))
    assert [(match.column, match.field, match.rivals) for match in matches] == [("block_id", "block_id", ("街区编号",))]
    assert unknown == ()


# columns of one file -> the one that is taken
RIVALS = {
    "a word and the title": (["NAME", "更新单元名称"], "更新单元名称"),
    "the canonical word and the title": (["name", "更新单元名称"], "更新单元名称"),
    "a word and an alias": (["Name", "单元名称"], "单元名称"),
    "a word and the delivery name": (["NAME", "GXDYMC"], "GXDYMC"),
    "a word and the English title": (["NAME", "Unit name"], "Unit name"),
    "a word and a title cut by a shapefile": (["SOURCE", "统筹主体公", "数据来源"], "数据来源"),
    "a serial number and the title": (["unit_id", "更新单元编号"], "更新单元编号"),
    "the title and its delivery name": (["GXDYMC", "更新单元名称"], "更新单元名称"),
    "a state and the title": (["status", "划定状态"], "划定状态"),
}


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("turned", [False, True])
def test_an_exact_title_wins_over_a_general_word(shared, name, turned):
    """In whatever order they stand; the other is named as its rival."""
    names, taken = RIVALS[name]
    matches, _ = columns.match(names[::-1] if turned else names, shared.layer("units"))
    found = next(match for match in matches if match.rivals)
    assert found.column == taken
    assert set(found.rivals) <= set(names)


def test_a_cut_title_wins_over_a_general_word(shared):
    """界线效 is 界线效力 and nothing else."""
    matches, _ = columns.match(["authority", "界线效"], shared.layer("blocks"))
    assert [(match.column, match.rivals) for match in matches] == [("界线效", ("authority",))]


def test_two_equal_claims_are_refused(shared):
    """Which of two aliases is the code, a person must say."""
    with pytest.raises(FrameError, match="街区编号, 街区编码"):
        columns.match(["街区编号", "街区编码"], shared.layer("blocks"))
