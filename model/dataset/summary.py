"""Summarises a dataset version: what it holds, what was left out and why, and how it differs from the previous."""

from collections.abc import Collection, Hashable
from typing import Final

import pandas as pd

from model.dataset.assembly import LEFT_OUT, Assembly
from model.dataset.manifest import SPLITS

_EXAMPLES: Final = 100
"""Most files that are listed for each rule; the count includes all."""

COUNTED: Final = ("label", "source", "generator")
"""The columns by whose values added and removed images are counted."""


def summarise(
    assembly: Assembly,
    *,
    previous: tuple[str, pd.DataFrame] | None,
    tombstones: pd.DataFrame,
    exclude: Collection[str],
) -> dict[str, object]:
    """Return the content of summary.json, ready for JSON.

    `previous` is the id of the previous version and its images (columns `sha256`, `bytes` and COUNTED), or None.
    """
    rows = assembly.rows
    return {
        "rows": len(rows),
        "undecodable": int(rows["decode_error"].notna().sum()),
        "splits": {split: _counts(rows.loc[rows["split"] == split, "label"]) for split in SPLITS},
        "sources": _counts(rows["source"]),
        "generators": _counts(rows["generator"]),
        "licences": _licences(rows),
        "clusters": _clusters(rows),
        "left_out": {rule: _listing(files) for rule, files in _by_rule(assembly.left_out)},
        "two_splits": _listing(assembly.two_splits),
        "excluded": sorted(set(exclude)),
        "withdrawn": _withdrawn(assembly.left_out, tombstones),
        "diff": _diff(rows, previous),
    }


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(value): int(n) for value, n in values.value_counts().items()}


def _licences(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Count the images of each source by licence; None if no licence is stated."""
    counts = rows.groupby(["source", "licence"], dropna=False).size().reset_index(name="images")
    return [
        {"source": source, "licence": None if pd.isna(licence) else licence, "images": int(images)}
        for source, licence, images in zip(counts["source"], counts["licence"], counts["images"], strict=True)
    ]


def _clusters(rows: pd.DataFrame) -> dict[str, int]:
    """Count the clusters with more than one image."""
    clusters = rows.groupby("cluster")["label"].agg(["size", "nunique"])
    several = clusters[clusters["size"] > 1]
    return {
        "near_duplicates": len(several),
        "images": int(several["size"].sum()),
        "largest": int(clusters["size"].max()) if len(clusters) else 0,
        "of_both_labels": int((several["nunique"] > 1).sum()),
    }


def _by_rule(left_out: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    found = [(rule, left_out.loc[left_out["rule"] == rule, ["sha256", "origin"]]) for rule in LEFT_OUT]
    return [(rule, files) for rule, files in found if len(files)]


def _listing(files: pd.DataFrame) -> dict[str, object]:
    return {"count": len(files), "first": files.sort_values("sha256").head(_EXAMPLES).to_dict("records")}


def _withdrawn(left_out: pd.DataFrame, tombstones: pd.DataFrame) -> list[dict[Hashable, object]]:
    """List all tombstones that keep a file of the lake out."""
    kept_out = left_out.loc[left_out["rule"] == "withdrawn", "sha256"]
    effective = tombstones[tombstones["sha256"].isin(kept_out)].sort_values("sha256")
    when = effective["withdrawn_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return effective[["sha256", "reason"]].assign(withdrawn_at=when).to_dict("records")


def _diff(rows: pd.DataFrame, previous: tuple[str, pd.DataFrame] | None) -> dict[str, object]:
    version, before = previous or (None, rows.head(0))
    return {
        "previous": version,
        "added": _change(rows[~rows["sha256"].isin(before["sha256"])]),
        "removed": _change(before[~before["sha256"].isin(rows["sha256"])]),
    }


def _change(images: pd.DataFrame) -> dict[str, object]:
    """Count the images in all and by label, source and generator, and the bytes of their files."""
    counts: dict[str, object] = {column: _counts(images[column]) for column in COUNTED}
    return {"images": len(images), "bytes": int(images["bytes"].sum()), **counts}
