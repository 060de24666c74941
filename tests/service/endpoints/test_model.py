from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient

from service.endpoints.model import EXAMPLE
from service.status.lineage import write_lineage
from service.status.pointer import Pointer, pointer_path


def test_the_model_tells_its_version_and_its_card(publish: Callable[..., Pointer], client: FlaskClient) -> None:
    pointer = publish("12")
    client.application.extensions["truegrain"].store.refresh()
    answer = client.get("/model").json
    assert answer is not None
    assert answer["version"] == "12"
    assert answer["sha256"] == pointer.sha256
    assert answer["run_id"] == pointer.run_id
    assert answer["dataset_version"] == "20260105-0123456789ab"
    assert answer["input_size"] == 32
    assert answer["threshold"] == 0.5
    assert answer["band"] == [0.45, 0.55]
    assert answer["alpha"] == 0.05
    assert answer["operating_points"] == {"0.01": 0.9, "0.05": 0.8}
    assert answer["operating_bounds"] == {"0.01": 0.03, "0.05": 0.09}
    assert answer["calibrated_on"] == {"real": 150, "ai": 150}
    assert answer["loaded_at"].endswith("Z")
    assert answer["lineage"] is None, "nobody has written it down"


def test_the_lineage_leads_from_the_version_to_the_gate_and_the_data(
    publish: Callable[..., Pointer], home: Path, client: FlaskClient
) -> None:
    pointer = publish("12")
    client.application.extensions["truegrain"].store.refresh()
    assert EXAMPLE.lineage is not None
    write_lineage(pointer_path(home).parent / pointer.folder, EXAMPLE.lineage)
    answer = client.get("/model").json
    assert answer is not None
    assert answer["lineage"] == EXAMPLE.lineage.model_dump(mode="json")


def test_a_lineage_that_cannot_be_read_is_none(
    publish: Callable[..., Pointer], home: Path, client: FlaskClient
) -> None:
    pointer = publish("12")
    client.application.extensions["truegrain"].store.refresh()
    (pointer_path(home).parent / pointer.folder / "lineage.json").write_text("nonsense")
    answer = client.get("/model")
    assert answer.json is not None
    assert (answer.status_code, answer.json["lineage"]) == (200, None)
