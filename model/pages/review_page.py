"""Draws the page of the images that a person is asked to review, with the users' reports on each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps
from upath import UPath

from model.errors import InvalidImage
from model.feedback.agreement import Question
from model.feedback.reports import UserReport, read_report
from model.files import remove, write_text
from model.images.decoding import SOURCE_LIMITS, decode
from model.pages.rendering import picture, render_page
from model.sources.reports import FOLDER

_SIDE: Final = 320
_MOST_SAID: Final = 8


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image on the page: `picture` is a data URL of a WebP, or empty with the reason in `problem`."""

    question: Question
    picture: str = ""
    problem: str = ""

    @property
    def said(self) -> list[UserReport]:
        """What was said, the last word of each reporter on each label."""
        return list({(each.client, each.label): each for each in self.question.statements}.values())


def write_page(lake: UPath, questions: Sequence[Question]) -> UPath:
    """Draw the page of these questions, replace an earlier page, and return its path."""
    page = lake / FOLDER / "review.html"
    images = [_show(lake, question) for question in questions]
    write_text(page, render_page("review_page.html", images=images, most=_MOST_SAID))
    return page


def remove_page(lake: UPath) -> None:
    """Remove the page, because it contains the pictures that users sent."""
    remove(lake / FOLDER / "review.html")


def _show(lake: UPath, question: Question) -> Shown:
    data = _read_image(lake, question)
    if data is None:
        return Shown(question=question, problem="the image was just withdrawn")
    try:
        rgb = decode(data, limits=SOURCE_LIMITS).rgb
    except InvalidImage as error:  # the service could decode it, but the file may have been damaged since
        return Shown(question=question, problem=str(error))
    method = Image.Resampling.NEAREST if max(rgb.size) < _SIDE else Image.Resampling.LANCZOS
    return Shown(question=question, picture=picture(ImageOps.contain(rgb, (_SIDE, _SIDE), method)))


def _read_image(lake: UPath, question: Question) -> bytes | None:
    for said in question.statements:
        report = read_report(lake, said.id) if said.kept else None
        if report is not None and report["image"]["bytes"] is not None:
            return bytes(report["image"]["bytes"])
    return None
