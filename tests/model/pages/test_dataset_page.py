import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.dataset.assembly import LEFT_OUT
from model.dataset.ingest import assemble, publish
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.dataset.remarks import write_notes
from model.dataset.tombstones import withdraw
from model.pages.dataset_page import write_page
from model.sources.declaration import Source
from model.sources.labelled_image import LabelledImage
from model.sources.remarks import Remark
from model.sources.synthetic import Order, draw_images
from support.small_images import NOW, collect, labelled, many

EVIL = '<script>alert("x")</script>'


def _stage(lake: Lake, images: list[LabelledImage], *, day: int = 2, exclude: tuple[str, ...] = ()) -> str:
    collect(lake, images, now=NOW.replace(day=day))
    return assemble(lake, today=date(2026, 11, day), exclude=exclude)


def _judge(lake: Lake, version: str, **verdict: object) -> None:
    report = {"success": True, "accepted": 1, "refused": 0, "failed": [], "warnings": [], "refused_by_reason": {}}
    (lake.version_path(version) / "validation.json").write_text(json.dumps(report | verdict))


def _page(lake: Lake, version: str) -> str:
    write_page(lake, version)
    return (lake.version_path(version) / "docs" / "version.html").read_text()


def _cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row)] for row in rows]


def test_it_says_what_the_version_holds(lake: Lake) -> None:
    images = [replace(image, split="test") for image in many(30)] + [replace(labelled(99, "real"), data=b"broken")]
    page = _page(lake, _stage(lake, images))
    assert ["test", "15", "15"] in _cells(page)
    assert ["made", "31"] in _cells(page)
    assert ["blocks", "15"] in _cells(page)
    assert "<dt>not decodable</dt><dd>1</dd>" in page
    assert "This is the first version." in page
    assert page.count("data:image/webp;base64,") == 2
    assert page.count("<svg") == 3


def test_it_shows_what_sources_said_about_their_reading_and_their_collections(lake: Lake) -> None:
    remarks = [
        Remark("A split is <odd>.", 1_200, ("a.jpg",), warns=True),
        Remark("A file was left out.", 3, ("b.svg",)),
    ]
    write_notes(lake, Source(location="shop", name="shop"), Part(1, 1, ()), {"": remarks})
    version = _stage(lake, [replace(image, collection="faces", split="train") for image in many(20)])
    page = _page(lake, version)
    assert ["shop", "A split is &lt;odd&gt;.", "a.jpg", "1,200"] in _cells(page)
    assert ["shop", "A file was left out.", "b.svg", "3"] in _cells(page)
    held = next(cells for cells in _cells(page) if cells[:2] == ["faces", "made"])
    assert sum(map(int, held[2:])) == 20


def test_it_says_under_which_licences_the_images_of_a_source_are(lake: Lake) -> None:
    version = _stage(lake, [*(replace(image, licence="CC-BY-4.0") for image in many(20)), labelled(50, "ai")])
    page = _page(lake, version)
    assert ["CC-BY-4.0", "made", "20"] in _cells(page)
    assert ["not stated", "made", "1"] in _cells(page)


def test_a_version_that_was_staged_before_licences_has_its_page(lake: Lake) -> None:
    version = _stage(lake, list(many(4)))
    summary = json.loads((lake.version_path(version) / "summary.json").read_text())
    del summary["licences"]
    (lake.version_path(version) / "summary.json").write_text(json.dumps(summary))
    assert "Contents" in _page(lake, version)


def test_it_says_what_changed_and_what_was_left_out(lake: Lake, lock: Path) -> None:
    first = _stage(lake, [*many(20), replace(labelled(50, "ai"), generator="gone")])
    write_rows(lake, first, read_candidates(lake, first), name="manifest")
    _judge(lake, first)
    publish(lake, first)
    author = lake.facts()["sha256"].iloc[0]
    withdraw(lake, [author], lock=lock, reason="its author asked", now=NOW)
    second = _stage(lake, list(many(6, start=30)), day=16, exclude=("generator:gone",))
    page = _page(lake, second)
    assert f'<a href="../../{first}/docs/version.html">{first}</a>' in page
    assert ["source", "made", "6", "2"] in _cells(page)
    assert ["generator", "blocks", "3", "1"] in _cells(page)
    assert ["generator", "gone", "0", "1"] in _cells(page)
    assert "Excluded from this version: <code>generator:gone</code>." in page
    assert [author, "its author asked", "2026-11-02T02:00:00Z"] in _cells(page)
    assert "its source or generator is excluded from this version" in page


def test_it_says_how_many_images_of_the_demonstration_made_way(lake: Lake) -> None:
    page = _page(lake, _stage(lake, [*draw_images(Order(images=12, size=32)), *many(6)]))
    [row] = [row for row in re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL) if LEFT_OUT["demonstration"] in row]
    assert row.endswith('<td class="number">12</td>')
    assert ["synthetic", "12"] not in _cells(page)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ({"success": True, "warnings": ["The mix changed"]}, ["May be trained on", "The mix changed"]),
        ({"success": False, "failed": ["Both classes"]}, ["Refused: nothing is trained on it", "Both classes"]),
        ({"refused": 3, "refused_by_reason": {"cannot be decoded": 3}}, ["3 refused", "cannot be decoded"]),
        (None, ["Not validated yet"]),
    ],
)
def test_it_says_what_validation_said(lake: Lake, verdict: dict[str, object] | None, words: list[str]) -> None:
    version = _stage(lake, list(many(4)))
    if verdict is not None:
        _judge(lake, version, **verdict)
    page = _page(lake, version)
    assert [word for word in words if word not in page] == []


def test_what_comes_from_data_is_escaped(lake: Lake) -> None:
    images = [replace(image, source=EVIL, licence=EVIL, origin=f"{EVIL}/{image.origin}") for image in many(6)]
    twin = replace(images[0], split="test", generator=f"{EVIL}gen", origin=EVIL)
    version = _stage(lake, [*images, twin, replace(labelled(7, "ai"), generator=EVIL)])
    _judge(lake, version, failed=[EVIL], warnings=[EVIL], refused_by_reason={EVIL: 1})
    page = _page(lake, version)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10


def test_it_opens_without_any_other_host(lake: Lake) -> None:
    page = _page(lake, _stage(lake, list(many(40))))
    assert {link for link in re.findall(r'(?:src|href)="([^"]*)"', page) if not link.startswith(("data:", "#"))} == {
        "index.html"
    }
    assert len(page) < 2_000_000


def test_the_same_version_gives_the_same_page(lake: Lake) -> None:
    version = _stage(lake, list(many(40)))
    assert _page(lake, version) == _page(lake, version)


def test_a_version_on_another_file_system_has_its_page_too() -> None:
    lake = Lake("memory://version-page-test")
    assert "Dataset version" in _page(lake, _stage(lake, list(many(4))))


def test_a_page_that_cannot_be_drawn_says_why_and_so_does_the_log(lake: Lake) -> None:
    version = _stage(lake, list(many(4)))
    (lake.version_path(version) / "summary.json").unlink()
    with capture_logs() as logs:
        page = _page(lake, version)
    assert "could not be drawn: FileNotFoundError" in page
    assert [(log["event"], log["version"], log["reason"][:17]) for log in logs] == [
        ("version_page_not_drawn", version, "FileNotFoundError")
    ]
