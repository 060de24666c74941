import base64
import io
from dataclasses import replace
from datetime import date

import pandas as pd
from PIL import Image

from model.dataset.ingest import assemble
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates
from model.pages.contact_sheets import MOST_IMAGES, MOST_SHEETS, choose_images, draw_sheets
from model.sources.labelled_image import LabelledImage
from support.small_images import NOW, collect, labelled, many


def _rows(lake: Lake, images: list[LabelledImage]) -> pd.DataFrame:
    collect(lake, images, now=NOW)
    return read_candidates(lake, assemble(lake, today=date(2026, 11, 2)))


def _open(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def _grid(rows: int, *, batch: str = "a") -> pd.DataFrame:
    hashes = [f"{number * 7919 % rows:064x}" for number in range(rows)]
    return pd.DataFrame({"sha256": hashes, "batch": batch, "row": range(rows)})


def test_each_class_and_generator_has_a_sheet_and_the_largest_comes_first(lake: Lake) -> None:
    images = [*many(60), *(replace(labelled(n, "ai"), generator="other") for n in range(100, 110, 2))]
    sheets = draw_sheets(lake, _rows(lake, images))
    assert [(sheet.label, sheet.generator, sheet.total, len(sheet.shown)) for sheet in sheets] == [
        ("ai", "blocks", 30, MOST_IMAGES),
        ("real", None, 30, MOST_IMAGES),
        ("ai", "other", 5, 5),
    ]
    assert [_open(sheet.uri).size for sheet in sheets] == [(796, 296), (796, 296), (496, 96)]


def test_the_images_stand_in_the_order_in_which_they_are_named(lake: Lake) -> None:
    shades = range(0, 250, 25)
    images = [replace(labelled(1, "real"), data=_plain(shade), origin=f"{shade}.png") for shade in shades]
    (sheet,) = draw_sheets(lake, _rows(lake, images))
    picture = _open(sheet.uri).convert("L")
    seen = [picture.getpixel((48 + 100 * (n % 8), 48 + 100 * (n // 8))) for n in range(len(sheet.shown))]
    named = [int(origin.removesuffix(".png")) for _, origin in sheet.shown]
    assert len(named) > 5
    assert all(abs(one - other) < 12 for one, other in zip(seen, named, strict=True))


def _plain(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (20, 20), shade).save(buffer, "PNG")
    return buffer.getvalue()


def test_files_that_cannot_be_decoded_are_on_no_sheet(lake: Lake) -> None:
    rows = _rows(lake, [labelled(1, "real"), replace(labelled(3, "real"), data=b"broken")])
    (sheet,) = draw_sheets(lake, rows)
    assert (sheet.total, [origin for _, origin in sheet.shown]) == (1, ["1.png"])
    assert draw_sheets(lake, rows[rows["decode_error"].notna()]) == []


def test_of_very_many_generators_those_with_most_images_are_drawn(lake: Lake) -> None:
    images = [replace(labelled(n, "ai"), generator=f"g{n // 2}") for n in range(2 * MOST_SHEETS)]
    images.append(replace(labelled(99, "ai"), generator="rare"))
    assert {sheet.generator for sheet in draw_sheets(lake, _rows(lake, images))} == {
        f"g{number}" for number in range(MOST_SHEETS)
    }


def test_the_same_images_are_chosen_whatever_the_order_of_the_rows() -> None:
    rows = pd.concat([_grid(5_000), _grid(5_000, batch="b")], ignore_index=True)
    shuffled = rows.sample(frac=1, random_state=1)
    assert choose_images(rows)["sha256"].tolist() == choose_images(shuffled)["sha256"].tolist()


def test_a_large_group_is_seen_through_a_few_places_of_the_lake() -> None:
    chosen = choose_images(_grid(50_000))
    assert len(chosen) == MOST_IMAGES
    assert (chosen["row"] // 1_000).nunique() == 4
