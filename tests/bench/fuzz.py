"""Spoil sound files of every format a hundred thousand times and read them.

A sound file of a dozen rows in each format that is read is spoilt in one to three ways: bits flipped, hostile bytes
written over others or put in, blocks cut, taken out, zeroed, swapped or repeated, lines dropped, doubled and ended
otherwise, numbers and words replaced and swapped, values of JSON replaced, tags of XML renamed, fields of heads of
tables changed, members of zips spoilt and packed again, and two files joined. Each is read in a forked process with
limits of memory and time; one in four goes on to accepted rows, which must keep the layer's rules. What becomes of it:

* refused: with one sentence and an exit code;
* stored: all rows are there that the sound file promises, or that a plain count of the spoilt text still sees, or a
  finding says which are missing;
* signals: the process died; hangs: more than 20 s; memory: more than 2 GiB for a file of some kilobytes;
* tracebacks: an error that is none of ours;
* silent losses: a row fewer, and nothing says so.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import measuring
from tests.hostile import fuzzing
from tests.hostile.fuzzing import Result
from tests.hostile.specimens import specimens

PACKAGES = ("geopandas", "shapely", "pyogrio", "pyarrow", "python-calamine", "pandas")
# heading of a column and the outcome that it counts
COLUMNS = {
    "refused": "refused",
    "stored": "stored",
    "signals": "signal",
    "hangs": "hang",
    "memory": "memory",
    "tracebacks": "traceback",
    "silent losses": "loss",
}
GOOD = {"refused", "stored"}
# cases that a page shows of each kind
_SHOWN = 20


def report(found: Sequence[Result], seconds: float, arguments: Sequence[str]) -> str:
    """Word the results as a page."""
    where = f"On {measuring.machine(PACKAGES)}: {len(found):,} cases in {seconds:,.0f} s."
    again = "Again: `" + " ".join(arguments) + "`."
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    bad = [one for one in found if one.outcome not in GOOD]
    lines = [f"* {one.number} {one.format}, {one.ways}: **{one.outcome}** {_line(one.detail)}" for one in bad[:_SHOWN]]
    parts = [f"# {len(found):,} spoilt files", prose, f"{where} {again}", "## By format", table(found)]
    parts += [f"## Neither refused nor stored: {len(bad)}", "\n".join(lines) or "None."]
    return "\n\n".join(parts) + "\n"


def table(found: Sequence[Result]) -> str:
    """Return the table of outcomes by format, and of all."""
    by_format = collections.defaultdict(list)
    for one in found:
        by_format[one.format].append(one)
    rows = [_counts(name, by_format[name]) for name in sorted(by_format)]
    return measuring.table([*rows, _counts("all", found)])


def _counts(name: str, found: Sequence[Result]) -> dict[str, str]:
    """Return one row of the table."""
    counted = collections.Counter(one.outcome for one in found)
    return {"format": name, "cases": f"{len(found):,}"} | {
        title: f"{counted[outcome]:,}" for title, outcome in COLUMNS.items()
    }


def _line(text: str) -> str:
    """Return what there is to say on one line."""
    return " ".join(text.split())[-200:]


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000, help="how many files are spoilt (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins; the tests take 0")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-fuzz.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, run the cases, print, and write the report where it is asked for; 1 if any is bad."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    began = time.monotonic()
    found = fuzzing.run("fuzz", specimens(), chosen.cases, chosen.seed)
    text = report(found, time.monotonic() - began, ["scripts/bench", "fuzz", *given])
    print(text, flush=True)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")
    return int(any(one.outcome not in GOOD for one in found))


if __name__ == "__main__":
    sys.exit(main())
