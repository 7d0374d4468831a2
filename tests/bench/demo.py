"""Measure the whole job on the sample town, and take the pictures of its map: `scripts/bench demo --help`.

Each step of `gis demo` in a fresh process, several rounds; the median counts. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.overlay import machine
from tests.browser.conftest import ARGUMENTS, DESKTOP, PHONE

ROUND = """
import json, resource, sys
from gis.workflow import demo
report = demo.demo(sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
steps = [(step.title, step.seconds, step.result) for step in report.steps]
print(json.dumps({"steps": steps, "peak": peak, "files": {p.name: p.stat().st_size for p in report.files}}))
"""


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
    command = [sys.executable, "-c", ROUND, str(folder)]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)]
    rows = []
    for step in zip(*(one["steps"] for one in found), strict=True):
        rows.append({"step": step[0][0], "what": step[0][2], "seconds": f"{statistics.median(s[1] for s in step):.2f}"})
    return {"steps": rows, "peak": max(one["peak"] for one in found), "files": found[-1]["files"]}


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
    lines = ["| step | result | seconds (median) |", "| --- | --- | --- |"]
    lines += [f"| {row['step']} | {row['what']} | {row['seconds']} |" for row in found["steps"]]
    total = sum(float(row["seconds"]) for row in found["steps"])
    sizes = [f"| {name} | {size / 1024:,.0f} KB |" for name, size in found["files"].items()]
    return "\n".join(
        [
            "# The whole job on the sample town",
            "",
            (__doc__ or "").partition("\n\n")[2].strip(),
            "",
            *lines,
            f"| **all** | | **{total:.2f}** |",
            "",
            f"Peak memory {found['peak']:,.0f} MB.",
            "",
            "| file | size |",
            "| --- | --- |",
            *sizes,
            "",
            f"Measured on {machine()}.",
            "",
        ]
    )


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
