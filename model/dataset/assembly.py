"""Decides which images of the lake belong to a dataset version, and by which rule each other image is left out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.dataset.demonstration import makes_way
from model.dataset.manifest import GIVEN, SCHEMA
from model.dataset.membership import among, places
from model.dataset.shards import ERASED
from model.dataset.splitting import picture_of, place
from model.errors import DatasetError
from model.sources.neutralise import former_origins
from model.sources.reports import SOURCE as REPORTS

_KINDS: Final = ("source", "generator", "collection")
"""The columns by whose values a person may exclude images from a version."""

LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "withdrawn": "it was withdrawn, or has the same pixels as a withdrawn image",
        "excluded": "its source or generator is excluded from this version",
        "demonstration": "it is a built-in image of the demonstration, and another source has images",
        "neutralised": "it entered before its source was neutralised; its neutralised copy replaces it",
        "two_labels": "its pixels entered under two labels at once; neither label can be trusted",
        "later_label": "its pixels are known under the other label; the label that entered first stays",
        "duplicate": "its pixels equal those of a known image; the file that entered first stays",
        "between_splits": "its near-duplicates span two splits, and a split once given never changes",
        "reported_near_held_out": "it came from a report, and is a near-duplicate of an image in val or test",
        "test_near_train": "its source assigns it to test, but a near-duplicate is already in another split",
    }
)
"""Why a file of the lake is not in a version, by the name of the rule."""

# Sort key of the claims. It has every column in which claims differ, so the order of the input makes no difference.
_PRECEDENCE: Final = (
    "new",
    "reported",
    "ingested_at",
    "sha256",
    "origin",
    "label",
    "source",
    "generator",
    "split_hint",
    "licence",
    "collection",
)

_DECIDING: Final = ("picture", "label", "new", "reported", "ingested_at", "source", "generator", "split_hint")
"""The columns of a claim that the rules use."""

_CLAIMED: Final = (
    "sha256", "pixel_hash", "phash", "decode_error", "label", "source", "generator", "split_hint", "licence",
    "collection", "origin", "ingested_at", "batch", "row",
)  # fmt: skip
"""The columns of the facts by which images are chosen."""

_ORDER: Final = ("ingested_at", "batch", "row")
"""Sort key of a manifest's rows: the order of the lake, so that each shard is read once."""

_OWN: Final = [name for name in SCHEMA.names if name not in ("cluster", "split")]


@dataclass(frozen=True)
class Assembly:
    """The rows of a dataset version, and the files of the lake that are not in it.

    - `rows`: the images of the version, with the columns of a manifest.
    - `left_out`: one row for each other file of the lake: `rule` (a key of LEFT_OUT), `sha256`, `origin`.
    - `two_splits`: the images of `rows` that were claimed for several splits (`sha256`, `origin`, `split`).
    - `former`: images that earlier versions gave a split and that are not in `rows`. They keep their split.
    """

    rows: pd.DataFrame
    left_out: pd.DataFrame
    two_splits: pd.DataFrame
    former: pd.DataFrame


def assemble_rows(
    facts: pd.DataFrame,
    given: pd.DataFrame | None = None,
    *,
    withdrawn: Collection[str] = (),
    withdrawn_reports: Collection[str] = (),
    exclude: Collection[str] = (),
    demonstration: bool = False,
) -> Assembly:
    """Decide which images of the lake (`Lake.facts`) belong to a dataset version, and in which split.

    - `given`: every image of every earlier version (`manifest.read_given`).
    - `withdrawn`: hashes of bytes and of pixels that must not come back.
    - `withdrawn_reports`: hashes that must not come back in a report.
    - `exclude`: names of sources, generators and collections (see `_find_excluded`).
    - `demonstration`: whether the built-in images were asked for by name.

    The rules, in order:

    1. If a file entered both unchanged and neutralised, only the neutralised image stays.
    2. Excluded and withdrawn images are left out, and so are images whose bytes were erased.
    3. Built-in images are left out if another source still has an image, unless they were asked for (see `makes_way`).
    4. Images with the same pixels are one image. The file that entered first stays; the others are duplicates.
    5. An image keeps the label under which it first entered. If two labels enter together, the image is left out,
       because neither label can be trusted.
    6. Until a version is published, a claim from any other source beats a report on the same picture, even if the claim
       came later.
    7. `place` chooses the split of each remaining image, and leaves out images that would connect two splits.

    Pure: the result does not depend on the order of `facts`. Raises DatasetError for a name in `exclude` that no image
    has.
    """
    facts = facts.reset_index(drop=True)
    claims = _claims(facts, given)
    neutralised = _find_neutralised(claims)
    claims.loc[neutralised.index, "rule"] = "neutralised"
    claims.loc[_find_excluded(claims, exclude), "rule"] = "excluded"
    claims.loc[_is_withdrawn(claims, withdrawn), "rule"] = "withdrawn"
    if withdrawn_reports:
        claims.loc[claims["reported"] & _is_withdrawn(claims, withdrawn_reports), "rule"] = "withdrawn"
    claims.loc[claims["decode_error"] == ERASED, "rule"] = "withdrawn"  # even without a tombstone
    admitted = claims.loc[claims["rule"] == "", ["source", "origin"]]
    claims.loc[admitted.index[makes_way(admitted, asked=demonstration)], "rule"] = "demonstration"
    precedence = _precedence(claims)
    open_ = claims.loc[precedence[claims["rule"].array[precedence] == ""], list(_DECIDING)]
    claims.loc[open_.index, "rule"] = _judge_labels(open_)
    pictures = claims.loc[open_.index[claims.loc[open_.index, "rule"] == ""], ["picture", "phash"]]
    open_ = open_[among(open_["picture"], pictures["picture"])]
    placed = place(pictures, open_, given, same=neutralised, sketches=_sketches(claims["picture"], facts["sketch"]))
    refused = placed.loc[placed["rule"] != "", "rule"]
    doubtful = open_.loc[among(open_["picture"], refused.index), "picture"]
    claims.loc[doubtful.index, "rule"] = doubtful.map(refused)
    order = facts.loc[claims["rule"] == "", list(_ORDER)].sort_values(list(_ORDER), kind="stable").index
    kept = claims.loc[order, "picture"]
    found = places(kept, placed.index)
    decided = {name: placed[name].array.take(found) for name in ("cluster", "split")}
    hints = open_[open_["picture"].duplicated(keep=False)].groupby("picture")["split_hint"].nunique()
    in_two = among(kept, hints.index[hints > 1])
    others = precedence[claims["rule"].array[precedence] != ""]
    left_out = claims.loc[others, ["rule", "sha256", "origin"]].reset_index(drop=True)
    del claims, open_, placed, pictures  # half a gigabyte of a million rows, before all columns are copied
    rows = facts.reindex(index=order, columns=_OWN).assign(**decided)[SCHEMA.names].reset_index(drop=True)
    return Assembly(
        rows=rows,
        left_out=left_out,
        two_splits=rows.loc[in_two, ["sha256", "origin", "split"]],
        former=_former(given, kept),
    )


