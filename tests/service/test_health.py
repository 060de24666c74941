from collections.abc import Callable

from flask.testing import FlaskClient


def test_the_process_is_alive_without_a_detector(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}


def test_the_service_is_ready_once_it_has_a_detector(publish: Callable[..., object], client: FlaskClient) -> None:
    publish("3")
    assert client.get("/readyz").status_code == 503
    client.application.extensions["truegrain"].store.refresh()
    assert client.get("/readyz").json == {"status": "ready", "version": "3"}
