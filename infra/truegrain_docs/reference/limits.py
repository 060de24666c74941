"""The page of the limits of gate and monitor."""

from typing import Final

from truegrain_docs.markdown import page

_FILES: Final = (
    (
        "The gate",
        "model/evaluation/gate/gate.toml",
        "[Why was my detector refused?](../train/why-refused.md) explains each rule.",
    ),
    ("Drift", "model/monitoring/drift.toml", "[When traffic drifts](../operate/drift.md) explains the signals."),
)


def limits() -> str:
    """Return the files of limits of the gate and of drift as they are."""
    return page(
        "Limits of gate and drift",
        "To change limits, list the changed ones in a TOML file of your own, under their headings. Name the file in"
        " `TRUEGRAIN_GATE_POLICY` or in `TRUEGRAIN_DRIFT_POLICY`.",
        *(
            f"## {title}\n\n{text}\n\n```{{literalinclude}} ../../../{path}\n:language: toml\n```"
            for title, path, text in _FILES
        ),
    )
