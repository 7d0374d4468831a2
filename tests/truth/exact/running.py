"""Ask gis of many specimens, gather the verdicts, and make what is wrong small."""

from __future__ import annotations

import argparse
import dataclasses
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tests.truth.exact.engines import ENGINES, engine
from tests.truth.exact.judges import JUDGES
from tests.truth.exact.judging import Fault, Verdict, wkt
from tests.truth.exact.specimens import FAMILIES, Specimen, make

# shapes of a specimen that are named where it made gis raise
NAMED = 8
# how often a specimen is asked again to make it small
TRIALS = 400


def judged(specimen: Specimen, names: Iterable[str] = tuple(JUDGES)) -> Verdict:
    """Ask every judge of one specimen; an exception is a fault of the specimen as a whole.

    Parameters
    ----------
    specimen
        As `make` gives it.
    names
        Keys of JUDGES.
    """
    verdict = Verdict()
    for name in names:
        rng = np.random.default_rng([zlib.crc32(name.encode()), specimen.number])
        try:
            verdict.add(JUDGES[name](specimen, rng))
        except Exception as error:
            said = f"raised {type(error).__name__}: {error}"[:300]
            verdict.add(Verdict(1, 0.0, [Fault(name, said, (), 0.0, float("nan"), wkt(specimen.shapes[:NAMED]))]))
    return verdict


def run(family: str, numbers: Iterable[int], name: str, judges: Sequence[str] = tuple(JUDGES)) -> Verdict:
    """Ask one engine of some specimens of a family.

    Parameters
    ----------
    family
        One of FAMILIES.
    numbers
        Of its specimens.
    name
        One of ENGINES.
    judges
        Keys of JUDGES.
    """
    verdict = Verdict()
    with engine(name):
        for number in numbers:
            verdict.add(judged(make(family, number), judges))
    return verdict


def smaller(specimen: Specimen, judge: str) -> tuple[Specimen, Verdict]:
    """Leave out shapes of a specimen as long as something of the same kind is wrong with it.

    Parameters
    ----------
    specimen
        One that the judge finds at fault.
    judge
        Key of JUDGES; the engine is the one in force.

    Returns
    -------
    tuple
        The specimen that is left, and what is wrong with it.
    """
    best, verdict, trials = specimen, judged(specimen, [judge]), 0
    kinds = {_kind(fault) for fault in verdict.faults}
    step = max(len(layer) for layer in specimen.layers)
    while step >= 1 and trials < TRIALS:
        for tried in _without(best, step):
            trials += 1
            found = judged(tried, [judge])
            if kinds & {_kind(fault) for fault in found.faults}:
                best, verdict = tried, found
                break
        else:
            step //= 2
    return best, verdict


def _kind(fault: Fault) -> tuple[str, str]:
    return fault.judge, fault.kind[:40]


def _without(specimen: Specimen, step: int) -> Iterator[Specimen]:
    """Yield a specimen with some shapes of one layer left out, but never all."""
    for n, layer in enumerate(specimen.layers):
        for start in range(0, len(layer), step):
            rest = np.delete(layer, np.arange(start, min(start + step, len(layer))))
            if len(rest):
                layers = (*specimen.layers[:n], rest, *specimen.layers[n + 1 :])
                yield dataclasses.replace(specimen, layers=layers, grid=None)


def told(family: str, numbers: Sequence[int], name: str, judges: Sequence[str]) -> Iterator[str]:
    """Run a family on an engine, and say what was wrong: one small specimen for each judge."""
    start, verdicts = time.perf_counter(), {number: run(family, [number], name, judges) for number in numbers}
    total, seconds = Verdict(), time.perf_counter() - start
    for verdict in verdicts.values():
        total.add(verdict)
    yield f"{family} {name}: {len(total.faults)} of {total.judged} wrong, {seconds:.1f} s"
    for judge in judges:
        wrong = {number: run(family, [number], name, [judge]) for number, found in verdicts.items() if found.faults}
        wrong = {number: found for number, found in wrong.items() if found.faults}
        if wrong:
            # the one with fewest shapes is soonest small
            number = min(wrong, key=lambda number: len(make(family, number).shapes))
            with engine(name):
                small, verdict = smaller(make(family, number), judge)
            count = sum(len(found.faults) for found in wrong.values())
            yield f" {judge}: {count} in {len(wrong)} specimens; number {number}, made small: {verdict.faults[0]}"
            for n, layer in enumerate(small.layers):
                yield from (f"   layer {n}: {text}" for text in wkt(layer[:NAMED]))


def main(arguments: list[str] | None = None) -> int:
    """Run families on engines and print what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth.exact", description=(__doc__ or "").strip())
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES, help=", ".join(FAMILIES))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help=", ".join(ENGINES))
    parser.add_argument("--judges", nargs="+", choices=JUDGES, default=tuple(JUDGES), help=", ".join(JUDGES))
    parser.add_argument("--count", type=int, default=10, help="specimens of each family")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    options = parser.parse_args(arguments)
    for family in options.families:
        for name in options.engines:
            for line in told(family, range(options.first, options.first + options.count), name, options.judges):
                print(line, flush=True)
    return 0
