"""The detector that answers a request."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from service.answers.problems import Refusal
from service.context import Context


def test_requests_that_come_before_the_first_version_was_seen_load_it_once_for_all(
    client: FlaskClient, publish: Callable[..., object], metric: Callable[..., float]
) -> None:
    shared: Context = client.application.extensions["truegrain"]
    shared.store.stop()  # only requests look at the pointer file
    with pytest.raises(Refusal, match="no detector is in service yet"):
        shared.require_model()
    publish("1")
    with ThreadPoolExecutor(8) as pool:
        served = [asked.result() for asked in [pool.submit(shared.require_model) for _ in range(8)]]
    assert {model.version.version for model in served} == {"1"}
    assert all(model is served[0] for model in served)
    assert metric("truegrain_model_loads_total") == 1
    publish("2", bias=1.0)
    assert shared.require_model() is served[0], "no request waits for a version that replaces another"
