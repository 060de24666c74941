"""What a drill does, and where: the sizes of its parts, and the settings of the platform that it runs on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from model.sources.studio.artefacts import FAMILIES
from model.sources.synthetic import NAME, Order, draw_image, draw_images

_SEEDS: Final[Mapping[str, int]] = MappingProxyType(
    {"training": 0, "ordinary": 1, "incident": 2, "reported": 3, "recovery": 4, "again": 5}
)
"""Each its own, so that no image is sent that was trained on."""

_ENDLESS: Final = 1_000_000

_TAKEN_OVER: Final = {
    *("recipe", "pretrained", "drift_policy", "drift_sustained", "drift_least"),
    *("tracking_uri", "mlflow_url", "revision"),
}
"""Settings that a drill shares with production: how it learns, what it takes for drift, and where MLflow is."""

GATE: Final = Path(__file__).with_name("gate.toml")
"""What a detector has to prove in a drill."""

Part = Literal["ordinary", "incident", "recovery", "again"]
"""What images are sent for."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A drill to do: `newcomer` is the built-in generator kept out of training, on `images` images without it.

    Half of all traffic is real. `ordinary` images are sent before the newcomer appears, at most `incident` until a
    training is asked for, `round` of them between two looks at the monitor; people report `reported` images of it;
    `again` are sent when the platform has recovered.
    """

    newcomer: str = "patch"
    images: int = 2000
    ordinary: int = 600
    incident: int = 1000
    round: int = 40
    reported: int = 400
    again: int = 600

    def __post_init__(self) -> None:
        """Raise SourceError for a generator that is not built in."""
        Order.parse(f"generators={self.newcomer}")

    @property
    def known(self) -> tuple[str, ...]:
        """The generators that the detector is trained on."""
        return tuple(name for name in FAMILIES if name != self.newcomer)

    @property
    def source(self) -> str:
        """The built-in source without the newcomer."""
        return f"{NAME}?images={self.images}&seed={_SEEDS['training']}&generators={'+'.join(self.known)}"

    def traffic(self, part: Part) -> Iterator[LabelledImage]:
        """Draw the images that are sent in a part of the drill, real and AI by turns; in the recovery without end."""
        counts = {"ordinary": self.ordinary, "incident": self.incident, "again": self.again}
        generators = self.known if part == "ordinary" else (self.newcomer,)
        return draw_images(Order(images=counts.get(part, _ENDLESS), seed=_SEEDS[part], generators=generators))

    def reports(self) -> Iterator[LabelledImage]:
        """Draw the images that people report."""
        order = Order(images=2 * self.reported, seed=_SEEDS["reported"], generators=(self.newcomer,))
        return (draw_image(order, index) for index in range(1, order.images, 2))  # of two, the second is AI


def settings_of(settings: Settings, name: str, *, port: int) -> Settings:
    """Return the settings of a platform of its own for the drill of that `name`, in a folder of `settings.home`.

    Only MLflow is shared: lake, prediction log, keys, registered model and experiment are the drill's. Drift and the
    registry are looked at often, for a drill is short; requests wait rather than be refused where the cores train.
    """
    return Settings(
        **settings.model_dump(include=_TAKEN_OVER),
        home=folder_of(settings, name),
        model_name=f"{settings.model_name}-drill-{name}",
        experiment=f"{settings.experiment}-drill",
        service_port=port,
        workers=1,  # which leaves a core for training, and is ready when it says so
        poll_seconds=1.0,
        drift_seconds=2.0,
        drift_window=500,
        gate_policy=str(GATE),
        feedback_per_reporter=100,
        queue_seconds=30.0,
    )


def folder_of(settings: Settings, name: str) -> Path:
    """Return where a drill keeps everything."""
    return settings.home.resolve() / "drills" / name


def name_of(newcomer: str, began_at: datetime) -> str:
    """Return what a drill is called."""
    return f"{began_at:%Y%m%d-%H%M%S}-{newcomer}"
