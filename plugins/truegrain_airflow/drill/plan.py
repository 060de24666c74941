"""What a drill does, and where: the sizes of its parts, and the settings of the platform that it runs on."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from model.settings import Settings
from model.sources.studio.artefacts import FAMILIES
from model.sources.synthetic import NAME, Order

TRAINING_SEED: Final = 0
"""Of the images to train on; every traffic has another, so that no image is sent that was trained on."""

ROUND: Final = 40
"""Images sent between two looks at the monitor, half of them by the newcomer."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A drill to do: `newcomer` is the generator kept out of training, `images` those to train on without it.

    `calm` images are sent before it appears and again at the end, at most `incident` until retraining is asked for;
    `labelled` of the newcomer's are then reported, and as many real ones.
    """

    newcomer: str
    images: int = 2000
    calm: int = 600
    incident: int = 1000
    labelled: int = 200

    @property
    def known(self) -> tuple[str, ...]:
        """The generators that the detector is trained on."""
        return tuple(name for name in FAMILIES if name != self.newcomer)

    @property
    def source(self) -> str:
        """The built-in source without the newcomer."""
        return f"{NAME}?images={self.images}&seed={TRAINING_SEED}&generators={'+'.join(self.known)}"

    @classmethod
    def of(cls, newcomer: str, images: int) -> Self:
        """Return the plan for a built-in generator; raises SourceError for any other."""
        Order.parse(f"generators={newcomer}")
        return cls(newcomer=newcomer, images=images)


def settings_of(settings: Settings, name: str, *, port: int) -> Settings:
    """Return the settings of a platform of its own for the drill of that `name`, in a folder of `settings.home`.

    Only MLflow is shared: lake, prediction log, keys, registered model and experiment are the drill's. It looks at drift
    and at the registry often, because a drill is short, and asks for retraining once, whatever production has asked for.
    """
    return Settings(
        home=folder_of(settings, name),
        recipe=settings.recipe,
        pretrained=settings.pretrained,
        gate_policy=settings.gate_policy,
        drift_policy=settings.drift_policy,
        drift_sustained=settings.drift_sustained,
        feedback_agreement=settings.feedback_agreement,
        feedback_per_reporter=settings.feedback_per_reporter,
        tracking_uri=settings.tracking_uri,
        mlflow_url=settings.mlflow_url,
        model_name=f"{settings.model_name}-drill-{name}",
        experiment=f"{settings.experiment}-drill",
        revision=settings.revision,
        service_port=port,
        poll_seconds=1.0,
        drift_seconds=2.0,
        drift_window=500,
        retrain_budget=1,
    )


def folder_of(settings: Settings, name: str) -> Path:
    """Return where a drill keeps everything."""
    return settings.home.resolve() / "drills" / name


def name_of(newcomer: str, began_at: datetime) -> str:
    """Return what a drill is called."""
    return f"{began_at:%Y%m%d-%H%M%S}-{newcomer}"
