"""The fuzzing targets accept their seeds, and the seeds reach past the first check of each parser."""

from pathlib import Path

import pytest

from model.images.decoding import decode
from model.images.formats import FORMATS
from model.sources.archive import SUFFIXES
from model.sources.csv_table import read_table
from model.sources.kinds import read_source
from model.sources.sample_words import SUFFIXES as SAMPLE
from model.sources.sample_words import read_words
from truegrain_fuzz import seeds
from truegrain_fuzz.targets import TARGETS, BrokenPromise


@pytest.mark.parametrize("name", TARGETS)
def test_no_seed_breaks_a_target(name: str, tmp_path: Path) -> None:
    parse = TARGETS[name].open(tmp_path)
    given = list(TARGETS[name].seeds())
    assert given
    assert max(map(len, given)) <= TARGETS[name].most_bytes
    for seed in (*given, b"", b"\0", given[0][:-7]):
        parse(seed)


def test_the_seeds_are_what_they_should_be(tmp_path: Path) -> None:
    assert {decode(image).format for image in seeds.images()} == set(FORMATS)
    for number, packed in enumerate(seeds.archives()):
        path = tmp_path / f"seed{SUFFIXES[number]}"
        path.write_bytes(packed[1:])
        assert [image.label for image in read_source(str(path))] == ["real", "ai"]
    for shard in seeds.shards():
        (tmp_path / "seed.parquet").write_bytes(shard)
        assert [image.label for image in read_source(str(tmp_path / "seed.parquet"))] == ["ai", "real"]
    for table in seeds.tables():
        assert len(list(read_table(table, path="seed.csv") or ())) == 2
    for lines in seeds.json_lines():
        assert len(list(read_table(lines, path="seed.jsonl") or ())) == 2
    said = [read_words({SAMPLE[number]: words[1:]}, "a.jpg").label for number, words in enumerate(seeds.words())]
    assert said == ["ai", "ai", None]


def test_an_answer_of_the_services_own_making_breaks_a_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    parse = TARGETS["request"].open(tmp_path)
    monkeypatch.setattr("service.endpoints.predict.judge", fail)
    with pytest.raises(BrokenPromise, match="POST /predict as 'image/jpeg' was answered 500"):
        parse(bytes([0, 2]) + next(seeds.images()))
