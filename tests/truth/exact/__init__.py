"""Specimens whose shared ground is known without rounding, and what gis says of them.

`specimens.make(family, number)` makes layers of shapes, always the same ones; `arithmetic` measures what they share in
whole numbers; the functions in `judges` ask gis and hold its answer against that, on the engine that `engines.engine`
puts in force; `running` gathers the verdicts. A script can run one family:

    python -m tests.truth.exact --families upright sheer --engines kernels --judges two_layers ledger --count 50

prints how much was judged and how much of it was wrong, with one specimen for each judge, made as small as it can be
while something of the same kind is wrong with it. In Python:

    from tests.truth.exact.engines import engine
    from tests.truth.exact.running import judged, run, smaller
    from tests.truth.exact.specimens import make

    verdict = run([make("upright", number) for number in range(50)], "kernels", ["two_layers"])
    print(verdict.judged, *verdict.faults[:3], sep="\\n")
    with engine("kernels"):
        specimen, verdict = smaller(make("upright", 1), "two_layers")

`scripts/bench exact` runs all families on both engines beside other engines, and writes the table of docs.
"""
