"""A unit stands behind a name or a value; its factor is exact, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import FrameError
from gis.intake import columns, units

NAMES = {
    "用地面积(公顷)": ("用地面积", "公顷"),
    "用地面积\uff08公顷\uff09": ("用地面积", "公顷"),
    "面积_亩": ("面积", "亩"),
    "面积亩": ("面积", "亩"),
    "AREA_HA": ("area", "公顷"),
    "Shape_Area_sqm": ("shape_area", "m²"),
    "建筑面积(万㎡)": ("建筑面积", "万m²"),
    "建筑规模(万平方米)": ("建筑规模", "万m²"),
    "辖区面积[km²]": ("辖区面积", "km²"),
    "面积:平方公里": ("面积", "km²"),
    "批复面积(㎡)": ("批复面积", "m²"),
    "alpha": None,
    "area": None,
    "公顷": None,
    "备注": None,
    "投资(亿元)": None,
}
CELLS = {
    "3.2公顷": ("3.2", "公顷"),
    "48 亩": ("48", "亩"),
    "1,200平方米": ("1,200", "m²"),
    "0.5km²": ("0.5", "km²"),
    "12.3万㎡": ("12.3", "万m²"),
    "3.2HA": ("3.2", "公顷"),
    "约3公顷": None,
    "公顷": None,
    "3.2": None,
    "3公顷2亩": None,
    "1200²㎡": None,
    "1200①平方米": None,
    "1200 m²": ("1200", "m²"),
}
# m², by hand: 48 亩 = 48 × 2000/3 = 32,000
METRES = {("亩", 48.0): 32_000.0, ("公顷", 3.2): 32_000.0, ("km²", 0.032): 32_000.0, ("万m²", 3.2): 32_000.0}


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_parted_from_a_name(name):
    """Latin letters are a unit only behind a mark."""
    found = units.of_column(name)
    assert (found and (found[0], found[1].sign)) == NAMES[name]


@pytest.mark.parametrize("cell", CELLS)
def test_a_unit_is_parted_from_a_value(cell):
    """Words before the number are no number."""
    found = units.of_value(cell)
    assert (found and (found[0], found[1].sign)) == CELLS[cell]


@pytest.mark.parametrize("case", METRES)
def test_factors_are_exact(case):
    """1 亩 is 2000/3 m²."""
    sign, value = case
    assert units.BY_SIGN[sign].to_metres(value) == pytest.approx(METRES[case], rel=1e-15)


@given(st.floats(0, 1e6), st.sampled_from(units.UNITS))
def test_a_converted_area_converts_back(value, unit):
    """Nothing but a factor."""
    assert unit.to_metres(value) / float(unit.factor) == pytest.approx(value, rel=1e-12)


FIELDS = {
    "批复面积(公顷)": ("blocks", "approved_area_m2", "公顷"),
    "PFMJ_HA": ("blocks", "approved_area_m2", "公顷"),
    "approved_area_ha": ("blocks", "approved_area_m2", "公顷"),
    "Approved area (km²)": ("blocks", "approved_area_m2", "km²"),
    "用地面积(公顷)": ("projects", "approved_area_m2", "公顷"),
    "证载面积_亩": ("parcels", "certified_area_m2", "亩"),
    "街区管控总规模(万平方米)": ("blocks", "control_total_m2", "万m²"),
    "居住户数(户)": ("buildings", "households", None),
    "建筑高度(米)": ("buildings", "height_m", None),
}


@pytest.mark.parametrize("column", FIELDS)
def test_a_column_with_its_unit_is_the_field(shared, column):
    """The unit of an area is kept for the conversion."""
    layer, field, sign = FIELDS[column]
    matches, unknown = columns.match([column], shared.layer(layer))
    assert [(match.field, match.unit and match.unit.sign) for match in matches] == [(field, sign)]
    assert unknown == ()


def test_an_area_unit_on_what_is_no_area_is_no_field(shared):
    """Residents are not counted in hectares."""
    assert columns.match(["居住人口(公顷)"], shared.layer("buildings"))[0] == ()


def test_one_area_in_two_units_is_refused(shared):
    """Which of the two counts, a person must say."""
    with pytest.raises(FrameError, match="rename or drop"):
        columns.match(["证载面积(亩)", "证载面积(公顷)"], shared.layer("parcels"))


def test_values_are_converted_and_the_factor_is_on_record(source, conformed):
    """What a value itself says is surer than its column; what is no number stays as it came."""
    result = conformed(source({"block_id": ["a", "b", "c"], "批复面积(公顷)": ["1.5", "30亩", "约3公顷"]}))
    assert result.frame["approved_area_m2"].tolist()[:2] == [15_000.0, 20_000.0]
    notes = result.findings.loc[result.findings["code"] == "units.converted"]
    assert [json.loads(text)["factor"] for text in notes["parameters"]] == ["10000", "2000/3"]
    assert json.loads(result.frame["extra"].iloc[2]) == {"批复面积(公顷)": "约3公顷"}
