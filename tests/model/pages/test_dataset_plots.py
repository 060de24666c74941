import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from model.pages.dataset_plots import draw_plots


def _rows(count: int = 40, **columns: object) -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = {
        "label": ["real", "ai"] * (count // 2),
        "width": random.integers(20, 4_000, count),
        "height": random.integers(20, 4_000, count),
        "bytes": np.geomspace(500, 5_000_000, count).astype(int),
        "format": ["JPEG", "JPEG", "PNG", "JPEG"] * (count // 4),
        "jpeg_quality": pd.array([90, 75, None, 60] * (count // 4), dtype="Int16"),
        "decode_error": pd.Series([None] * count, dtype="str"),
    }
    return pd.DataFrame(rows | columns)


def _words(svg: str) -> set[str]:
    return {text.text for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text") if text.text}  # noqa: S314


def test_every_plot_is_readable_text_that_names_both_classes() -> None:
    plots = draw_plots(_rows())
    assert [plot.title for plot in plots] == ["Size", "File size", "Format", "JPEG quality"]
    assert all({"real", "ai"} <= _words(plot.svg) for plot in plots)
    assert {"JPEG", "PNG"} <= _words(plots[2].svg)
    assert {"10 kB", "1 MB"} <= _words(plots[1].svg)


def test_text_and_axes_have_the_colour_of_the_page() -> None:
    for plot in draw_plots(_rows()):
        assert "currentColor" in plot.svg
        assert not re.search(r"#000000|#ffffff", plot.svg)


def test_no_name_inside_a_plot_is_used_by_another() -> None:
    names = [name for plot in draw_plots(_rows()) for name in re.findall(r'\bid="([^"]+)"', plot.svg)]
    assert names
    assert len(names) == len(set(names))


def test_the_same_rows_give_the_same_plots() -> None:
    assert draw_plots(_rows()) == draw_plots(_rows())


def test_a_plot_does_not_grow_with_the_number_of_images() -> None:
    few, many = (sum(len(plot.svg) for plot in draw_plots(_rows(count))) for count in (4_000, 40_000))
    assert many < 1.5 * few
    assert many < 500_000


def test_images_that_are_all_alike_can_be_drawn() -> None:
    plots = draw_plots(_rows(width=32, height=32, bytes=900, format="JPEG", jpeg_quality=75))
    assert {"20", "30", "50"} <= _words(plots[0].svg)


@pytest.mark.parametrize("label", ["real", "ai"])
def test_one_class_alone_can_be_drawn(label: str) -> None:
    assert label in _words(draw_plots(_rows(label=label))[0].svg)


def test_without_jpegs_there_is_no_plot_of_their_quality() -> None:
    nothing = pd.array([None] * 40, dtype="Int16")
    assert [plot.title for plot in draw_plots(_rows(jpeg_quality=nothing))] == ["Size", "File size", "Format"]


def test_without_decodable_images_there_is_nothing_to_draw() -> None:
    assert draw_plots(_rows(decode_error="broken")) == []
