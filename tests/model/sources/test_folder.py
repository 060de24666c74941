import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from model.errors import InvalidImage, SourceError
from model.images.decoding import decode
from model.sources.kinds import open_source, read_source
from support.sources import remarks_of


def test_images_come_sorted_by_path_with_their_bytes_untouched(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["train/REAL/b.jpg", "train/FAKE/z.jpg", "train/FAKE/a (2).jpg", "test/REAL/b.jpg"])
    images = list(read_source(str(root)))
    origins = ["test/REAL/b.jpg", "train/FAKE/a (2).jpg", "train/FAKE/z.jpg", "train/REAL/b.jpg"]
    assert [image.origin for image in images] == origins
    assert [image.data for image in images] == [(root / origin).read_bytes() for origin in origins]
    assert {image.source for image in images} == {"shop"}
    assert [(image.label, image.split) for image in images] == [
        ("real", "test"), ("ai", "train"), ("ai", "train"), ("real", "train"),
    ]  # fmt: skip


def test_an_image_with_broken_bytes_is_still_handed_over(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/a.jpg"])
    (root / "real" / "broken.png").write_bytes(b"no image at all")
    assert [image.data for image in read_source(str(root))][1] == b"no image at all"


def test_an_unknown_class_folder_is_refused_before_any_image_is_read(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["ai/a.jpg", "reel/b.jpg"])
    with pytest.raises(SourceError, match=r"'reel'.*Known spellings"):
        next(read_source(str(root)))


def test_an_empty_folder_and_one_with_a_single_class_are_read_as_they_are(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    assert list(read_source(str(grow([])))) == []
    assert [image.label for image in read_source(str(grow(["real/a.jpg"])))] == ["real"]


def test_links_and_pipes_are_not_followed(grow: Callable[[Iterable[str]], Path], tmp_path: Path) -> None:
    root = grow(["real/a.jpg"])
    outside = tmp_path / "secret" / "real"
    outside.mkdir(parents=True)
    (outside / "x.jpg").write_bytes(b"secret")
    (root / "real" / "link.jpg").symlink_to(outside / "x.jpg")
    (root / "ai").symlink_to(outside)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "real" / "pipe.jpg")
    assert [image.origin for image in read_source(str(root))] == ["real/a.jpg"]
    assert [(remark.text.partition(".")[0], remark.examples) for remark in remarks_of(root)] == [
        ("Left out: a link that leads out of the folder", ("ai", "real/link.jpg")),
        ("Left out: a link to a folder or a device, or to nothing", ("loop",)),
    ]


@pytest.mark.parametrize(
    "inside", ["datasets--x--y", "datasets--x--y/snapshots/abc", "datasets--x--y/snapshots/abc/data"]
)
def test_the_links_of_hugging_faces_cache_are_followed(tmp_path: Path, inside: str) -> None:
    cache = tmp_path / "datasets--x--y"
    (cache / "blobs").mkdir(parents=True)
    for number, label in enumerate(("real", "ai")):
        (cache / "blobs" / f"{number}").write_bytes(b"%d" % number)
        link = cache / "snapshots" / "abc" / "data" / label / f"{number}.jpg"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../../../blobs/{number}")
    assert sorted((image.label, image.data) for image in read_source(str(tmp_path / inside))) == [
        ("ai", b"1"), ("real", b"0"),
    ]  # fmt: skip


def test_a_link_inside_of_a_folder_is_followed_only_while_its_target_stays_a_file(
    grow: Callable[[Iterable[str]], Path], tmp_path: Path
) -> None:
    root = grow(["real/a.jpg", "real/files/b.jpg"])
    (root / "real" / "z.jpg").symlink_to("files/b.jpg")
    with open_source(str(root)) as items:
        entries = {item.path: item for item in items}
    link = entries["real/z.jpg"]
    assert [image.data for image in link.images()] == [(root / "real" / "files" / "b.jpg").read_bytes()]
    (root / "real" / "files").rename(tmp_path / "files")
    (root / "real" / "files").symlink_to(tmp_path / "files")
    with pytest.raises(SourceError, match="is no longer a file"):
        list(link.images())


@pytest.mark.parametrize("becomes", ["link", "link above", "pipe", "socket"])
def test_what_becomes_a_link_or_a_pipe_after_it_was_listed_is_not_opened(
    grow: Callable[[Iterable[str]], Path], tmp_path: Path, becomes: str
) -> None:
    root = grow(["real/b/a.jpg", "real/b/c.jpg"])
    images, listed = read_source(str(root)), root / "real" / "b" / "c.jpg"
    assert next(images).origin == "real/b/a.jpg"
    listed.rename(tmp_path / "c.jpg")
    with socket.socket(socket.AF_UNIX) as bound:
        match becomes:
            case "link":
                listed.symlink_to(tmp_path / "c.jpg")
            case "link above":
                listed.parent.rename(tmp_path / "away")
                listed.parent.symlink_to(tmp_path)
            case "pipe":
                os.mkfifo(listed)
            case "socket":
                bound.bind(str(listed))
        with pytest.raises(SourceError, match=r"'real/b/c.jpg' is no longer a file: it is a link"):
            next(images)


def test_the_folder_itself_may_be_a_link(grow: Callable[[Iterable[str]], Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(grow(["real/a.jpg"]))
    assert [(image.source, image.origin) for image in read_source(str(tmp_path / "link"))] == [("shop", "real/a.jpg")]


def test_of_a_file_that_is_too_large_just_enough_is_read_to_refuse_it(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow([])
    with (root / "real.jpg").open("wb") as file:
        file.truncate(60_000_000)
    (root / "real").mkdir()
    (root / "real.jpg").rename(root / "real" / "huge.jpg")
    (image,) = read_source(str(root))
    assert len(image.data) < 51_000_000
    with pytest.raises(InvalidImage) as refusal:
        decode(image.data)
    assert refusal.value.reason == "too_many_bytes"


def test_files_before_and_after_a_folder_of_the_same_beginning_stay_sorted(
    grow: Callable[[Iterable[str]], Path],
) -> None:
    root = grow(["real/b/a.jpg", "real/a.jpg", "real/b.jpg", "real/c.jpg"])
    assert [image.origin for image in read_source(str(root))] == [
        "real/a.jpg", "real/b/a.jpg", "real/b.jpg", "real/c.jpg",
    ]  # fmt: skip


def test_folders_deeper_than_python_can_recurse_are_walked(grow: Callable[[Iterable[str]], Path]) -> None:
    root, deep = grow(["real/a.jpg"]), "/".join(["real", *["d"] * 1500])
    folders = [root / deep[: len("real") + 2 * depth] for depth in range(1501)]
    for folder in folders[1:]:
        folder.mkdir()
    image = (root / "real" / "a.jpg").rename(folders[-1] / "a.jpg")
    try:
        assert [image.origin for image in read_source(str(root))] == [f"{deep}/a.jpg"]
    finally:  # pytest's own removal of the temporary folder recurses
        image.unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()


def test_a_name_that_is_not_utf8_can_be_stored(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/a.jpg"])
    (root / "real" / "a.jpg").rename(root / "real" / os.fsdecode(b"\xff.jpg"))
    (image,) = read_source(str(root))
    assert (image.origin, image.origin.encode()) == ("real/\ufffd.jpg", b"real/\xef\xbf\xbd.jpg")


def test_a_file_that_vanishes_while_it_is_its_turn_is_named(grow: Callable[[Iterable[str]], Path]) -> None:
    root = grow(["real/a.jpg", "real/b.jpg"])
    images = read_source(str(root))
    next(images)
    (root / "real" / "b.jpg").unlink()
    with pytest.raises(SourceError, match=r"cannot be read: FileNotFoundError.*b\.jpg"):
        list(images)
