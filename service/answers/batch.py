"""The answer of POST /predict/batch: a verdict or a problem for each image."""

from pydantic import BaseModel, ConfigDict, Field

from service.answers.problems import Problem
from service.answers.verdict import Verdict


class JudgedItem(BaseModel):
    """An image of a batch that was judged."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The file's name, as it was sent")
    verdict: Verdict


class RefusedItem(BaseModel):
    """An image of a batch that could not be judged."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The file's name, as it was sent")
    problem: Problem


class Batch(BaseModel):
    """What the production detector says about each image of a batch."""

    model_config = ConfigDict(frozen=True)

    items: list[JudgedItem | RefusedItem] = Field(description="In the order in which the images were sent")
