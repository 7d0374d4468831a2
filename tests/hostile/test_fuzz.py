"""Two thousand spoilt files of every format: never a crash, a hang or a full memory, never a row fewer in silence."""

from __future__ import annotations

import collections

import pytest

from tests.bench import fuzz
from tests.hostile import fuzzing
from tests.hostile.specimens import specimens

CASES = 2_000
SOUND = specimens()


@pytest.fixture(scope="module")
def fuzzed():
    """Give what became of every case."""
    return fuzzing.run("fuzz", SOUND, CASES)


def test_spoilt_files_are_refused_or_stored_right(fuzzed):
    """Refused with one sentence, or all rows are reckoned; what is accepted keeps the layer's rules."""
    assert len(fuzzed) == CASES
    assert not [one for one in fuzzed if one.outcome not in {"refused", "stored"}]


def test_every_format_is_refused_at_times_and_at_times_stored(fuzzed):
    """Without this the law above would hold for a reader that refuses everything."""
    outcomes = collections.defaultdict(set)
    for one in fuzzed:
        outcomes[one.format].add(one.outcome)
    assert outcomes == {name: {"refused", "stored"} for name in SOUND}


@pytest.mark.parametrize("format_", SOUND)
def test_sound_files_are_accepted(format_):
    """The whole road, from the file to rows that keep the layer's rules."""
    one = SOUND[format_]
    assert fuzzing.outcome(fuzzing.Case(format_, "", one, one.files, walked=True)) == ("stored", str(one.rows))


def test_the_same_number_is_the_same_file():
    """A case that failed can be made again."""
    again = specimens()
    for number in range(40):
        ways = {fuzzing.case("fuzz", one, number, 5).ways for one in (SOUND, again)}
        assert len(ways) == 1


def test_the_bench_writes_a_row_for_every_format(tmp_path, capsys):
    """At toy size, as `scripts/bench fuzz` does it a hundred thousand times."""
    page = tmp_path / "page.md"
    assert fuzz.main(["--cases", str(2 * len(SOUND)), "--seed", "0", "--write", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.strip() == capsys.readouterr().out.strip()
    assert all(f"| {format_} | 2 |" in text for format_ in SOUND)
    assert f"| all | {2 * len(SOUND)} |" in text
