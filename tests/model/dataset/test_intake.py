"""From images to rows: the memory for a source's repeated claims is bounded."""

from dataclasses import replace

import pytest

from model.dataset import shards
from model.dataset.digest_set import Digests
from model.dataset.intake import Intake
from model.dataset.lake import Lake
from model.dataset.shards import write_shards
from model.errors import SourceError
from model.sources.labelled_image import LONGEST_LICENCE, LONGEST_NAME, LONGEST_ORIGIN
from support.small_images import NOW, labelled, many

LONGEST = {"source": LONGEST_NAME, "generator": LONGEST_NAME, "licence": LONGEST_LICENCE, "origin": LONGEST_ORIGIN}


@pytest.mark.parametrize("name", LONGEST)
def test_a_claim_that_is_too_long_is_refused_with_the_name_of_its_image(name: str) -> None:
    intake, most = Intake(Digests(), now=NOW), LONGEST[name]
    fits, long = (replace(labelled(number, "ai"), **{name: "x" * (most + number)}) for number in range(2))
    rows = intake.rows([fits, long], lambda _read, _new: None)
    assert next(rows)[name] == "x" * most
    shown = (
        rf"The {name} of the image '[1x.png]+' of the source '[madex]+' has {most + 1:,} characters; "
        rf"at most {most:,} are kept"
    )
    with pytest.raises(SourceError, match=shown) as refusal:
        next(rows)
    assert len(str(refusal.value)) < 1_000


@pytest.mark.parametrize("name", ["source", "generator", "licence"])
@pytest.mark.parametrize("control", ["\n", "\r", "\x1f", "\x1b", "\0", "\x85", "\u2028"])
def test_a_claim_with_a_control_character_is_refused_and_a_path_with_one_is_kept(name: str, control: str) -> None:
    image = replace(labelled(1, "ai"), origin=f"a{control}b.png")
    rows = Intake(Digests(), now=NOW).rows(
        [image, replace(labelled(2, "ai"), **{name: f"a{control}b"})], lambda *_: None
    )
    assert next(rows)["origin"] == f"a{control}b.png"
    with pytest.raises(SourceError, match=rf"The {name} of the image '.*' has the control character '"):
        next(rows)


def test_text_counts_when_rows_are_cut_into_shards(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_SHARD_BYTES", 5_000)
    images = (replace(image, origin=f"{image.origin:0>1000}") for image in many(12))
    write_shards(lake.root, Intake(Digests(), now=NOW).rows(images, lambda _read, _new: None))
    assert len(list(lake.root.glob("part-*.parquet"))) >= 3
