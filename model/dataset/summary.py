"""Summarises a dataset version: what it holds, what was left out and why, and how it differs from the previous."""

import json
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from model.dataset.assembly import LEFT_OUT, Assembly
from model.dataset.lake import Lake
from model.dataset.manifest import SPLITS
from model.dataset.membership import among

_EXAMPLES: Final = 100
"""Most files that are listed for each rule; the count includes all."""

_USUAL_CLUSTER: Final = 0.01
_USUAL_BETWEEN: Final = 0.03
"""Largest usual shares of a version's images: in one cluster, and left out between two splits."""

_FEWEST: Final = 20
"""Images in a cluster, or between splits, of which fewer say nothing."""

COUNTED: Final = ("label", "source", "generator")
"""The columns by whose values added and removed images are counted."""


def summarise(
    assembly: Assembly,
    *,
    previous: tuple[str, pd.DataFrame] | None,
    tombstones: pd.DataFrame,
    exclude: Collection[str],
    remarks: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """Return the content of summary.json, ready for JSON.

    `previous` is the id of the previous version and its images (columns `sha256`, `bytes` and COUNTED), or None.
    `remarks` are what sources said about their reading.
    """
    rows = assembly.rows
    return {
        "rows": len(rows),
        "undecodable": int(rows["decode_error"].notna().sum()),
        "splits": {split: _counts(rows.loc[rows["split"] == split, "label"]) for split in SPLITS},
        "sources": _counts(rows["source"]),
        "generators": _counts(rows["generator"]),
        "collections": _collections(rows),
        "licences": _licences(rows),
        "clusters": _clusters(rows),
        "left_out": {rule: _listing(files) for rule, files in _by_rule(assembly.left_out)},
        "two_splits": _listing(assembly.two_splits),
        "remarks": list(remarks),
        "excluded": sorted(set(exclude)),
        "withdrawn": _withdrawn(assembly.left_out, tombstones),
        "diff": _diff(rows, previous),
    }


def read_warnings(lake: Lake, version: str) -> tuple[str, ...]:
    """Return what the sources and the near-duplicates of a staged version warn of; nothing without a summary."""
    file = lake.version_path(version) / "summary.json"
    summary = json.loads(file.read_bytes()) if file.exists() else {}
    remarks = (
        f"{remark['source']}: {remark['text']} Such: {remark['count']:,}, first '{remark['examples'][0]}'"
        for remark in summary.get("remarks", [])
        if remark["warns"]
    )
    return (*remarks, *_about_near_duplicates(summary))


def _about_near_duplicates(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning if near-duplicates take away more than a few per cent of the images, or of their variety."""
    images = summary.get("rows", 0)
    largest = summary.get("clusters", {}).get("largest", 0)
    if largest >= _FEWEST and largest > _USUAL_CLUSTER * images:
        yield (
            f"One group of near-duplicates has {largest:,} of {images:,} images, more than {_USUAL_CLUSTER:.0%}: it is "
            "in one split, and counts little more than one image. Look at the images of the largest cluster"
        )
    apart = summary.get("left_out", {}).get("between_splits", {}).get("count", 0)
    if apart >= _FEWEST and apart > _USUAL_BETWEEN * (images + apart):
        yield (
            f"{apart:,} images are left out because their near-duplicates span two splits, more than "
            f"{_USUAL_BETWEEN:.0%} of all: the sources repeat each other. Look at the first ones in summary.json"
        )


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(value): int(n) for value, n in values.value_counts().items()}


def _collections(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Count the images of each collection by split; images without a collection are not counted."""
    counts = rows.groupby(["source", "collection", "split"]).size().unstack(fill_value=0)
    table = counts.reindex(columns=list(SPLITS), fill_value=0).reset_index()
    return [{str(name): value for name, value in held.items()} for held in table.to_dict("records")]


def _licences(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Count the images of each source by licence; None if no licence is stated."""
    counts = rows.groupby(["source", "licence"], dropna=False).size().reset_index(name="images")
    return [
        {"source": source, "licence": None if pd.isna(licence) else licence, "images": int(images)}
        for source, licence, images in zip(counts["source"], counts["licence"], counts["images"], strict=True)
    ]


def _clusters(rows: pd.DataFrame) -> dict[str, int]:
    """Count the clusters with more than one image."""
    repeated = rows.loc[rows["cluster"].duplicated(keep=False), ["cluster", "label"]]
    several = repeated.groupby("cluster")["label"].agg(["size", "nunique"])
    return {
        "near_duplicates": len(several),
        "images": int(several["size"].sum()),
        "largest": int(several["size"].max()) if len(several) else min(len(rows), 1),
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
    effective = tombstones[among(tombstones["sha256"], kept_out)].sort_values("sha256")
    when = effective["withdrawn_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return effective[["sha256", "reason"]].assign(withdrawn_at=when).to_dict("records")


def _diff(rows: pd.DataFrame, previous: tuple[str, pd.DataFrame] | None) -> dict[str, object]:
    version, before = previous or (None, rows.head(0))
    return {
        "previous": version,
        "added": _change(rows[~among(rows["sha256"], before["sha256"])]),
        "removed": _change(before[~among(before["sha256"], rows["sha256"])]),
    }


def _change(images: pd.DataFrame) -> dict[str, object]:
    """Count the images in all and by label, source and generator, and the bytes of their files."""
    counts: dict[str, object] = {column: _counts(images[column]) for column in COUNTED}
    return {"images": len(images), "bytes": int(images["bytes"].sum()), **counts}