def _claims(facts: pd.DataFrame, given: pd.DataFrame | None) -> pd.DataFrame:
    """Return the claims in the order of `facts`; `picture`, `new`, `reported` and an empty `rule` are added."""
    claims = facts[list(_CLAIMED)].assign(
        picture=picture_of(facts), new=True, reported=facts["source"] == REPORTS, rule=""
    )
    if given is not None:
        known = given.drop_duplicates("sha256")
        labels = known["label"].array.take(places(claims["sha256"], known["sha256"]), allow_fill=True)
        claims["new"] = (claims["label"] != labels).to_numpy(dtype=np.bool_, na_value=True)
    return claims


def _precedence(claims: pd.DataFrame) -> NDArray[np.uint64]:
    """Return the indices of the claims in an order in which each picture's deciding claim comes first."""
    keys = pa.Table.from_pandas(claims[list(_PRECEDENCE)], preserve_index=False)
    return np.asarray(pc.sort_indices(keys, [(name, "ascending") for name in _PRECEDENCE]))


def _find_neutralised(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the picture of each claim that has a neutralised copy (`one`), and the picture of the copy (`other`).

    The index is the index of the claims. A claim with several copies has several rows.
    """
    former = former_origins(claims)
    copies = claims.loc[former.index, ["source", "picture"]].assign(origin=former)
    likely = claims.loc[among(claims["origin"], former), ["source", "origin", "picture"]]
    pairs = likely.reset_index().merge(copies, on=["source", "origin"], suffixes=("", "_copy"))
    return pairs.set_index("index")[["picture", "picture_copy"]].set_axis(["one", "other"], axis=1)


def _sketches(pictures: pd.Series, sketches: pd.Series) -> pd.Series:
    """Return the sketch of each picture of the lake that has one, as a place in a dictionary: copies stay small."""
    known = np.flatnonzero(sketches.notna())
    known = known[~pictures.iloc[known].duplicated()]
    coded = pa.DictionaryArray.from_arrays(pa.array(known, pa.int32()), pa.chunked_array(sketches).combine_chunks())
    return pd.Series(coded, pictures.iloc[known], dtype=pd.ArrowDtype(coded.type))


def _is_withdrawn(claims: pd.DataFrame, withdrawn: Collection[str]) -> NDArray[np.bool_]:
    named = among(claims["sha256"], withdrawn) | among(claims["picture"], withdrawn)
    return among(claims["picture"], claims.loc[named, "picture"])


def _judge_labels(claims: pd.DataFrame) -> pd.Series:
    """Return the rule that leaves each claim out; empty for the one claim of each picture that stays."""
    pictures = pd.Series(pd.factorize(claims["picture"])[0], claims.index)
    leads = claims.loc[~pictures.duplicated(), ["label", "new", "reported", "ingested_at"]]
    lead = leads.take(pictures.to_numpy()).set_axis(claims.index)
    contradicts = claims["label"] != lead["label"]
    together = lead["new"] & (claims["ingested_at"] == lead["ingested_at"])
    equals = claims["reported"] == lead["reported"]
    contested = pictures[together & contradicts & equals]
    rule = pd.Series("duplicate", index=claims.index).mask(contradicts, "later_label")
    rule = rule.mask(~pictures.duplicated(), "")
    return rule.mask(pictures.isin(contested), "two_labels")


def _former(given: pd.DataFrame | None, pictures: pd.Series) -> pd.DataFrame:
    if given is None:
        return pd.DataFrame(columns=list(GIVEN))
    return given.loc[~among(picture_of(given), pictures), list(GIVEN)].reset_index(drop=True)


def _find_excluded(images: pd.DataFrame, names: Collection[str]) -> pd.Series:
    """Mark the images (columns _KINDS) that `names` such as 'source:x', 'generator:y' or 'collection:z' exclude.

    Raises DatasetError for a name that no image has, and lists the names that exist. A misspelt name would exclude
    nothing.
    """
    known = {f"{kind}:{name}" for kind in _KINDS for name in images[kind].dropna().unique()}
    if unknown := sorted(set(names) - known):
        raise DatasetError(f"cannot exclude {_quote(unknown)}; the lake holds {_quote(sorted(known))}")
    excluded = pd.Series(data=False, index=images.index)
    for kind in _KINDS:
        excluded |= (f"{kind}:" + images[kind]).isin(names)
    return excluded


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
