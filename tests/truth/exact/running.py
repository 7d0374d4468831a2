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
TRIALS = 120


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
            fault = Fault(name, said, (), 0.0, float("nan"), wkt(specimen.shapes[:NAMED]))
            verdict.add(Verdict(judged=1, faults=[fault]))
    return verdict


def run(specimens: Iterable[Specimen], name: str, judges: Sequence[str] = tuple(JUDGES)) -> Verdict:
    """Ask one engine of specimens.

    Parameters
    ----------
    specimens
        As `make` gives them.
    name
        One of ENGINES.
    judges
        Keys of JUDGES.
    """
    verdict = Verdict()
    with engine(name):
        for specimen in specimens:
            verdict.add(judged(specimen, judges))
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
    step = max(len(layer) for layer in specimen.layers) // 2 + 1
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


def told(specimens: Sequence[Specimen], name: str, judges: Sequence[str]) -> Iterator[str]:
    """Run specimens on an engine, and say what was wrong: one small specimen for each judge."""
    start, total, wrong = time.perf_counter(), Verdict(), {}
    for judge in judges:
        verdicts = [run([specimen], name, [judge]) for specimen in specimens]
        for verdict in verdicts:
            total.add(verdict)
        wrong[judge] = [(each, found) for each, found in zip(specimens, verdicts, strict=True) if found.faults]
    seconds = time.perf_counter() - start
    yield f"{specimens[0].family} {name}: {len(total.faults)} of {total.judged} wrong, {seconds:.1f} s"
    for judge, found in wrong.items():
        if found:
            # the one with fewest shapes is soonest small
            specimen = min((each for each, _ in found), key=lambda each: len(each.shapes))
            count = sum(len(verdict.faults) for _, verdict in found)
            yield f" {judge}: {count} in {len(found)} specimens; number {specimen.number}, made small:"
            with engine(name):
                small, verdict = smaller(specimen, judge)
            yield f"  {verdict.faults[0]}"
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
        specimens = [make(family, options.first + number) for number in range(options.count)]
        for name in options.engines:
            for line in told(specimens, name, options.judges):
                print(line, flush=True)
    return 0
