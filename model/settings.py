"""Settings: where things live and how they behave, read from TRUEGRAIN_* variables at the edges of the program."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from model.errors import SettingsError

PREFIX = "TRUEGRAIN_"


class Settings(BaseModel):
    """Every setting, its default and its meaning. A variable `TRUEGRAIN_<NAME>` sets the field of that name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".local"), description="Folder for everything Truegrain writes on this machine")
    lake: str = Field("", description="The data lake: a folder or any fsspec URL [<home>/lake]")
    source: str = Field(
        "synthetic",
        description="Where labelled images come from: 'synthetic', a folder, an archive, a table, a URL, a TOML file",
    )
    source_hosts: str = Field(
        "",
        description="Hosts (data.lan:8080) and buckets, separated by commas, to which sources on the web may be"
        " redirected and declarations at a URL may lead, also those of this machine and its networks",
    )
    source_max_gb: PositiveFloat = Field(
        50.0, description="Largest file in GB that is downloaded of a source on the web"
    )
    ingest_memory_gb: PositiveFloat = Field(
        2.0,
        ge=0.5,
        description="Memory in GB that a process which reads sources may hold; what takes more is not read",
    )
    ingest_seconds: PositiveInt = Field(
        10, description="Computing time that one file or image of a source may take; one that takes more is not read"
    )
    recipe: str = Field(
        "quick", description="Training recipe: a name in model/training/recipes, or the path of a TOML file"
    )
    pretrained: str = Field("", description="Local safetensors file with backbone weights, for machines without a hub")
    gate_policy: str = Field(
        "", description="TOML file with the gate's limits that differ from model/evaluation/gate/gate.toml"
    )
    approval: bool = Field(
        default=False, description="Ask a person in Airflow before a detector that passed is promoted"
    )
    tracking_uri: str = Field("http://127.0.0.1:5000", description="Address of the MLflow server")
    mlflow_url: str = Field("", description="Address at which a browser finds MLflow, where that is another one")
    model_name: str = Field("ai-image-detector", description="Name of the registered model")
    experiment: str = Field("truegrain", description="MLflow experiment of the runs")
    lock: str = Field(
        "",
        description="File that all who promote hold in turn, with reports.lock for the reports of users beside it;"
        " where there are several hosts, on a disk they share [<home>/registry.lock]",
    )
    revision: str = Field("", description="Git revision of the code, for places without a checkout, such as images")
    poll_seconds: PositiveFloat = Field(5.0, description="Seconds between two looks at the aliases that are served")
    require_signature: str = Field(
        "", description="PEM file of the Ed25519 public key that must have signed what is served; empty: none"
    )
    check_seconds: PositiveFloat = Field(
        30.0, description="Time that a promoted detector may take to load and prove itself, in seconds"
    )
    check_bytes: PositiveInt = Field(
        2_000_000_000, description="Memory that it may ask for while it is checked, in bytes of address space"
    )
    shadow_share: float = Field(
        0.0, ge=0, le=1, description="Share of the images sent to /predict that the shadow judges as well, unseen"
    )
    predictions: str = Field(
        "", description="Prediction log: an SQLAlchemy URL [an SQLite file, <home>/predictions.db]"
    )
    prediction_days: PositiveInt = Field(
        30, description="Days for which predictions are kept, and feedback on them is taken"
    )
    drift_seconds: PositiveFloat = Field(60.0, description="Seconds between two measurements of drift")
    drift_window: PositiveInt = Field(1000, le=20_000, description="Recent predictions that a measurement looks at")
    drift_least: PositiveInt = Field(100, description="Predictions without which drift is unknown")
    drift_policy: str = Field(
        "", description="TOML file with the limits of drift that differ from model/monitoring/drift.toml"
    )
    drift_sustained: PositiveInt = Field(
        3, description="Measurements in a row that must find drift before a retraining is asked for"
    )
    retrain_cooldown_hours: NonNegativeFloat = Field(
        24.0, description="Hours after a retraining on drift before drift may ask for the next"
    )
    retrain_budget: NonNegativeInt = Field(4, description="Retrainings that drift may ask for within 30 days")
    feedback_agreement: PositiveInt = Field(
        3, description="Reporters with API keys who must agree before an image is accepted without a person"
    )
    feedback_per_reporter: NonNegativeInt = Field(
        50, description="Images of one reporter that are accepted so within TRUEGRAIN_PREDICTION_DAYS"
    )
    feedback_waiting: PositiveInt = Field(
        1000, description="Reports of one API key, or of all who send none together, that may wait for their review"
    )
    feedback_waiting_bytes: PositiveInt = Field(
        1_000_000_000, description="What those reports may weigh, in bytes, their images included"
    )
    feedback_free_bytes: NonNegativeInt = Field(
        500_000_000, description="Free bytes on the lake's disk below which no report is taken"
    )
    cost_per_hour: NonNegativeFloat = Field(
        0.0, description="What an hour of one worker costs, in any currency, for the cost of predictions"
    )
    max_upload_bytes: PositiveInt = Field(15_000_000, description="Largest image file accepted, in bytes")
    max_pixels: PositiveInt = Field(50_000_000, description="Largest image accepted, in pixels after decoding")
    receipt_key: str = Field(
        "", description="PEM file with the Ed25519 key that signs receipts; without one there are none"
    )
    mlflow_port: PositiveInt = Field(5000, description="Port of MLflow under `make up`")
    airflow_port: PositiveInt = Field(8080, description="Port of Airflow under `make up`")
    service_port: PositiveInt = Field(8000, description="Port of the service under `make up`")
    workers: PositiveInt = Field(2, description="Worker processes of the service")
    queue: NonNegativeInt = Field(
        4,
        description="Requests that wait while a worker judges an image (one in a crowd); further ones are answered 503",
    )
    queue_seconds: PositiveFloat = Field(2.0, description="Longest wait in that queue, in seconds")
    upload_seconds: PositiveFloat = Field(30.0, description="Time for a request to arrive completely, in seconds")
    api_keys: str = Field(
        "", description="File of API keys that `python -m service.keys` writes [<home>/api-keys.json]"
    )
    require_auth: bool = Field(
        default=False, description="Refuse who sends no API key, except to the page, documentation, probes and metrics"
    )
    rate_limit: str = Field(
        "",
        description="Units granted to each key, or else network, such as 600/minute: an image is one, and so is each of"
        " its megapixels; a key may have its own limit",
    )
    rate_storage: str = Field(
        "memory://", description="Where they are counted: memory://, by each worker, or redis://host:port, by all"
    )
    cors_origins: str = Field(
        "",
        description="Origins whose pages may call the service, such as https://shop.example, separated by commas, or *",
    )
    trusted_hosts: str = Field(
        "",
        description="Names it may be called by beside localhost, separated by commas"
        " [localhost alone where it listens on this machine alone, else any]",
    )
    proxies: NonNegativeInt = Field(
        0, description="Reverse proxies before it whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )

    @property
    def lake_url(self) -> str:
        """The lake's address: `lake` when set, else a folder under `home`."""
        return self.lake or str(self.home.resolve() / "lake")

    @property
    def predictions_url(self) -> str:
        """The prediction log's address: `predictions` when set, else an SQLite file under `home`."""
        return self.predictions or f"sqlite:///{self.home.resolve() / 'predictions.db'}"

    @property
    def lock_path(self) -> Path:
        """The lock of all who promote: `lock` when set, else a file under `home`."""
        return Path(self.lock) if self.lock else self.home / "registry.lock"

    @property
    def reports_lock(self) -> Path:
        """The lock of all who change reports of users or withdraw images, beside that of all who promote."""
        return self.lock_path.with_name("reports.lock")

    @property
    def api_keys_path(self) -> Path:
        """The file of API keys: `api_keys` when set, else a file under `home`."""
        return Path(self.api_keys) if self.api_keys else self.home / "api-keys.json"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables such as `os.environ`.

        Raises SettingsError for an unknown TRUEGRAIN_* variable or a value that is not allowed. An empty value means
        the default, so that a line of `.env` can be left blank.
        """
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
        try:
            return cls.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
        except ValidationError as error:
            raise SettingsError("; ".join(_explain(problem, cls.variables()) for problem in error.errors())) from error

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads, for a program that is started with these settings."""
        return {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items()}

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Every variable's name with what it means."""
        return {PREFIX + name.upper(): field.description or "" for name, field in cls.model_fields.items()}


def _explain(problem: Mapping[str, object], known: Mapping[str, str]) -> str:
    location = problem["loc"]
    name = PREFIX + str(location[0]).upper() if isinstance(location, tuple) else PREFIX
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"{name} is no setting of Truegrain: {hint}"
    return f"{name}={problem['input']!r} is not allowed: {problem['msg']}"
