"""Groups near-duplicates into clusters, and gives each cluster one split."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model.dataset.clusters import joined, near_clusters
from model.dataset.lots import draw_lots
from model.dataset.manifest import SPLITS
from model.dataset.membership import among

_HELD_OUT: Final = {"test": 0.1, "val": 0.1}
"""The share of the clusters without a claim that each split gets; all others go to `train`."""

_STRENGTH: Final = {split: rank for rank, split in enumerate(SPLITS)}


def picture_of(images: pd.DataFrame) -> pd.Series:
    """Return the hash that identifies each image's picture: of its pixels, or of its bytes if it cannot be decoded."""
    return images["pixel_hash"].fillna(images["sha256"])


def place(
    pictures: pd.DataFrame,
    claims: pd.DataFrame,
    given: pd.DataFrame | None,
    *,
    same: pd.DataFrame | None = None,
    sketches: pd.Series | None = None,
) -> pd.DataFrame:
    """Return `cluster`, `split` and `rule` (a key of LEFT_OUT, or empty if the picture stays) by picture.

    - `pictures`: the columns `picture` and `phash`.
    - `claims`: all claims about `pictures`; the first claim of each picture decides.
    - `given`: every image of every earlier version, also if it is withdrawn or excluded now.
    - `same`: pairs of pictures (`one`, `other`) that are one for a known reason: a neutralised copy and its original.
    - `sketches`: the sketches of all pictures that the lake knows, by picture.

    1. Near-duplicates (`near_clusters`) and the pairs of `same` are one cluster, whatever their labels, and are in one
       split.
    2. A split once given never changes. A new image in a cluster with a split takes the cluster's split.
    3. A new image is left out if its cluster spans two splits.
    4. A new image that its source assigns to `test` is left out if its cluster is in another split.
    5. If images of earlier versions turn out to be near-duplicates across splits, only those in the strongest split
       stay.
    6. An image from a report is in `train`, or left out if its cluster is in another split. Reporters choose what they
       report, and must not decide what is tested or where the threshold lies.
    7. A cluster without a split takes the strongest that its sources claim: `test`, then `val`, then `train`.
    8. Clusters without a claim are drawn by lot: 80 % train, 10 % val, 10 % test of each source and generator. The
       clusters of earlier versions count, so a split that has too few of a generator is filled up.
    9. A cluster claimed for `train` takes part in the draw for `val` or `test` if none of its sources has that split.
       Many sources publish `train` alone.
    """
    same = pd.DataFrame() if same is None else same
    nodes = _nodes(pictures, given, sketches)
    nodes["component"] = _components(nodes, same)
    trusted = claims[~claims["reported"]]
    leads = claims.drop_duplicates("picture")
    reported = pd.Series(among(nodes.index, leads.loc[leads["reported"], "picture"]), index=nodes.index)
    hint = _strongest_hint(trusted.assign(node=trusted["picture"])).reindex(nodes.index)
    spans = nodes.groupby("component")["given"].transform("nunique") > 1
    fresh = nodes["given"].isna()
    nodes["rule"] = np.where(spans & fresh, "between_splits", "")
    _part(nodes, spans & ~fresh, same)
    before = nodes.groupby("component")["given"].first()
    settled = nodes["component"].map(before)
    late_test = fresh & (hint == "test") & settled.notna() & (settled != "test")
    nodes.loc[late_test & (nodes["rule"] == ""), "rule"] = "test_near_train"
    staying = nodes[(nodes["rule"] == "") & nodes["present"]]
    # Named after an image that is not from a report, if there is any: such an image stays in any split.
    named = staying.index[np.argsort(reported[staying.index], kind="stable")]
    names = staying.loc[named].reset_index().groupby("component")["picture"].first()
    component = trusted["picture"].map(nodes["component"])
    told = names[names.index.isin(component)]
    proposed = _propose(told, trusted.assign(node=component), before)
    placed = nodes.assign(cluster=nodes["component"].map(names))
    placed["split"] = settled.fillna(placed["component"].map(proposed.reindex(names.index, fill_value="train")))
    placed.loc[reported & (placed["split"] != "train") & (placed["rule"] == ""), "rule"] = "reported_near_held_out"
    return placed


