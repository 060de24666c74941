"""The measurement of the prediction log compares the service with and without its log."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from truegrain_bench.measurements import prediction_log as measured
from truegrain_rig.artifacts import draw_photo
from truegrain_rig.bare_service import NO_HASH, create_bare_app
from truegrain_rig.served import point_at


def test_the_bare_service_judges_and_remembers_nothing(
    tmp_path: Path,
    tiny_artifact: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, photo = tmp_path / "home", draw_photo(tmp_path / "photo.jpg")
    point_at(home, tiny_artifact(), version="1")
    monkeypatch.setenv("TRUEGRAIN_HOME", str(home))
    request.addfinalizer(patch.stopall)  # puts back what the bare service replaces
    app = create_bare_app()
    client = app.test_client()
    answer = client.post("/predict", data=photo.read_bytes(), content_type="image/jpeg")
    app.extensions["truegrain"].stop()
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["image"]["sha256"] == NO_HASH
    assert "/predict" not in capsys.readouterr().out
    assert client.get("/metrics").status_code == 404
    assert [path.name for path in home.iterdir()] == ["models"]


def test_every_prediction_that_is_sent_is_counted_in_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    measured._record(url, tmp_path, 1_500)
    measured._record(url, tmp_path, 500)
    assert measured._count(url) == 2_000
