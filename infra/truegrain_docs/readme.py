"""Writes the figures of README: a few of those in the manual."""

from collections.abc import Mapping
from typing import Final

from truegrain_bench.results.catalog import MEANING
from truegrain_bench.results.results import Result, write_value
from truegrain_docs.markdown import code, table

FIGURES: Final = (
    "setup.up_seconds",
    "detector.cifake_accuracy",
    "detector.cifake_ece",
    "serve.p50_ms",
    "serve.b0_224_images_per_second",
    "drill.detect_requests",
)
BEGIN: Final = "<!-- figures: written by `make docs` -->"
END: Final = "<!-- end of figures -->"


def with_figures(readme: str, measured: Mapping[str, Result]) -> str:
    """Return the text of README with the figures as they were measured."""
    rows = ((MEANING[name], write_value(measured[name]), code(name)) for name in FIGURES)
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(('what', 'measured', 'figure'), rows)}\n{END}{after}"
