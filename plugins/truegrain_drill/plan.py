"""Defines the size of each part of a drill, and the settings of its platform."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from model.errors import SourceError
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from model.sources.studio.artefacts import FAMILIES
from model.sources.synthetic import NAME, Order, draw_image, draw_images

_SEEDS: Final[Mapping[str, int]] = MappingProxyType(
    {"training": 0, "ordinary": 1, "incident": 2, "reported": 3, "recovery": 4, "again": 5}
)
"""Seeds of the images of each part. They differ, so that no training image is sent."""

_ENDLESS: Final = 1_000_000

_TAKEN_OVER: Final = {
    *("recipe", "pretrained", "drift_policy", "drift_sustained", "drift_least"),
    *("tracking_uri", "mlflow_url", "revision"),
}
"""Settings that a drill shares with production: training, drift, and MLflow."""

GATE: Final = Path(__file__).with_name("gate.toml")
"""The gate's limits in a drill."""

Part = Literal["ordinary", "incident", "recovery", "again"]
"""The parts of a drill in which images are sent."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a drill. All sizes are numbers of images; half of the traffic is real.

    - `newcomer`: the built-in generator that is kept out of the first training.
    - `images`: images of the first training.
    - `ordinary`: images sent before the newcomer appears.
    - `incident`: most images sent with the newcomer until a training is asked for.
    - `round`: images sent between two readings of the monitor.
    - `reported`: images of the newcomer that people report; all are AI.
    - `again`: images sent after the recovery, at a time.
    - `most_again`: most images sent after the recovery, until it is clear how much accuracy is still lost.
    """

    newcomer: str = "patch"
    images: int = 2000
    ordinary: int = 1200
    incident: int = 1600
    round: int = 40
    reported: int = 400
    again: int = 600
    most_again: int = 3000

    def __post_init__(self) -> None:
        """Raise SourceError for a generator that is not built in: its name becomes that of a folder."""
        if self.newcomer not in FAMILIES:
            raise SourceError(f"'{self.newcomer}' is no built-in generator; known generators are {', '.join(FAMILIES)}")

    @property
    def known(self) -> tuple[str, ...]:
        """The built-in generators without the newcomer."""
        return tuple(name for name in FAMILIES if name != self.newcomer)

    @property
    def source(self) -> str:
        """The location of the built-in source without the newcomer, for the first training."""
        return f"{NAME}?images={self.images}&seed={_SEEDS['training']}&generators={'+'.join(self.known)}"

    def traffic(self, part: Part) -> Iterator[LabelledImage]:
        """Yield the images of a part of the drill, real and AI in turn; for the recovery, without end."""
        counts = {"ordinary": self.ordinary, "incident": self.incident, "again": self.most_again}
        generators = self.known if part == "ordinary" else (self.newcomer,)
        return draw_images(Order(images=counts.get(part, _ENDLESS), seed=_SEEDS[part], generators=generators))

    def reports(self) -> Iterator[LabelledImage]:
        """Yield the images that people report."""
        order = Order(images=2 * self.reported, seed=_SEEDS["reported"], generators=(self.newcomer,))
        return (
            draw_image(order, index) for index in range(1, order.images, 2)
        )  # real and AI in turn: every second image is AI


def settings_of(settings: Settings, name: str, *, port: int) -> Settings:
    """Return the settings of a separate platform for the drill `name`, in a folder of `settings.home`.

    The drill shares only MLflow; it has its own lake, prediction log, keys, registered model and experiment. Drift and
    the registry are checked often, because a drill is short. Requests may wait long, because training uses the cores.
    """
    return Settings(
        **settings.model_dump(include=_TAKEN_OVER),
        home=folder_of(settings, name),
        model_name=f"{settings.model_name}-drill-{name}",
        experiment=f"{settings.experiment}-drill",
        service_port=port,
        workers=1,  # leaves a core for training; with one worker, ready means that every worker is ready
        poll_seconds=1.0,
        drift_seconds=2.0,
        drift_window=500,
        gate_policy=str(GATE),
        feedback_per_reporter=100,
        queue_seconds=30.0,
    )


def folder_of(settings: Settings, name: str) -> Path:
    """Return the folder of the drill `name`."""
    return settings.home.resolve() / "drills" / name


def name_of(newcomer: str, began_at: datetime) -> str:
    """Return the name of a drill: its start and the newcomer."""
    return f"{began_at:%Y%m%d-%H%M%S}-{newcomer}"
