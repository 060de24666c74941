from collections.abc import Callable, Iterable
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from model.errors import SourceError
from model.sources.declaration import Source, declared_sources, read_declared, require_image
from model.sources.kinds import read_source
from model.sources.neutralise import neutralise
from model.sources.reports import ACCEPTED, SOURCE
from support.user_reports import say, write_said

EXAMPLE = Path(__file__).parents[3] / "infra" / "sources" / "example.toml"
SHOES = '[sources.shoes]\nlocation = "shop"\nlicence = "CC-BY-4.0"\n'


def test_the_example_is_valid_and_its_images_can_be_drawn() -> None:
    (source,) = declared_sources(str(EXAMPLE))
    assert (source.name, source.licence) == ("still_lifes", "Apache-2.0")
    image = next(read_declared(source))
    assert (image.source, image.licence) == ("still_lifes", "Apache-2.0")


def test_what_the_example_leaves_out_is_valid_too(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("# [sources"))
    target = tmp_path / "sources.toml"
    target.write_text("\n".join([*lines[:start], *(line.removeprefix("# ") for line in lines[start:])]))
    by_name = {source.name: source for source in declared_sources(str(target))}
    assert by_name["shoes"] == Source(
        location="csv:s3://bucket/shoes", name="shoes", licence="CC-BY-4.0", generator="midjourney", neutralise=True
    )
    assert by_name["cifake"].location == str(tmp_path.parent / "data" / "cifake.tar.xz")


