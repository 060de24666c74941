"""`make up`: starts Truegrain on this machine, takes images to a served verdict, and says where everything is."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from model.dataset.contained.budget import Budget
from model.dataset.contained.reader import names_of, sources_of
from model.detectors.training_data import DEMONSTRATION
from model.errors import TruegrainError
from model.registry import ModelVersion
from model.settings import Settings
from model.sources.web.reach import Reach
from truegrain_local.environment import names_source, read_settings
from truegrain_local.errors import explain
from truegrain_local.first_run import run_loop
from truegrain_local.first_verdict import predict, service_url, take_sample, wait_until_served
from truegrain_local.memory import PeakMemory
from truegrain_local.processes import members, read_records
from truegrain_local.programs import HOST, USER, logs, seed_password
from truegrain_local.progress import Progress
from truegrain_local.refusal import explain_refusal
from truegrain_local.start import bring_up, records_path


@dataclass(frozen=True)
class Outcome:
    """The result of `make up`: the version in production, its verdict on an image, and a refusal in words or ''."""

    version: ModelVersion
    verdict: dict[str, Any]
    refusal: str


def main() -> int:
    """Start Truegrain; return 0 when a verdict was served, else 1 with the reason on stderr."""
    progress = Progress(sys.stdout)
    try:
        settings = read_settings(os.environ)
        with PeakMemory(partial(_processes, settings.home)) as memory:
            outcome = _launch(settings, progress)
        _report(settings, outcome, progress, memory)
    except TruegrainError as error:
        progress.say("failed")
        explain(error)
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted; the programs that were started go on, `make down` stops them")
        return 130
    return 0


def _launch(settings: Settings, progress: Progress) -> Outcome:
    sources = _look_into_sources(settings)
    progress.say(f"starting Truegrain in {settings.home}")
    api = bring_up(settings, progress)
    result = run_loop(api, settings, progress)
    version = result.production
    wait_until_served(settings, version.version, progress)
    sample = take_sample(settings, sources=sources)
    verdict = predict(settings, sample.data)
    progress.say(
        f"verdict of version {version.version} on {sample.origin} of source '{sample.source}', "
        f"which is labelled '{sample.label}':"
    )
    return Outcome(version, verdict, explain_refusal(result.refusal) if result.refusal is not None else "")


def _look_into_sources(settings: Settings) -> set[str]:
    """Return the names of the sources that the settings name; raises SourceError for a source without images."""
    reach, budget = Reach.of(settings), Budget.of(settings)
    sources = sources_of(settings.source, reach=reach, budget=budget)
    names = names_of(sources, reach=reach, budget=budget)
    return {name for name in names if name is not None} if names_source(settings) else set()


def _processes(home: Path) -> Iterator[psutil.Process]:
    yield psutil.Process()
    yield from members(read_records(records_path(home)))


def _report(settings: Settings, outcome: Outcome, progress: Progress, memory: PeakMemory) -> None:
    sys.stdout.write(json.dumps(outcome.verdict, indent=2) + "\n")
    if outcome.refusal:
        sys.stdout.write(f"\n{outcome.refusal}\n")
    summary = {"peak_gb": round(memory.gigabytes, 2), **asdict(outcome)}
    (settings.home / "run" / "summary.json").write_text(json.dumps(summary, indent=2))
    sys.stdout.write(
        f"""
Truegrain is up after {progress.seconds:.0f} s; its processes held {memory.gigabytes:.1f} GB at most.

  service   {service_url(settings)}          try  curl -F file=@<image> {service_url(settings)}/predict
  Airflow   http://{HOST}:{settings.airflow_port}          sign in as {USER} with {seed_password(settings)}
  MLflow    http://{HOST}:{settings.mlflow_port}
  logs      {logs(settings)}

{_describe(outcome.verdict["model"])}
`make down` stops Truegrain.
"""
    )


def _describe(model: Mapping[str, Any]) -> str:
    warning = f"{DEMONSTRATION}\nTrain on your own images: make up SOURCE=<folder>.\n" if model["demonstration"] else ""
    return f"{warning}The detector was trained on {model['trained_on']}.\n"


if __name__ == "__main__":
    sys.exit(main())
