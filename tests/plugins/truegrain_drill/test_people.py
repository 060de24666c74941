"""Reporters share the newcomer's images so that each image gets as many reports as must agree."""

from collections import Counter
from types import SimpleNamespace

import pytest

from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from truegrain_drill import people

SETTINGS = Settings(feedback_agreement=3, feedback_per_reporter=4)
IMAGES = [
    LabelledImage(data=bytes([n]), label="ai", source="drawn", origin=str(n), generator="patch") for n in range(10)
]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, str]]:
    """The reports to a fake service that accepts everything: each image with its API key."""
    taken: list[tuple[bytes, str]] = []

    def post(_url: str, *, data: dict[str, str], files: dict[str, bytes], headers: dict[str, str]) -> object:
        assert data == {"prediction_id": "id", "label": "ai", "consent": "true"}
        taken.append((files["file"], headers["Authorization"].removeprefix("Bearer ")))
        return SimpleNamespace(ok=True)

    monkeypatch.setattr(people, "ask", lambda *_, **__: {"id": "id"})
    monkeypatch.setattr(people, "post", post)
    monkeypatch.setattr(people, "_LOG_SECONDS", 0.0)
    return taken


def test_every_image_is_reported_by_as_many_as_must_agree_and_nobody_reports_too_many(
    sent: list[tuple[bytes, str]],
) -> None:
    keys = [f"key {number}" for number in range(people.count_reporters(len(IMAGES), SETTINGS))]
    assert people.report("http://service", IMAGES, keys, SETTINGS) == len(sent) == len(set(sent)) == 30
    assert set(Counter(image for image, _ in sent).values()) == {3}
    assert Counter(key for _, key in sent) == dict.fromkeys(keys[:6], 4) | dict.fromkeys(keys[6:], 2)