def _nodes(pictures: pd.DataFrame, given: pd.DataFrame | None, sketches: pd.Series | None) -> pd.DataFrame:
    """Return the pictures of this and all earlier versions: hashes, the split `given`, and if `present` now."""
    nodes = pictures.set_index("picture")[["phash"]].assign(given=pd.Series(dtype="str"), present=True)
    if given is not None:
        once = given.assign(picture=picture_of(given)).drop_duplicates("picture").set_index("picture")
        nodes["given"] = once["split"].reindex(nodes.index)
        absent = once.loc[~among(once.index, nodes.index), ["phash", "split"]]
        nodes = pd.concat([nodes, absent.rename(columns={"split": "given"}).assign(present=False)])
    return nodes.assign(sketch=None if sketches is None else sketches.reindex(nodes.index))


def _components(nodes: pd.DataFrame, same: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number, from 0, of the cluster of each picture."""
    near = near_clusters(nodes["phash"].to_numpy(dtype=np.int64, na_value=0), nodes["sketch"])
    if same.empty:
        return near
    # With the pictures that no version holds: an original that was never published still connects its copies.
    ends, pictures = pd.factorize(pd.concat([same["one"], same["other"]]))
    pairs = coo_array((np.ones(len(same), dtype=np.bool_), np.split(ends, 2)), shape=(len(pictures), len(pictures)))
    groups = pd.Series(connected_components(pairs, directed=False)[1], pictures).reindex(nodes.index)
    alone = pd.Series(np.arange(len(nodes)) + len(pictures), nodes.index)
    return joined(near, groups.fillna(alone).to_numpy(np.int64))


def _part(nodes: pd.DataFrame, spanning: pd.Series, same: pd.DataFrame) -> None:
    """Divide, in place, the clusters of the `spanning` nodes, which were given different splits.

    Nodes near to each other stay one cluster, in the strongest of their splits; all other nodes get the rule
    'between_splits'.
    """
    if not spanning.any():
        return
    nodes.loc[spanning, "component"] = nodes["component"].max() + 1 + _components(nodes[spanning], same)
    rank = nodes["given"].map(_STRENGTH)
    strongest = rank.groupby(nodes["component"]).transform("max")
    weaker = spanning & (rank < strongest)
    nodes.loc[weaker, "rule"] = "between_splits"
    # Give each its own component, so that its split affects no other image.
    nodes.loc[weaker, "component"] = -1 - np.arange(weaker.sum())


def _propose(names: pd.Series, claims: pd.DataFrame, before: pd.Series) -> pd.Series:
    """Return a split for each component in `names` (its cluster): the one of `before`, claimed (`claims`), or drawn."""
    hinted = _strongest_hint(claims).reindex(names.index)
    leads = claims.drop_duplicates("node").set_index("node").reindex(names.index)
    codes, strata = pd.factorize(leads["source"] + "\0" + leads["label"] + "\0" + leads["generator"].fillna(""))
    stratum = pd.Series(codes, index=names.index)
    proposed, lots = before.reindex(names.index), pd.Series(draw_lots(names), index=names.index)
    proposed = proposed.fillna(hinted.where(hinted != "train"))
    for split, share in _HELD_OUT.items():
        publishers = set(claims.loc[claims["split_hint"] == split, "source"])
        published = claims["source"].isin(publishers).groupby(claims["node"]).any().reindex(names.index)
        open_ = hinted.isna() | ((hinted == "train") & ~published)
        wanted = np.floor(_count(stratum[open_], strata) * share + _luck(strata, split))
        lacking = wanted - _count(stratum[open_ & (proposed == split)], strata)
        turn = lots[open_ & proposed.isna()].groupby(stratum).rank().reindex(names.index)
        proposed = proposed.mask(turn <= lacking[codes], split)
    return proposed.fillna("train")


def _count(members: pd.Series, strata: pd.Index) -> NDArray[np.int64]:
    """Return how many of `members`, each a number of a stratum, each stratum has."""
    return np.bincount(members, minlength=len(strata))


def _luck(strata: pd.Index, split: str) -> NDArray[np.float64]:
    """Return a number of 0 to 1 for each stratum, so that strata smaller than ten get their share on average."""
    luck: NDArray[np.float64] = pd.util.hash_array((split + "\0" + strata).to_numpy(dtype=object)) / 2.0**64
    return luck


def _strongest_hint(claims: pd.DataFrame) -> pd.Series:
    """Return the strongest split claimed for each `node` that has a claim: test, then val, then train."""
    ranks = claims["split_hint"].map(_STRENGTH).groupby(claims["node"]).max().dropna()
    return ranks.map(lambda rank: SPLITS[int(rank)]).astype("str")
