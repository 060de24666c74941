import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from requests import ConnectionError as Unreachable
from requests import HTTPError, Response, Timeout

from model.errors import SourceError
from model.sources.kinds import make_absolute, read_source


@pytest.fixture
def kagglehub(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fake kagglehub without a network; tests set its `dataset_download`."""
    module = ModuleType("kagglehub")
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


def _answer(status: int) -> HTTPError:
    response = Response()
    response.status_code = status
    return HTTPError("no", response=response)


def _raises(error: Exception) -> Any:
    def download(_: str) -> str:
        raise error

    return download


@pytest.mark.parametrize("location", ["kaggle:someone/shoe-photos", "kaggle:someone/shoe-photos/versions/3"])
def test_a_dataset_is_downloaded_and_read_as_the_folder_it_is(kagglehub: Any, grow: Any, location: str) -> None:
    asked: list[str] = []
    folder = grow(["versions/3/train/real/a.jpg", "versions/3/train/ai/b.jpg"]) / "versions" / "3"
    kagglehub.dataset_download = lambda handle: asked.append(handle) or str(folder)
    images = list(read_source(location))
    assert asked == [location.removeprefix("kaggle:")]
    assert {(image.source, image.label, image.split) for image in images} == {
        ("shoe-photos", "real", "train"),
        ("shoe-photos", "ai", "train"),
    }


def test_its_kind_can_be_named(kagglehub: Any, grow: Any) -> None:
    folder = grow(["glide/train/ai/a.jpg", "glide/train/nature/b.jpg"])
    kagglehub.dataset_download = lambda _: str(folder)
    recognised, named = read_source("kaggle:someone/shoes"), read_source("folders:kaggle:someone/shoes")
    assert {image.generator for image in recognised} == {"glide", None}
    assert {image.generator for image in named} == {"unknown", None}


def test_it_stays_what_it_is_in_another_folder() -> None:
    assert make_absolute("kaggle:someone/shoes") == "kaggle:someone/shoes"


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (_answer(401), "does not know the credentials. Renew them"),
        (_answer(403), "Set credentials .KAGGLE_USERNAME and KAGGLE_KEY"),
        (_answer(404), "has no such dataset. Copy"),
        (_answer(500), "Kaggle answers: no"),
        (HTTPError("no answer"), "Kaggle answers: no answer"),
        (Unreachable("no route"), "cannot be reached. Is this machine online"),
        (Timeout("slow"), "cannot be reached. Is this machine online"),
        (RuntimeError("checksum"), "RuntimeError: checksum"),
    ],
)
def test_what_goes_wrong_at_kaggle_is_said_with_the_way_out(kagglehub: Any, error: Exception, complaint: str) -> None:
    kagglehub.dataset_download = _raises(error)
    with pytest.raises(SourceError, match=f"'kaggle:someone/shoes' cannot.*{complaint}.*download it by hand"):
        next(read_source("kaggle:someone/shoes"))


def test_without_kagglehub_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # as if kagglehub were not installed
    with pytest.raises(
        SourceError, match=r"needs kagglehub, which is not installed.*pip install 'truegrain\[kaggle\]'"
    ):
        next(read_source("kaggle:someone/shoes"))


@pytest.mark.parametrize("location", ["kaggle:", "kaggle:shoes", "kaggle:a/../b", "kaggle:a/b/c", "kaggle:https://x/y"])
def test_a_misspelt_dataset_is_refused_before_anybody_is_asked(location: str) -> None:
    with pytest.raises(SourceError, match=r"names no dataset of Kaggle. Write kaggle:<owner>/<dataset>"):
        next(read_source(location))


def test_kagglehub_is_not_imported_before_it_is_needed(grow: Any) -> None:
    list(read_source(str(Path(grow(["real/a.jpg"])))))
    assert "kagglehub" not in sys.modules