def test_any_other_location_is_one_source_with_nothing_to_add() -> None:
    assert declared_sources("csv:s3://bucket/shoes") == (Source(location="csv:s3://bucket/shoes"),)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("shop", "{folder}/shop"),
        ("../shop/a.csv", "{parent}/shop/a.csv"),
        ("csv:shop", "csv:{folder}/shop"),
        ("/data/shop", "/data/shop"),
        ("s3://bucket/shop", "s3://bucket/shop"),
        ("synthetic?images=6", "synthetic?images=6"),
    ],
)
def test_a_relative_path_starts_from_the_folder_of_the_file(tmp_path: Path, written: str, meant: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(f'[sources.shop]\nlocation = "{written}"\nlicence = "ours"\n')
    (source,) = declared_sources(str(file))
    assert source.location == meant.format(folder=tmp_path, parent=tmp_path.parent)


def test_the_file_can_lie_in_a_bucket_beside_what_it_declares() -> None:
    bucket = fsspec.filesystem("memory")
    bucket.pipe({"/declared/sources.toml": SHOES.encode(), "/declared/shop/ai/a.jpg": b"a"})
    try:
        (source,) = declared_sources("memory://declared/sources.toml")
        assert [image.origin for image in read_declared(source)] == ["ai/a.jpg"]
    finally:
        bucket.rm("/declared", recursive=True)


def test_a_declaration_names_the_source_and_the_generator_that_its_files_do_not(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["ai/a.jpg", "real/b.jpg", "sdv4/train/ai/c.jpg"])
    source = Source(location=f"genimage:{root}", name="shoes", generator="midjourney")
    assert {(image.source, image.generator) for image in read_declared(source)} == {
        ("shoes", "midjourney"), ("shoes", None), ("shoes", "sdv4"),
    }  # fmt: skip
    plain = Source(location=f"genimage:{root}")
    assert {(image.source, image.generator) for image in read_declared(plain)} == {
        ("shop", "unknown"), ("shop", None), ("shop", "sdv4"),
    }  # fmt: skip


def test_every_image_carries_the_licence_of_its_source_as_far_as_it_is_stated(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = str(grow(["ai/a.jpg", "real/b.jpg"]))
    assert {image.licence for image in read_declared(Source(location=root, licence="CC-BY-4.0"))} == {"CC-BY-4.0"}
    assert {image.licence for image in read_declared(Source(location=root))} == {None}
    assert next(read_declared(Source(location="synthetic?images=1"))).licence == "Apache-2.0"
    assert next(read_declared(Source(location="synthetic?images=1", licence="ours"))).licence == "ours"


def test_reports_of_users_keep_their_name_whatever_a_declaration_calls_them(tmp_path: Path) -> None:
    write_said(UPath(tmp_path), say("ada", review=ACCEPTED), b"an image")
    (image,) = read_declared(Source(location=f"feedback:{tmp_path / 'feedback'}", name="customers"))
    assert (image.source, image.split) == (SOURCE, "train")


def test_a_source_that_asks_for_it_is_neutralised(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["ai/a.jpg", "real/b.jpg"])
    images = list(read_declared(Source(location=str(root), neutralise=True)))
    assert images == [neutralise(image) for image in read_source(str(root))]


def test_a_source_must_hold_an_image_unless_it_is_of_reports(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/notes.txt"])
    with pytest.raises(SourceError, match=rf"'{root}' holds no image at all. .*Put images into it"):
        require_image(Source(location=str(root)))
    require_image(Source(location=f"feedback:{root}"))
    require_image(Source(location=str(grow(["real/a.jpg"]))))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            '[sources.shoes]\nlocation = "shop"\n',
            r"\[sources.shoes\] of '.*sources.toml'.*licence is missing.*Its keys",
        ),
        (SHOES + 'license = "MIT"\n', r"\[sources.shoes\].*'license' is no key.*location, licence, kind, generator"),
        (SHOES + 'kind = "shoes"\n', r"kind = 'shoes': .*known kinds are folders, .*parquet"),
        (SHOES + 'neutralise = "yes"\n', r"neutralise = 'yes': .*boolean"),
        (SHOES + 'generator = ""\n', r"generator = '': .*at least 1 character"),
        (SHOES + f'generator = "{"g" * 256}"\n', r"generator = 'g{199}: .*at most 255 characters"),
        (SHOES + f'kind = "{"k" * 900_000}"\n', r"kind = 'k{199}: .*known kinds"),
        (SHOES + f'{"l" * 900_000} = "MIT"\n', r"\[sources.shoes\].*: 'l{200}' is no key"),
        (SHOES.replace("CC-BY-4.0", "l" * 501), r"licence = 'l{199}: .*at most 500 characters"),
        (SHOES.replace("shop", "s" * 4_001), r"location = 's{199}: .*at most 4000 characters"),
        (SHOES.replace("shoes", "s" * 256), r"\[sources.s{50}…\] of .* has 256 characters; at most 255 are kept"),
        (SHOES.replace("shoes", '"lake/feedback"'), r"may be called 'lake/feedback', which is what users report"),
        (SHOES + SHOES, r"sources.toml' is no TOML in UTF-8: .*sources.*shoes.*line 4"),
        ("[sources.shoes\n", r"no TOML in UTF-8: .*line 1"),
        ("\xff", r"no TOML in UTF-8: .*0xff"),
        ("", r"must hold a table \[sources.<name>\] for each source"),
        ("[source.shoes]\n", r"must hold a table .* and no other key, such as 'source'"),
        ("[sources]\nshoes = 1\n", r"\[sources.shoes\] .*: it = 1: .*dictionary"),
    ],
)
def test_a_declaration_that_is_not_understood_is_refused_with_the_way_out(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(SourceError, match=complaint):
        declared_sources(str(file))


def test_a_declaration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing.toml' cannot be read: FileNotFoundError"):
        declared_sources(str(tmp_path / "nothing.toml"))


def test_collections_that_are_held_out_are_for_the_test(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["faces/real/a.jpg", "shoes/train/real/b.jpg", "cars/ai/c.jpg"])
    file = root.parent / "sources.toml"
    file.write_text(f'[sources.shop]\nlocation = "{root}"\nlicence = "ours"\nhold_out = ["shoes", "cars"]\n')
    (source,) = declared_sources(str(file))
    assert {image.collection: image.split for image in read_declared(source)} == {
        "faces": None, "shoes": "test", "cars": "test",
    }  # fmt: skip


def test_a_source_without_images_says_what_was_found_instead(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"no image at all\. Left out: .* '\.txt', .* Such: 1, first 'notes\.txt'"):
        require_image(Source(location=str(tmp_path)))
