"""A training is described by the images that it has seen."""

import pandas as pd

from model.training.data.description import describe_rows

DRAWN = "seed=0/size=64/real/000001.jpg"


def row(label: str, **about: object) -> dict[str, object]:
    facts = {"source": "shop", "generator": None, "origin": "a.jpg", "format": "JPEG", "width": 300, "height": 200}
    return facts | {"label": label} | about


def test_images_are_counted_by_class_source_generator_and_format() -> None:
    rows = [row("real"), row("real", format="PNG"), row("ai", generator="flux"), row("ai", source="lab")]
    found = describe_rows(pd.DataFrame(rows))
    assert (found.real, found.ai) == (2, 2)
    assert found.sources == {"shop": 3, "lab": 1}
    assert found.generators == {"flux": 1}
    assert found.formats == {"JPEG": 3, "PNG": 1}


def test_the_rarest_sizes_do_not_count() -> None:
    usual = [row("real", width=400, height=300)] * 998
    found = describe_rows(pd.DataFrame([*usual, row("real", width=9, height=5), row("real", width=9000, height=8000)]))
    assert (found.shorter, found.longer) == ((300, 300), (400, 400))


def test_only_drawn_images_make_a_demonstration() -> None:
    drawn = [row("real", origin=DRAWN)] * 3
    assert describe_rows(pd.DataFrame(drawn)).demonstration
    assert not describe_rows(pd.DataFrame([*drawn, row("ai")])).demonstration
