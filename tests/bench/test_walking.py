"""The benchmark of walks still runs, and compares things that agree; nothing is timed, and no rival is needed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.bench import network, reaching, walking

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def results(cache):
    """Run everyone who comes with gis once on toy streets."""
    return network.measure("toy", 1, cache, without=("pandana", "networkx"))


@pytest.fixture(scope="module")
def doors(cache):
    return network.at_doors(3, cache, parcels=300)


def test_every_contestant_answers(results):
    """No run fails, and each answer has rows."""
    assert {network.OURS, network.SCIPY, network.DRAWN, network.EACH} <= set(results.runs)
    assert not {who: run.failure for who, run in results.runs.items() if run.failure or not run.rows}


def test_the_same_nodes_are_reached_as_by_scipy(results):
    """For each limit, with seconds that differ by rounding only, and to the last bit on two threads."""
    for who in (network.OURS, network.OURS_TWO, network.FIRST):
        assert results.apart[who] == ([0, 0, 0], pytest.approx(0, abs=1e-9))
    assert results.threads_alike


def test_sheds_are_like_the_union_of_buffers(results):
    """Cut at railways and kept on the reached side, as shapely draws them."""
    assert results.likeness[network.EACH][0] > 0.99


def test_no_parcel_is_misplaced(doors):
    """Walks agree with those found by trying every street near a door; nodes and circles do not."""
    assert doors.ours == [0, 0, 0]
    assert doors.worst_m < 1e-6
    assert sum(doors.by_node) > 0 and sum(doors.circle) > 0


def test_report_states_machine_targets_and_tables(results, doors):
    """The report says where and how it was measured, and what was aimed at."""
    text = network.report({"toy": results}, [doors], 1, ["scripts/bench", "network"])
    assert "cores (" in text and "`scripts/bench network`" in text and "walking.py" in text
    assert "| nodes reached otherwise than by scipy, all limits | 0 | 0 | met |" in text
    assert "### Ground" in text and "## Doors" in text


def test_a_lost_node_is_seen(results):
    """A node less is a node otherwise, at every limit within which it lies."""
    whole = results.answers[network.SCIPY]
    kept = np.arange(1, len(whole.rows["node"]))
    lost = dataclasses.replace(whole, rows={name: rows[kept] for name, rows in whole.rows.items()})
    differ, worst = network.compared(lost, whole)
    assert (differ[-1], worst) == (1, 0.0)


def test_streets_hang_together_and_repeat(cache):
    """Drawing a case twice changes nothing, and railways are crossed by bridges only."""
    case = walking.write("toy", cache)
    data = walking.streets(case)
    assert len(np.unique(data.ends)) == len(data.xy)
    assert walking.write("toy", cache) == case
    walkers = walking.Walkers(case, warm=False)
    across = walkers.ways.geometry.crosses(walkers.railways.geometry.union_all())
    assert set(walkers.ways["kind"][across]) == {"bridge"}


def test_misplaced_counts_both_ways():
    """In and not found, or found and not in."""
    truth, found = np.array([400.0, 600.0, 900.0]), np.array([600.0, 400.0, 900.0])
    assert reaching.misplaced(truth, found) == [2, 0, 0]
