"""The rules by which images become a dataset version, on facts without images."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset.assembly import LEFT_OUT, Assembly, assemble_rows
from model.dataset.lake import to_frame
from model.dataset.manifest import GIVEN
from model.dataset.shards import BATCH_SCHEMA, FACTS
from model.errors import DatasetError
from model.sources.reports import SOURCE as REPORTS

SCHEMA = pa.schema([BATCH_SCHEMA.field(name) for name in FACTS])
START = datetime(2026, 1, 5, tzinfo=UTC)
IDENTITY = ["sha256", "label", "split", "source", "generator", "cluster"]


@dataclass(frozen=True)
class Claim:
    """A file. Pictures at most two places apart look alike.

    Another `variant` has other pixels but looks the same. Another `container` is another file of the same pixels.
    """

    place: int
    variant: int = 0
    container: int = 0
    label: str = "real"
    split: str | None = None
    source: str = "a"
    origin: str = ""

    @property
    def pixel_hash(self) -> str:
        return digest("pixels", self.place, self.variant)

    @property
    def sha256(self) -> str:
        return digest("file", self.place, self.variant, self.container)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def perceptual(place: int) -> int:
    """Return a hash with 32 set bits in a row from `place` on; hashes of neighbouring places differ in two bits."""
    bits = sum(1 << (place + offset) % 64 for offset in range(32))
    return bits - 2**64 if bits >= 2**63 else bits


def facts(*batches: list[Claim]) -> pd.DataFrame:
    """Return the facts of a lake that got one batch a day."""
    rows = [
        {
            "sha256": claim.sha256,
            "bytes": 900,
            "pixel_hash": claim.pixel_hash,
            "phash": perceptual(claim.place),
            "label": claim.label,
            "source": claim.source,
            "generator": f"{claim.source}-net" if claim.label == "ai" else None,
            "split_hint": claim.split,
            "origin": claim.origin or f"{claim.container}.png",
            "ingested_at": START + timedelta(days=day),
        }
        for day, batch in enumerate(batches)
        for claim in batch
    ]
    table = to_frame(pa.Table.from_pylist(rows, schema=SCHEMA))
    return table.assign(batch="b", row=range(len(rows)))


def remembered(assembly: Assembly) -> pd.DataFrame:
    """Return what later versions know of this version, as `read_given` reads it."""
    held = assembly.rows[list(GIVEN)].assign(former=False)
    return pd.concat([held, assembly.former.assign(former=True)], ignore_index=True)


def splits(assembly: Assembly) -> dict[str, str]:
    return dict(zip(assembly.rows["sha256"], assembly.rows["split"], strict=True))


def rules(assembly: Assembly) -> dict[str, str]:
    return dict(zip(assembly.left_out["sha256"], assembly.left_out["rule"], strict=True))


def two_fortnights(first: list[Claim], second: list[Claim]) -> Assembly:
    return assemble_rows(facts(first, second), remembered(assemble_rows(facts(first))))


def test_near_duplicates_that_enter_together_share_a_cluster_and_the_strongest_claim() -> None:
    train, near, far = Claim(0, split="train"), Claim(2, split="test"), Claim(5, split="train")
    assembly = assemble_rows(facts([train, near, far]))
    assert splits(assembly) == {train.sha256: "test", near.sha256: "test", far.sha256: splits(assembly)[far.sha256]}
    assert splits(assembly)[far.sha256] != "test"
    assert assembly.rows["cluster"].nunique() == 2


def test_what_a_source_does_not_publish_is_taken_from_its_train() -> None:
    train = [Claim(place, variant=1, split="train", source="hub") for place in range(0, 64, 4)]
    alone = splits(assemble_rows(facts(train)))
    assert set(alone.values()) == {"train", "val", "test"}
    test = Claim(60, variant=1, split="test", source="hub")
    beside_test = splits(assemble_rows(facts([*train[:-1], test])))
    assert set(beside_test.values()) == {"train", "val", "test"}
    assert [sha256 for sha256, split in beside_test.items() if split == "test"] == [test.sha256]


def test_a_near_duplicate_takes_the_split_that_was_given_before() -> None:
    test, late = Claim(0, split="test"), Claim(1, split="train", label="ai")
    assert splits(two_fortnights([test], [late]))[late.sha256] == "test"


def test_an_image_between_two_splits_is_left_out_and_nothing_moves() -> None:
    train, test, between = Claim(0, split="val"), Claim(4, split="test"), Claim(2)
    assembly = two_fortnights([train, test], [between])
    assert splits(assembly) == {train.sha256: "val", test.sha256: "test"}
    assert rules(assembly) == {between.sha256: "between_splits"}


def test_a_test_image_near_what_was_trained_on_is_left_out() -> None:
    val, late, later = Claim(0, split="val"), Claim(1, split="test"), Claim(2, split="train")
    assembly = two_fortnights([val], [late, later])
    assert rules(assembly) == {late.sha256: "test_near_train"}
    assert splits(assembly)[later.sha256] == "val"


def test_images_of_earlier_versions_that_turn_out_to_be_near_stay_in_the_strongest_split_only() -> None:
    train, test, apart = Claim(0), Claim(1), Claim(20)
    earlier = remembered(assemble_rows(facts([train, test, apart])))
    earlier["split"] = earlier["sha256"].map({train.sha256: "train", test.sha256: "test", apart.sha256: "val"})
    assembly = assemble_rows(facts([train, test, apart]), earlier)
    assert splits(assembly) == {test.sha256: "test", apart.sha256: "val"}
    assert rules(assembly) == {train.sha256: "between_splits"}
    assert list(assembly.former["split"]) == ["train"]


def test_dividing_a_cluster_leaves_all_other_clusters_as_they_are() -> None:
    train, test, others = Claim(30), Claim(31), [Claim(place) for place in range(0, 25, 5)]
    earlier = remembered(assemble_rows(facts([train, test, *others])))
    given = {train.sha256: "train", test.sha256: "test"} | {other.sha256: "val" for other in others}
    earlier["split"] = earlier["sha256"].map(given)
    late = [Claim(other.place + 1, split="train") for other in others]
    assembly = assemble_rows(facts([train, test, *others], late), earlier)
    assert splits(assembly) == {test.sha256: "test"} | {claim.sha256: "val" for claim in (*others, *late)}
    assert assembly.rows["cluster"].nunique() == 1 + len(others)


def neutralised_from(original: Claim, place: int, **changes: Any) -> Claim:
    """The neutralised copy of a file, which looks like a file at `place`."""
    copy = Claim(place, **changes)
    return replace(copy, origin=f"{original.origin or '0.png'}/{copy.sha256[:16]}.jpg")


def test_a_neutralised_copy_keeps_the_split_of_its_original_however_little_it_resembles_it() -> None:
    named = enumerate(["train", "train", "val", "test", None, None])
    originals = [Claim(5 * number, split=split, origin=f"{number}.png") for number, split in named]
    copies = [neutralised_from(original, original.place + 32, variant=1) for original in originals]
    first, second = assemble_rows(facts(originals)), two_fortnights(originals, copies)
    before, after = splits(first), splits(second)
    assert [after[copy.sha256] for copy in copies] == [before[original.sha256] for original in originals]
    assert rules(second) == {original.sha256: "neutralised" for original in originals}
    assert second.rows["cluster"].nunique() == len(copies)


def test_an_original_of_another_source_or_under_another_path_is_no_original() -> None:
    test = Claim(0, split="test")
    elsewhere = neutralised_from(test, 32, source="b", split="val")
    other = neutralised_from(Claim(0, origin="1.png"), 48, split="val")
    assert splits(two_fortnights([test], [elsewhere, other])) == {
        test.sha256: "test",
        elsewhere.sha256: "val",
        other.sha256: "val",
    }


def test_two_neutralised_copies_of_an_image_that_was_never_published_are_one_cluster() -> None:
    original = Claim(0)
    first, second = (neutralised_from(original, place, split=split) for place, split in ((20, "test"), (40, "train")))
    assembly = two_fortnights([original, first], [second])
    assert splits(assembly) == {first.sha256: "test", second.sha256: "test"}
    assert assembly.rows["cluster"].nunique() == 1


def test_a_copy_that_an_earlier_release_put_into_another_split_than_its_original_leaves_train() -> None:
    original, apart = Claim(0, split="test"), Claim(10, origin="1.png")
    copy = neutralised_from(original, 32)
    earlier = remembered(assemble_rows(facts([original, apart])))
    earlier = pd.concat([earlier, earlier.iloc[:1].assign(sha256=copy.sha256, pixel_hash=copy.pixel_hash)])
    earlier["phash"] = pd.array([perceptual(0), perceptual(10), perceptual(32)], dtype="Int64")
    earlier["split"] = ["test", "train", "train"]
    assembly = assemble_rows(facts([original, apart], [copy]), earlier)
    assert splits(assembly) == {apart.sha256: "train"}
    assert rules(assembly) == {original.sha256: "neutralised", copy.sha256: "between_splits"}


def test_the_split_of_an_image_that_has_gone_still_binds_its_near_duplicates() -> None:
    gone, late = Claim(0, split="test"), Claim(1, split="train")
    first = assemble_rows(facts([gone]))
    second = assemble_rows(facts([gone]), remembered(first), withdrawn={gone.sha256})
    third = assemble_rows(facts([gone], [late]), remembered(second), withdrawn={gone.sha256})
    assert (len(second.rows), rules(second)) == (0, {gone.sha256: "withdrawn"})
    assert splits(third) == {late.sha256: "test"}


def test_a_withdrawn_image_takes_its_pixel_twins_with_it_whichever_hash_is_known() -> None:
    image, twin, other = Claim(0), Claim(0, container=1), Claim(9)
    for hashes in ({twin.sha256}, {twin.pixel_hash}):
        assembly = assemble_rows(facts([image], [twin, other]), withdrawn=hashes)
        assert list(splits(assembly)) == [other.sha256]
        assert rules(assembly) == {image.sha256: "withdrawn", twin.sha256: "withdrawn"}


def test_labels_that_disagree_follow_the_rule_of_who_came_first() -> None:
    together, against = Claim(0, label="ai"), Claim(0, container=1, label="real")
    first, later, again = Claim(9, label="ai"), Claim(9, container=1, label="real"), Claim(9, container=2, label="ai")
    assembly = assemble_rows(facts([together, against, first], [later, again]))
    assert list(splits(assembly)) == [first.sha256]
    assert rules(assembly) == {
        together.sha256: "two_labels",
        against.sha256: "two_labels",
        later.sha256: "later_label",
        again.sha256: "duplicate",
    }


def test_an_image_claimed_for_two_splits_is_reported_with_the_one_it_got() -> None:
    train, test = Claim(0, split="train"), Claim(0, container=1, split="test")
    reported = assemble_rows(facts([train, test, Claim(9, split="train")])).two_splits
    assert list(reported["split"]) == ["test"]
    assert set(reported["sha256"]) <= {train.sha256, test.sha256}


def test_an_excluded_source_or_generator_is_left_out_and_its_labels_count_for_nothing() -> None:
    trusted, distrusted = Claim(0, label="real"), Claim(0, container=1, label="ai", source="b")
    everything = facts([trusted, distrusted])
    assert rules(assemble_rows(everything)) == {trusted.sha256: "two_labels", distrusted.sha256: "two_labels"}
    for name in ("source:b", "generator:b-net"):
        assembly = assemble_rows(everything, exclude=[name])
        assert list(splits(assembly)) == [trusted.sha256]
        assert rules(assembly) == {distrusted.sha256: "excluded"}


@pytest.mark.parametrize("name", ["source:c", "b", "generator:a-net", "label:real"])
def test_an_exclusion_that_excludes_nothing_is_an_error_that_lists_what_there_is(name: str) -> None:
    with pytest.raises(DatasetError, match=rf"'{name}'; the lake holds 'generator:b-net', 'source:a', 'source:b'"):
        assemble_rows(facts([Claim(0), Claim(9, label="ai", source="b")]), exclude=[name])


def drawn(place: int, **facts: Any) -> Claim:
    """A file of the built-in source."""
    return Claim(place, source="synthetic", origin=f"seed=0/size=64/real/{place:06}.jpg", **facts)


def test_the_demonstration_leaves_as_another_source_comes_and_its_labels_count_for_nothing() -> None:
    first, twin, photograph = drawn(0), drawn(20), Claim(20, container=1, label="ai")
    report = Claim(40, label="ai", split="train", source=REPORTS)
    assert set(splits(two_fortnights([first, twin], [report]))) == {first.sha256, twin.sha256, report.sha256}
    assembly = two_fortnights([first, twin], [report, photograph])
    assert set(splits(assembly)) == {photograph.sha256, report.sha256}
    assert rules(assembly) == {first.sha256: "demonstration", twin.sha256: "demonstration"}
    assert dict(zip(assembly.former["sha256"], assembly.former["source"], strict=True)) == {first.sha256: "synthetic"}


def test_a_demonstration_that_was_asked_for_stays_beside_another_source() -> None:
    claims = facts([drawn(0), Claim(20)])
    assert len(assemble_rows(claims, demonstration=True).rows) == 2
    assert len(assemble_rows(claims).rows) == 1


@pytest.mark.parametrize("without", [{"exclude": ["source:a"]}, {"withdrawn": {Claim(20).sha256}}])
def test_the_demonstration_is_back_with_the_splits_it_had_where_no_other_source_is_left(
    without: dict[str, Any],
) -> None:
    demonstration = [drawn(place) for place in range(0, 20, 4)]
    first = assemble_rows(facts(demonstration))
    second = assemble_rows(facts(demonstration, [Claim(20)]), remembered(first))
    third = assemble_rows(facts(demonstration, [Claim(20)]), remembered(second), **without)
    assert list(splits(second)) == [Claim(20).sha256]
    assert splits(third) == splits(first)


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_report_that_resembles_what_is_held_out_is_left_out_whichever_came_first(split: str) -> None:
    held, report = Claim(0, split=split), Claim(1, label="ai", split="train", source=REPORTS)
    for assembly in (two_fortnights([held], [report]), assemble_rows(facts([held, report]))):
        assert splits(assembly) == {held.sha256: split}
        assert rules(assembly) == {report.sha256: "reported_near_held_out"}


def test_reports_are_for_train_and_claim_no_split_for_others() -> None:
    reports = [Claim(place, split="train", source=REPORTS) for place in range(0, 64, 4)]
    assert set(splits(assemble_rows(facts(reports))).values()) == {"train"}
    twins = [Claim(place, container=1) for place in range(0, 64, 4)]
    assert splits(assemble_rows(facts(twins))) == splits(assemble_rows(facts([*twins, *reports])))
    assert len(set(splits(assemble_rows(facts(twins))).values())) > 1


@pytest.mark.parametrize("together", [True, False])
def test_a_report_gives_way_to_another_source_until_a_version_was_published(*, together: bool) -> None:
    report = Claim(0, label="ai", split="train", source=REPORTS)
    image, other = Claim(0, container=1, label="real", split="test"), Claim(9)
    batches = ([report, image, other],) if together else ([report, other], [image])
    assembly = assemble_rows(facts(*batches))
    assert splits(assembly)[image.sha256] == "test"
    assert rules(assembly) == {report.sha256: "later_label"}
    assert rules(two_fortnights([report, other], [image])) == {image.sha256: "later_label"}


def test_two_reports_that_contradict_each_other_are_both_left_out() -> None:
    reports = [
        Claim(0, container=n, label=each, split="train", source=REPORTS) for n, each in enumerate(("ai", "real"))
    ]
    assert set(rules(assemble_rows(facts([*reports, Claim(9)]))).values()) == {"two_labels"}


def test_a_report_does_not_take_the_place_of_a_test_image_whose_source_is_excluded() -> None:
    image, report = Claim(0, split="test"), Claim(0, container=1, label="ai", split="train", source=REPORTS)
    everything = facts([image, Claim(9)], [report])
    assembly = assemble_rows(everything, remembered(assemble_rows(facts([image, Claim(9)]))), exclude=["source:a"])
    assert splits(assembly) == {}
    assert rules(assembly)[report.sha256] == "reported_near_held_out"


def test_a_cluster_that_a_report_leads_is_named_after_what_stays() -> None:
    report, held = Claim(0, split="train", source=REPORTS), Claim(1, split="test")
    assembly = assemble_rows(facts([report, held]))
    assert list(assembly.rows["cluster"]) == [held.pixel_hash]


def test_every_rule_says_what_it_means() -> None:
    assert all(LEFT_OUT.values())


def claims_of(sources: list[str], hints: list[str | None]) -> st.SearchStrategy[Claim]:
    return st.builds(
        Claim,
        place=st.integers(0, 30),
        variant=st.integers(0, 1),
        container=st.integers(0, 1),
        label=st.sampled_from(["real", "ai"]),
        split=st.sampled_from(hints),
        source=st.sampled_from(sources),
    )


claims = claims_of(["a", "b"], [None, "train", "val", "test"]) | claims_of([REPORTS], ["train"])
batches = st.lists(st.lists(claims, min_size=1, max_size=12, unique=True), min_size=1, max_size=5)
PLACE = {digest("pixels", place, variant): place for place in range(31) for variant in range(2)}


@settings(deadline=None, max_examples=30)
@given(batches=batches, data=st.data())
def test_whatever_comes_no_split_ever_changes_and_no_two_that_look_alike_are_apart(
    batches: list[list[Claim]], data: st.DataObject
) -> None:
    earlier, history = None, {}
    for count in range(1, len(batches) + 1):
        everything = facts(*batches[:count])
        names = sorted({f"source:{name}" for name in everything["source"]})
        exclude = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=1))
        withdrawn = data.draw(st.sets(st.sampled_from(sorted(everything["sha256"])), max_size=2))
        assembly = assemble_rows(everything, earlier, withdrawn=withdrawn, exclude=exclude)
        earlier = remembered(assembly)

        assert len(everything) == len(assembly.rows) + len(assembly.left_out)
        assert assembly.rows["pixel_hash"].is_unique
        assert (assembly.rows.groupby("cluster")["split"].nunique() == 1).all()
        now = dict(zip(earlier["pixel_hash"], earlier["split"], strict=True))
        assert set(assembly.rows.loc[assembly.rows["source"] == REPORTS, "split"]) <= {"train"}
        assert history.items() <= now.items()
        assert all(now[one] == now[other] for one in now for other in now if abs(PLACE[one] - PLACE[other]) <= 2)
        trusted = everything[~("source:" + everything["source"]).isin(exclude)]
        meant_for_test = set(trusted.loc[trusted["split_hint"] == "test", "pixel_hash"])
        assert all(now[picture] == "test" for picture in (now.keys() - history.keys()) & meant_for_test)
        history = now


@settings(deadline=None, max_examples=30)
@given(batches=batches, shuffle=st.randoms(use_true_random=False))
def test_the_order_within_a_batch_makes_no_difference_and_once_more_changes_nothing(
    batches: list[list[Claim]], shuffle: Random
) -> None:
    earlier = remembered(assemble_rows(facts(*batches[:-1]))) if len(batches) > 1 else None
    mixed = [shuffle.sample(batch, len(batch)) for batch in batches]
    one, other = assemble_rows(facts(*batches), earlier), assemble_rows(facts(*mixed), earlier)
    assert contents(one.rows) == contents(other.rows)
    assert sorted(map(tuple, one.left_out.to_numpy())) == sorted(map(tuple, other.left_out.to_numpy()))
    again = assemble_rows(facts(*batches), remembered(one))
    assert contents(again.rows.drop(columns="cluster")) == contents(one.rows.drop(columns="cluster"))


def contents(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    columns = [name for name in IDENTITY if name in rows]
    return sorted(map(tuple, rows[columns].fillna("").to_numpy()))
