"""REAL and AI, and the spellings every known dataset uses for them."""

from model.errors import SourceError

REAL = 0
AI = 1
CLASSES = ("real", "ai")
"""Label names by class index: `CLASSES[AI] == "ai"`."""

SPELLINGS = {
    "real": ("real", "0_real", "nature", "natural", "authentic", "human", "photo", "original", "genuine"),
    "ai": ("ai", "fake", "1_fake", "generated", "synthetic", "ai_generated", "aigenerated", "artificial"),
}


def find_label(spelling: str) -> str | None:
    """Return the label that `spelling` (a folder's name, a cell of a table) stands for, or None when it names none."""
    word = spelling.strip().lower().replace("-", "_").replace(" ", "_")
    return next((label for label, known in SPELLINGS.items() if word in known), None)


def parse_label(spelling: str) -> str:
    """Like `find_label`, for a place where a label must stand; raises SourceError naming the known spellings."""
    label = find_label(spelling)
    if label is None:
        known = "; ".join(f"{label}: {', '.join(words)}" for label, words in SPELLINGS.items())
        raise SourceError(f"'{spelling}' names no label. Known spellings: {known}")
    return label
