"""Promoters that race or are killed, and the checks that the registry must pass afterwards."""

import itertools
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from model.errors import RegistryError, RegistryUnavailable
from model.registry import PREVIOUS, PRODUCTION, Registry
from model.registry.client import open_client
from model.registry.promotion import promote, rollback
from model.registry.state import look
from model.registry.version_tags import GATE, PASSED

PATIENCE = MappingProxyType({"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"})
"""Environment of all promoters: a busy server is slow, and a timeout would leave changes unfinished."""

KILLED = 9
"""Exit status of a process that was killed at a call."""

FORKS = multiprocessing.get_context("forkserver")
"""Each process is forked from a process that has only imported MLflow."""
FORKS.set_forkserver_preload(["__main__", "mlflow", "truegrain_rig.promoters"])


@dataclass(frozen=True)
class Promoter:
    """A change of production: to `version`, or a rollback if `version` is empty. It is killed before call `dies_at`.

    A rollback with a `request` may be repeated with the same `request`.
    """

    tracking_uri: str
    model_name: str
    lock: Path
    version: str = ""
    dies_at: int | None = None
    request: str = ""

    def act(self) -> None:
        """Promote or roll back; the refusal of a rollback, such as without an earlier version, is no error."""
        registry = Registry(
            self.tracking_uri,
            model_name=self.model_name,
            lock=self.lock,
            experiment="promoters",
            make_client=self._open_client,
        )
        try:
            if self.version:
                promote(registry, self.version, reason="race")
            else:
                rollback(registry, reason="race", request=self.request)
        except RegistryUnavailable:
            raise
        except RegistryError:
            if self.version:
                raise

    def _open_client(self, tracking_uri: str) -> Any:
        client = open_client(tracking_uri)
        return client if self.dies_at is None else _Mortal(client, self.dies_at)

    def start(self) -> Callable[[], int | None]:
        """Act in a separate process; return a function that waits for its exit status: 0, or KILLED."""
        process = FORKS.Process(target=self.act)
        process.start()

        def wait() -> int | None:
            process.join()
            return process.exitcode

        return wait


class _Mortal:
    """MLflow's client, which ends the process abruptly at the call after the first `calls`."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client = client
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*values: Any, **named: Any) -> Any:
            if self._calls == 0:
                os._exit(KILLED)
            self._calls -= 1
            return method(*values, **named)

        return call


def add_version(registry: Registry) -> str:
    """Register a detector that passed the gate, without an artifact, since nobody loads it; return its version."""
    with registry.run("train", params={}) as run:
        pass
    return registry.register(run.id, tags={GATE: PASSED}).version


def violations(registry: Registry) -> list[str]:
    """Return the names of the violated rules: one version in production, its stage the same, a history without gaps."""
    client, model_name = registry.client, registry.model_name
    aliases = {alias: str(version) for alias, version in client.get_registered_model(model_name).aliases.items()}
    found = client.search_model_versions(f"name = '{model_name}'")
    staged = [str(version.version) for version in found if version.current_stage == "Production"]
    history = look(registry).history.changes
    wrong = {
        "stages": staged != [aliases.get(PRODUCTION)],
        "numbers": [change.number for change in history] != list(range(1, len(history) + 1)),
        "gap": any(a.to_version != b.from_version for a, b in itertools.pairwise(history)),
        "end": not history or history[-1].to_version != aliases.get(PRODUCTION),
        "previous": not history or history[-1].from_version != aliases.get(PREVIOUS),
        "hand": any(change.how == "by hand" for change in history),
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]
