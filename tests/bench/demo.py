"""Measure the whole job on the sample town, and take the pictures of its map: `scripts/bench demo --help`.

Each step of `gis demo` in a fresh process, several rounds; the median counts. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from gis.workflow import demo
from gis.workflow.steps import Report
from tests.bench import measuring


def _keep(folder: Path, report: Report, file: Path) -> None:
    """Write steps and sizes of files as JSON."""
    steps = [(step.title, step.seconds, step.result) for step in report.steps]
    files = {made.name: made.stat().st_size for made in report.files}
    file.write_text(json.dumps({"steps": steps, "files": files}), encoding="utf-8")


JOBS = {
    "demo": measuring.Job(lambda folder, threads: demo.demo(folder), rows=lambda report: len(report.steps), keep=_keep)
}


def measure(rounds: int, folder: Path) -> dict[str, object]:
    """Run the demo in fresh processes.

    Parameters
    ----------
    rounds
        How often.
    folder
        Where the results go.

    Returns
    -------
    dict
        steps (rows of the table), peak (MB, the largest), files (bytes by name).
    """
    found, peaks = [], []
    with tempfile.TemporaryDirectory() as beside:
        kept = Path(beside) / "report.json"
        for _ in range(rounds):
            run = measuring.fresh("tests.bench.demo:demo", folder, threads=os.cpu_count() or 1, answer=kept)
            if run.failure:
                raise RuntimeError(f"gis demo did not end well: {run.failure}")
            found.append(json.loads(kept.read_text(encoding="utf-8")))
            peaks.append(run.peak_mb)
    rows = []
    for step in zip(*(one["steps"] for one in found), strict=True):
        seconds = statistics.median(one[1] for one in step)
        rows.append({"step": step[0][0], "result": step[0][2], "seconds (median)": f"{seconds:.2f}"})
    return {"steps": rows, "peak": max(peaks), "files": found[-1]["files"]}


def pictures(page_file: Path, folder: Path, browser: str) -> list[Path]:
    """Take the map's pictures at desktop and phone size.

    Parameters
    ----------
    page_file
        The map.
    folder
        Where they go.
    browser
        Path of Chromium.

    Returns
    -------
    list of pathlib.Path
    """
    # here, not above: what is measured does not carry the browser's driver
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, DESKTOP, PHONE

    made = []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS)
        for name, (width, height) in {"desktop": DESKTOP, "phone": PHONE}.items():
            page = started.new_page(viewport={"width": width, "height": height})
            page.goto(page_file.resolve().as_uri())
            page.locator("html[data-ready]").wait_for(state="attached")
            page.wait_for_timeout(500)
            made.append(folder / f"map-{name}.png")
            page.screenshot(path=made[-1])
        started.close()
    return made


def report(found: dict[str, object]) -> str:
    """Write the figures with the machine they were measured on."""
    total = sum(float(row["seconds (median)"]) for row in found["steps"])
    whole = {"step": "**all**", "result": "", "seconds (median)": f"{total:.2f}"}
    sizes = [{"file": name, "size": f"{size / 1024:,.0f} KB"} for name, size in found["files"].items()]
    parts = [
        "# The whole job on the sample town",
        (__doc__ or "").partition("\n\n")[2].strip(),
        measuring.table([*found["steps"], whole]),
        f"Peak memory {found['peak']:,.0f} MB.",
        measuring.table(sizes),
        f"Measured on {measuring.machine()}.",
    ]
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write report and pictures where they are asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write figures.md and the pictures, such as docs")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="path of Chromium, for the pictures")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.rounds, Path(folder))
        text = report(found)
        print(text)
        if options.write:
            options.write.mkdir(parents=True, exist_ok=True)
            (options.write / "figures.md").write_text(text, encoding="utf-8")
            pictures(Path(folder) / "town-map-public.html", options.write, options.browser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
