"""The page of figures."""

from truegrain_bench.results.catalog import MEANING
from truegrain_bench.results.published import comparison
from truegrain_bench.results.results import RESULTS, read, table
from truegrain_docs.markdown import page


def figures() -> str:
    """Return each measured figure with the command, the machine and the day of its run."""
    measured = read(RESULTS)
    return page(
        "Figures",
        "The run that measured a figure writes the figure into `infra/bench/results.json`: `make bench` in about an"
        " hour, `make bench-full` in a day. The file also names the revision that was measured.",
        table(measured, MEANING),
        "## CIFAKE, beside what others have published",
        "The published figures are of all 20,000 test images. Ours are of the 10,011 test images that we had, and of 87"
        " images of train that nearly repeat one of them. Nothing that resembles a test image is trained on.",
        comparison(measured),
    )
