"""A number format adds zeros and words to a code; what it does to a measurement does not count."""

from __future__ import annotations

import pytest

from gis.intake import numberformats

# number, format -> what is read
SHOWN = [
    ("1", "000000", "000001"),
    ("1234567", "000000", "1234567"),
    ("7", '"DY-"000', "DY-007"),
    ("7", "\\D\\Y\\-000", "DY-007"),
    ("7", "[$DY]-000", "DY-007"),
    ("3", '0"号楼"', "3号楼"),
    ("3", '"No."0', "No.3"),
    ("110109001", "000000-000", "110109-001"),
    ("1", "00-00", "00-01"),
    ("12", "[Red]0000", "0012"),
    ("12", "0000;[Red]-0000", "0012"),
    ("12", "0000_ ;-0000\\ ", "0012"),
    ("3.2468", '0.00"公顷"', "3.2468公顷"),
    ("3.2", '0"公顷"', "3.2公顷"),
    ("3", '0.00"公顷"', "3.00公顷"),
    ("1200", '#,##0"人"', "1200人"),
    ("5", "000.0", "005.0"),
    ("8", '"A"General', "A8"),
    ("0", "0000", "0000"),
    ("480", '"待定"', "待定"),
    ("1", '"是";;"否"', "是"),
    ("0", '"是";;"否"', "否"),
    ("0", '0;-0;"无"', "无"),
    ("200", '[>100]"A"0;"B"0', "A200"),
    ("1", '[>100]"A"0;"B"0', "B1"),
    ("1", "[<=9]000;0", "001"),
    ("10", "[<=9]000;0", None),
    ("1", '[=1]"是";[=0]"否";0', "是"),
]
PLAIN = [
    ("1", "0"),
    ("1", ""),
    ("1.5", "0.00"),
    ("1234.5", "#,##0.00"),
    ("1234.5", "¥#,##0.00"),
    ("1234.5", '_ ¥* #,##0.00_ ;_ ¥* \\-#,##0.00_ ;_ ¥* "-"??_ ;_ @_ '),
    ("1234.5", "[$¥-804]#,##0.00"),
    ("0", '#,##0;-#,##0;"-"'),
    ("0.35", "0%"),
    ("12345", '0!.0,"万"'),
    ("12345", "0.0,"),
    ("45356", "yyyy-mm-dd"),
    ("45356", 'yyyy"年"m"月"d"日"'),
    ("45356", "[$-804]yyyy-mm-dd"),
    ("0.5", "# ?/?"),
    ("1", "0.00E+00"),
    ("1", '[>100]"多";0'),
    ("1", "[DBNum1]0"),
    ("-5", '"DY-"000'),
    ("1.10109001001E+17", "000000000000000000000"),
    ("0", '#,##0;-#,##0;" - "'),
    ("5", ";;;"),
    ("200", '[>100][DBNum1]0;"B"0'),
    ("x", "0000"),
]


@pytest.mark.parametrize(("number", "code", "text"), SHOWN)
def test_a_code_is_what_a_person_sees(number, code, text):
    """With zeros and words, and with every digit that is stored."""
    assert numberformats.shown(number, code) == text


@pytest.mark.parametrize(("number", "code"), PLAIN)
def test_a_measurement_is_what_is_stored(number, code):
    """Rounding, grouping, scaling, money, dates and conditions change no value."""
    assert numberformats.shown(number, code) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [('"DY-"@', ("DY-", "")), ('0;0;0;"第"@"号"', ("第", "号")), ("@", None), ("General", None), ("000", None)],
)
def test_words_around_a_text_are_seen_too(code, words):
    """The fourth section of a format is for texts."""
    assert numberformats.around(code) == words
