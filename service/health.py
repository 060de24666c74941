"""GET /healthz and /readyz: whether the process lives, and whether it can give verdicts."""

from typing import Literal

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from service.context import context
from service.problems import answers

blueprint = APIBlueprint("health", __name__)


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """A detector is in service."""

    status: Literal["ready"] = "ready"
    version: str = Field(description="The registry's version of the detector in service")


@blueprint.get("/healthz")
@blueprint.output(Alive, description="The process lives")
def healthz() -> Alive:
    """Say that the process lives; says nothing about the detector."""
    return Alive()


@blueprint.get("/readyz")
@blueprint.doc(responses=answers(503))
@blueprint.output(Ready, description="Verdicts are given")
def readyz() -> Ready:
    """Say whether verdicts can be given."""
    return Ready(version=context().require_model().version.version)
