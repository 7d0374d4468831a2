"""The benchmarks still run, and compare things that agree."""

from __future__ import annotations

import pytest

from tests.bench import overlay

pytestmark = pytest.mark.benchmark


def test_overlay_without_slivers_agrees_with_geopandas():
    """Where no boundary is off, the ledger finds geopandas' tuples with geopandas' areas."""
    row = overlay.measure("toy", shift_m=0.0, tolerance_m=0.5, rounds=1)
    assert row["only in ledger"] == 0
    assert float(row["largest difference m²"]) < 1e-3


def test_overlay_report_states_the_machine(tmp_path):
    """The report holds a row for every case and says where it was measured."""
    target = tmp_path / "docs" / "bench-overlay.md"
    overlay.main(["--sizes", "toy", "--rounds", "1", "--write", str(target)])
    text = target.read_text(encoding="utf-8")
    assert "| size | toy | toy |" in text and "geopandas " in text and "GEOS" in text
