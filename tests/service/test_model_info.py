from collections.abc import Callable

from flask.testing import FlaskClient

from service.pointer import Pointer


def test_the_model_tells_its_version_and_its_card(publish: Callable[..., Pointer], client: FlaskClient) -> None:
    pointer = publish("12")
    client.application.extensions["truegrain"].store.refresh()
    answer = client.get("/model").json
    assert answer is not None
    assert answer["version"] == "12"
    assert answer["sha256"] == pointer.sha256
    assert answer["run_id"] == pointer.run_id
    assert answer["dataset_version"] == "2026-01-05-0123456789ab"
    assert answer["input_size"] == 32
    assert answer["threshold"] == 0.5
    assert answer["band"] == [0.45, 0.55]
    assert answer["alpha"] == 0.05
    assert answer["operating_points"] == {"0.01": 0.9, "0.05": 0.8}
    assert answer["loaded_at"].endswith("Z")
