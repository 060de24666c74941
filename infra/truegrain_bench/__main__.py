"""`make bench`: measures the figures of the manual, and writes them into results.json."""

import argparse
import sys

from truegrain_bench.results.catalog import LONG, MEANING, SHORT
from truegrain_bench.results.results import RESULTS, record, table
from truegrain_rig.stack import ROOT


def main() -> None:
    """Run the named measurements, update results.json, and print all figures."""
    known = {**SHORT, **LONG}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="measure everything, which takes long")
    parser.add_argument("names", nargs="*", help=f"measure only these of: {', '.join(known)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - known.keys():
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    for name in arguments.names or (known if arguments.full else SHORT):
        results = record(RESULTS, list(known[name]()), root=ROOT)
    sys.stdout.write(table(results, MEANING) + "\n")


if __name__ == "__main__":
    main()
