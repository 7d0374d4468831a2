"""The benchmarks still run, and compare things that agree; nothing is timed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import agreement, city, databases, exact, measuring, overlay

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def results(cache):
    """Run every contestant that is installed once on the toy city."""
    with databases.server() as dsn, pytest.MonkeyPatch.context() as patch:
        patch.setenv(databases.DSN, dsn)
        yield overlay.measure("toy", 1, cache=cache)


def test_every_contestant_answers(results):
    """No run fails, and each answer has rows."""
    assert not {entry: run.failure for entry, run in results.runs.items() if run.failure or not run.rows}


def test_gis_agrees_with_every_contestant_tuple_by_tuple(results):
    """The same features meet, and areas differ by rounding only."""
    assert {(question, overlay.BASELINE[question]) for question in agreement.TUPLES} <= set(results.agreements)
    assert not {entry: found for entry, found in results.agreements.items() if not found.holds}


def test_ledgers_balance(results):
    """Own area and account of every feature agree, and so do cells and their geometry."""
    worst = [value for found in results.worst.values() for value in found.values()]
    assert len(worst) == 3
    assert max(worst) < 0.01


def test_report_states_machine_targets_and_tables(results):
    """The report says where and how it was measured, and has a table for every question."""
    text = overlay.report({"toy": results}, 1, ["scripts/bench", "overlay"])
    assert all(f"### {title}" in text for title in overlay.TITLES.values())
    assert "cores (" in text and "GEOS" in text and "| toy | Meetings |" in text and "peers.py" in text


def test_targets_are_held_against_the_baseline():
    """A ratio below the one wanted is not met."""
    target = overlay.TARGETS[0]
    results = overlay.Results(target.size, None)
    results.runs[target.question, overlay.BASELINE[target.question]] = measuring.Run(cpu_s=50.0, prepare_cpu_s=0.0)
    results.runs[target.question, target.who] = measuring.Run(cpu_s=1.0, prepare_cpu_s=1.5)
    row = overlay.targets({target.size: results}).splitlines()[2]
    assert "| 20.00× | **not met** |" in row


def test_a_lost_or_moved_tuple_is_seen(results, tmp_path):
    """Totals may hide a difference, tuples do not."""
    code = np.arange(3)
    area = np.array([5.0, 1e-9, 7.0])
    files = [tmp_path / name for name in ("ours.npz", "less.npz", "lost.npz", "moved.npz")]
    for file, which, moved in zip(files, ([0, 1, 2], [0, 2], [0, 1], [0, 1, 2]), (0, 0, 0, 1e-3), strict=True):
        np.savez(file, code=code[which], area=area[which] + [moved, 0, -moved][: len(which)])
    less, lost, moved = (agreement.compare("meetings", results.case, files[0], other) for other in files[1:])
    assert less.holds
    assert (lost.holds, lost.only_ours) == (False, 1)
    assert (moved.holds, moved.beyond) == (False, 2)


def test_a_failure_is_reported_not_raised(tmp_path):
    """A contestant that cannot answer leaves a line in the table."""
    assert "FileNotFoundError" in measuring.fresh("tests.bench.peers:chain", tmp_path).failure


def test_the_city_is_tiled(cache):
    """Parcels and blocks cover the same ground, and drawing a case twice changes nothing."""
    layers = dict(city.city(city.SIZES["toy"]))
    assert layers["parcel"].area.sum() == pytest.approx(layers["block"].area.sum(), abs=1e-3)
    assert all(frame[frame.columns[0]].is_unique for frame in layers.values())
    case = city.write("toy", cache)
    before = {file.name: file.stat().st_mtime_ns for file in case.iterdir()}
    assert city.write("toy", cache) == case
    assert {file.name: file.stat().st_mtime_ns for file in case.iterdir()} == before


def test_scale_gives_the_rows_of_a_single_run(cache):
    """Two copies of the toy city, spread out and measured by two workers: the same rows, and a report that says so."""
    from tests.bench import scale

    found = scale.measure("toy", [2], cache)
    assert found.same
    assert (found.spread.rows, found.runs[0].partitions) == (found.case.buildings, 4)
    assert "| 200 | 2 | 4 |" in scale.report([found], ["scripts/bench", "scale"])


def test_exact_truth_is_held_against_all(monkeypatch):
    """Both engines and shapely are asked for one family, and the table says what was judged and how much was wrong."""
    monkeypatch.delenv(databases.DSN, raising=False)
    results = exact.measure(["boxes"], 50, 0, 1)
    assert {who for _, who in results} >= {*exact.GIS, "shapely"}
    assert all(result.judged >= 25 for result in results.values())
    text = exact.report(results, ["scripts/bench", "exact"])
    assert "| boxes | gis, kernels |" in text and "cores (" in text
