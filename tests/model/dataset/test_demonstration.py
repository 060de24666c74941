"""Which images are built-in ones, when a version leaves them out, and whether a user asked for them."""

import pandas as pd
import pytest

from model.dataset.demonstration import asks_for_demonstration, is_demonstration, is_drawn, makes_way
from model.sources.declaration import Source
from model.sources.reports import SOURCE as REPORTS
from model.sources.synthetic import Order, draw_image

DRAWN = ("synthetic", "seed=0/size=64/real/000012.jpg")
PHOTOGRAPH = ("photographs", "real/12.jpg")
REPORT = (REPORTS, "12.parquet")


def images(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["source", "origin"])


def test_what_the_built_in_source_draws_is_the_demonstration() -> None:
    drawn = [draw_image(Order(images=1_000_000), index) for index in (0, 1, 987_654)]
    assert is_demonstration(images(*((image.source, image.origin) for image in drawn))).all()


def test_a_folder_of_a_user_that_is_called_like_the_built_in_source_is_none() -> None:
    assert not is_demonstration(images(("synthetic", "real/12.jpg"), ("synthetic", "seed=0/12.jpg"))).any()


def test_built_in_images_that_were_declared_under_a_name_of_their_own_are_drawn_and_a_source_like_any_other() -> None:
    declared = images(("still_lifes", DRAWN[1]), ("neutral", f"{DRAWN[1]}/0123456789abcdef.jpg"))
    assert is_drawn(declared["origin"]).all()
    assert not is_demonstration(declared).any()


@pytest.mark.parametrize(
    ("rows", "leaving"),
    [
        ([DRAWN, PHOTOGRAPH, REPORT], [True, False, False]),
        ([DRAWN, ("synthetic", "real/12.jpg")], [True, False]),
        ([DRAWN, ("still_lifes", DRAWN[1])], [True, False]),
        ([DRAWN, REPORT], [False, False]),
        ([DRAWN], [False]),
        ([PHOTOGRAPH, REPORT], [False, False]),
        ([], []),
    ],
)
def test_the_demonstration_makes_way_for_another_source_and_not_for_reports_alone(
    rows: list[tuple[str, str]], leaving: list[bool]
) -> None:
    assert list(makes_way(images(*rows), asked=False)) == leaving
    assert not makes_way(images(*rows), asked=True).any()


@pytest.mark.parametrize(
    ("given", "sources", "asked"),
    [
        ("", [Source(location="synthetic")], False),
        ("", [Source(location="synthetic?images=600")], False),
        ("synthetic", [Source(location="synthetic")], True),
        ("synthetic?images=600", [Source(location="synthetic?images=600")], True),
        ("", [Source(location="/shoes", name="shoes"), Source(location="synthetic", name="still_lifes")], True),
        ("/sources.toml", [Source(location="synthetic?seed=7", name="synthetic")], True),
        ("/photographs", [Source(location="/photographs")], False),
        ("/synthetic", [Source(location="/synthetic")], False),
    ],
)
def test_a_run_asks_for_the_demonstration_in_its_form_or_by_a_declaration(
    given: str, sources: list[Source], *, asked: bool
) -> None:
    assert asks_for_demonstration(given, sources) is asked
