"""Promoters that race or are killed, and what must be true of the registry whatever they did."""

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
"""Environment of all promoters: a server that many ask at once is slow, and silence would leave changes unfinished."""

KILLED = 9
"""Exit status of a process that was killed at a call."""

FORKS = multiprocessing.get_context("forkserver")
"""Each process is forked from one that has imported MLflow and done nothing else."""
FORKS.set_forkserver_preload(["__main__", "mlflow", "truegrain_rig.promoters"])


@dataclass(frozen=True)
class Promoter:
    """One that changes production: to `version`, or back when that is empty. It is killed before call `dies_at`.

    A rollback with a `request` may be repeated with it.
    """

    tracking_uri: str
    model_name: str
    lock: Path
    version: str = ""
    dies_at: int | None = None
    request: str = ""

    def act(self) -> None:
        """Promote or roll back; a refusal, such as that there is nothing to go back to, is fine."""
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
        """Act in a process of its own; what is returned waits for its end: 0, or KILLED when it was killed."""
        process = FORKS.Process(target=self.act)
        process.start()

        def wait() -> int | None:
            process.join()
            return process.exitcode

        return wait


class _Mortal:
    """MLflow's client, whose process ends without a word when it is called once too often."""

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
    """Register a detector that passed the gate; it has no artifact, for nobody loads it."""
    with registry.run("train", params={}) as run:
        pass
    return registry.register(run.id, tags={GATE: PASSED}).version


def violations(registry: Registry) -> list[str]:
    """Name what is wrong: production is one version, stages mirror it, and the history leads to it without gaps."""
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
