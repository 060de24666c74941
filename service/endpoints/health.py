"""GET /healthz, /readyz and /health: whether the process lives, can give verdicts, and what troubles it."""

from datetime import UTC, datetime
from typing import Final, Literal

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from model.detectors.detector import Device
from model.estimate import Estimate
from model.monitoring.terms import MEAN_PROBABILITY, Signal
from service.answers.problems import answers
from service.context import context
from service.protection.access import GONE
from service.status import drift as drift_status
from service.status import follower as follower_status
from service.status.drift import SILENT, DriftAnswer, DriftStatus
from service.status.follower import FollowerStatus
from service.status.prediction_log import LogStatus

blueprint = APIBlueprint("health", __name__)

SILENT_SECONDS: Final = 120.0
"""Silence after which a sidecar counts as dead. An outage of the registry or a large download takes less."""


NO_DOMAIN: Final = (
    "the detector in service cannot tell which images it knows, since an earlier release made it: train a new one"
)
"""The trouble with a detector whose card has no domain: it judges every image, however strange."""


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """A detector is in service."""

    status: Literal["ready"] = "ready"
    version: str = Field(description="The registry's version of the detector in service")


class Health(BaseModel):
    """The state of this worker and of the sidecars."""

    ready: bool = Field(description="Whether verdicts are given")
    version: str | None = Field(description="The version in service; null: none yet")
    age_seconds: float | None = Field(description="Seconds for which this worker has served that version")
    shadow: str | None = Field(description="The version that is compared with production; null: none")
    follower: FollowerStatus | None = Field(description="The follower's last poll of the registry; null: none yet")
    log: LogStatus = Field(description="The state of this worker's prediction log")
    troubles: list[str] = Field(description="What an operator should look at, a sentence each; empty: nothing")
    drift: DriftAnswer


_NOW: Final = datetime(2026, 11, 17, 4, 10, 19, tzinfo=UTC)
EXAMPLE: Final = Health(
    ready=True,
    version="7",
    age_seconds=86412.5,
    shadow=None,
    follower=FollowerStatus(asked_at=_NOW, production="current", shadow="absent"),
    log=LogStatus(state="ok", waiting=12, lag_seconds=0.084, dropped=0),
    troubles=[],
    drift=DriftAnswer(
        status="ok",
        cause=None,
        attribution="none",
        reason="No signal is over its limit.",
        version="7",
        measured_at=_NOW,
        predictions=1000,
        signals=(Signal.against(MEAN_PROBABILITY, 0.031, 0.15),),
        accuracy=Estimate(0.971, 0.958, 0.984),
        ai_share=Estimate(0.41, 0.37, 0.45),
    ),
)
"""The state of a service as the documentation shows it."""


@blueprint.get("/health")
@blueprint.output(Health, description="The state of the service", example=EXAMPLE.model_dump(mode="json"))
def health() -> Health:
    """Describe the state of the service in detail.

    The status is always 200: the answer is for people and dashboards. Probes ask /healthz and /readyz.
    """
    shared, now = context(), datetime.now(UTC)
    model, shadow, log = shared.store.current, shared.shadow.current, shared.predictions.status()
    follower, monitor = follower_status.read_status(shared.home), drift_status.read_status(shared.home)
    drift = find_drift(monitor, now=now)
    return Health(
        ready=model is not None,
        version=model.version.version if model else None,
        age_seconds=round(now.timestamp() - model.loaded_at, 3) if model else None,
        shadow=shadow.version.version if shadow else None,
        follower=follower,
        log=log,
        troubles=[
            *find_troubles(follower, ready=model is not None, now=now),
            *([NO_DOMAIN] if model is not None and not model.detector.knows_domain else []),
            *find_device_troubles(model.detector.device if model else None, wanted=shared.store.device),
            *find_drift_troubles(drift),
            *log.troubles(),
            *([GONE] if shared.keyring.is_gone() else []),
        ],
        drift=drift,
    )


def find_drift(monitor: DriftStatus | None, *, now: datetime) -> DriftAnswer:
    """Return the monitor's last result, SILENT when there is none or the next one is overdue `now` (UTC)."""
    if monitor is None or (now - monitor.due_at).total_seconds() > SILENT_SECONDS:
        return SILENT
    return monitor.drift


def find_drift_troubles(drift: DriftAnswer) -> list[str]:
    """Return what is wrong with traffic or its measurement, a sentence each. Too few predictions are no trouble."""
    if drift.status == "ok" or drift.cause in ("too_few", "no_model"):
        return []
    if drift.status == "drifting":
        return [f"traffic has drifted, by '{drift.attribution}': {drift.reason}"]
    return [f"drift is not measured: {drift.reason}"]


def find_device_troubles(used: Device | None, *, wanted: Device) -> list[str]:
    """Return a sentence if the detector does not run where TRUEGRAIN_DEVICE wants it; `used` is None without one."""
    if used in (None, wanted):
        return []
    return [f"the detector runs on '{used}': onnxruntime cannot use '{wanted}', which TRUEGRAIN_DEVICE asks for"]


def find_troubles(follower: FollowerStatus | None, *, ready: bool, now: datetime) -> list[str]:
    """Return what is wrong with the detector or the follower `now` (UTC), a sentence each."""
    troubles = [] if ready else ["no detector is in service"]
    if follower is None or (now - follower.asked_at).total_seconds() > SILENT_SECONDS:
        troubles.append("the follower is silent: promotions and rollbacks do not arrive")
    elif follower.production == "unavailable":
        troubles.append("the registry does not answer: promotions and rollbacks do not arrive")
    else:
        refused = [alias for alias in ("production", "shadow") if getattr(follower, alias) == "refused"]
        troubles += [f"the version behind '{alias}' was refused: the follower's log says why" for alias in refused]
    return troubles


@blueprint.get("/healthz")
@blueprint.output(Alive, description="The process lives")
def healthz() -> Alive:
    """Say that the process lives, with or without a detector."""
    return Alive()


@blueprint.get("/readyz")
@blueprint.doc(responses=answers("not_ready"))
@blueprint.output(Ready, description="Verdicts are given")
def readyz() -> Ready:
    """Say whether verdicts can be given."""
    return Ready(version=context().require_model().version.version)
