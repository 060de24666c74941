"""Reads the settings from TRUEGRAIN_* variables: where data is kept, and how the programs behave."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

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

CLIENT_URL: Final = "TRUEGRAIN_URL"
CLIENT_KEY: Final = "TRUEGRAIN_KEY"
"""Variables of `truegrain predict`: the address of a service, and the API key to send. They are no settings."""


class Settings(BaseModel):
    """Every setting, its default and its meaning. A variable `TRUEGRAIN_<NAME>` sets the field of that name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".local"), description="Folder for everything Truegrain writes on this machine")
    lake: str = Field("", description="The data lake: a folder or any fsspec URL [<home>/lake]")
    source: str = Field(
        "synthetic?test=2000",
        description="Where labelled images come from: 'synthetic', a folder, an archive, a table, a URL, a TOML file",
    )
    source_hosts: str = Field(
        "",
        description="Hosts (data.lan:8080) and buckets, separated by commas, to which redirects and declarations on the"
        " web may lead, even on this machine and its networks",
    )
    source_max_gb: PositiveFloat = Field(
        50.0, description="Largest file, in GB, that is downloaded from a source on the web"
    )
    ingest_memory_gb: PositiveFloat = Field(
        2.0,
        ge=0.5,
        description="Memory, in GB, that a process reading sources may use; a file that takes more is not read",
    )
    ingest_seconds: PositiveInt = Field(
        10,
        description="Seconds of computing that one file or image of a source may take; slower files are not read",
    )
    recipe: str = Field(
        "quick", description="Training recipe: a name in model/training/recipes, or the path of a TOML file"
    )
    pretrained: str = Field(
        "", description="Local safetensors file with backbone weights, for machines that cannot reach the hub"
    )
    gate_policy: str = Field(
        "", description="TOML file with the gate's limits that differ from model/evaluation/gate/gate.toml"
    )
    approval: bool = Field(
        default=False, description="Ask a person in Airflow before a detector that passed is promoted"
    )
    tracking_uri: str = Field("http://127.0.0.1:5000", description="Address of the MLflow server")
    mlflow_url: str = Field("", description="Address of MLflow for browsers, if it differs from TRUEGRAIN_TRACKING_URI")
    model_name: str = Field("ai-image-detector", description="Name of the registered model")
    experiment: str = Field("truegrain", description="MLflow experiment of the runs")
    lock: str = Field(
        "",
        description="Lock file for promotions; reports.lock beside it is for users' reports. Several hosts need both on"
        " a disk that they share [<home>/registry.lock]",
    )
    revision: str = Field("", description="Git revision of the code, if there is no checkout, as in a container")
    poll_seconds: PositiveFloat = Field(
        5.0, description="Seconds between two checks of the registry for another version to serve"
    )
    require_signature: str = Field(
        "",
        description="PEM file with an Ed25519 public key; only detectors signed with its private key are served",
    )
    check_seconds: PositiveFloat = Field(
        30.0, description="Seconds that a promoted detector may take to load and to reproduce its golden outputs"
    )
    check_bytes: PositiveInt = Field(
        2_000_000_000,
        description="Memory that a promoted detector may use while it is checked, in bytes of address space",
    )
    shadow_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the images sent to /predict that the shadow judges, too; clients do not see its verdicts",
    )
    predictions: str = Field(
        "", description="Prediction log: an SQLAlchemy URL [an SQLite file, <home>/predictions.db]"
    )
    prediction_days: PositiveInt = Field(
        30, description="Days that predictions are kept and feedback on them is accepted"
    )
    drift_seconds: PositiveFloat = Field(60.0, description="Seconds between two measurements of drift")
    drift_window: PositiveInt = Field(
        1000, le=20_000, description="Newest predictions that one measurement of drift uses"
    )
    drift_least: PositiveInt = Field(
        100, description="Different images that a measurement of drift needs; with fewer, drift is unknown"
    )
    drift_policy: str = Field(
        "", description="TOML file with the limits of drift that differ from model/monitoring/drift.toml"
    )
    drift_sustained: PositiveInt = Field(
        3, description="Measurements in a row, each half new, that must find drift before a retraining is asked for"
    )
    retrain_cooldown_hours: NonNegativeFloat = Field(
        24.0, description="Hours after a retraining on drift before drift may ask for another"
    )
    retrain_budget: NonNegativeInt = Field(4, description="Retrainings that drift may ask for within 30 days")
    feedback_agreement: PositiveInt = Field(
        3, description="Reporters with API keys who must agree before an image is accepted without a person"
    )
    feedback_per_reporter: NonNegativeInt = Field(
        50, description="Images of one reporter that may be accepted without a person within TRUEGRAIN_PREDICTION_DAYS"
    )
    feedback_waiting: PositiveInt = Field(
        1000, description="Reports of one API key, or of all clients without a key together, that may wait for review"
    )
    feedback_waiting_bytes: PositiveInt = Field(
        1_000_000_000,
        description="Size of all waiting reports of one API key, or of all clients without a key, in bytes",
    )
    feedback_free_bytes: NonNegativeInt = Field(
        500_000_000, description="Reports are refused if the lake's disk has fewer free bytes"
    )
    cost_per_hour: NonNegativeFloat = Field(
        0.0, description="Cost of one worker for an hour, in any currency, for the dashboard's cost of verdicts"
    )
    max_upload_bytes: PositiveInt = Field(15_000_000, description="Largest image file accepted, in bytes")
    max_pixels: PositiveInt = Field(50_000_000, description="Largest image accepted, in pixels after decoding")
    c2pa_trust_list: str = Field(
        "",
        description="PEM file with the certificates of authorities whose signers of Content Credentials are trusted;"
        " empty: none",
    )
    receipt_key: str = Field("", description="PEM file with the Ed25519 key that signs receipts; empty: no receipts")
    mlflow_port: PositiveInt = Field(5000, description="Port of MLflow under `make up`")
    airflow_port: PositiveInt = Field(8080, description="Port of Airflow under `make up`")
    service_port: PositiveInt = Field(8000, description="Port of the service under `make up`")
    workers: PositiveInt = Field(2, description="Worker processes of the service")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where the service scores images: cpu, or cuda, which needs the package onnxruntime-gpu"
    )
    queue: NonNegativeInt = Field(
        8,
        description="Requests that may wait for one worker (one request during overload); others are answered 503",
    )
    queue_seconds: PositiveFloat = Field(2.0, description="Longest wait of a request for a worker, in seconds")
    upload_seconds: PositiveFloat = Field(
        30.0, description="Seconds for which a client may be silent while it sends a request or reads the answer"
    )
    api_keys: str = Field(
        "", description="File of API keys that `python -m service.keys` writes [<home>/api-keys.json]"
    )
    require_auth: bool = Field(
        default=False,
        description="Refuse requests without an API key, except for the page, documentation, probes and metrics",
    )
    rate_limit: str = Field(
        "",
        description="Units for each key, or each network without a key, such as 600/minute; an image takes one unit,"
        " and one more for each megapixel; a key may have its own limit",
    )
    rate_storage: str = Field(
        "memory://",
        description="Where units are counted: memory:// (each worker separately) or redis://host:port (all together)",
    )
    cors_origins: str = Field(
        "",
        description="Origins whose pages may call the service, such as https://shop.example, separated by commas, or *",
    )
    trusted_hosts: str = Field(
        "",
        description="Host names of the service besides localhost, separated by commas"
        " [only localhost if the service listens on this machine only, else any]",
    )
    proxies: NonNegativeInt = Field(
        0, description="Reverse proxies before the service; their X-Forwarded-For and X-Forwarded-Proto are trusted"
    )

    @property
    def lake_url(self) -> str:
        """The lake's address: `lake`, or else <home>/lake."""
        return self.lake or str(self.home.resolve() / "lake")

    @property
    def predictions_url(self) -> str:
        """The prediction log's address: `predictions`, or else the SQLite file <home>/predictions.db."""
        return self.predictions or f"sqlite:///{self.home.resolve() / 'predictions.db'}"

    @property
    def lock_path(self) -> Path:
        """The lock file for promotions: `lock`, or else <home>/registry.lock."""
        return Path(self.lock) if self.lock else self.home / "registry.lock"

    @property
    def reports_lock(self) -> Path:
        """The lock file for changes to users' reports and for withdrawing images, in the folder of `lock_path`."""
        return self.lock_path.with_name("reports.lock")

    @property
    def api_keys_path(self) -> Path:
        """The file of API keys: `api_keys`, or else <home>/api-keys.json."""
        return Path(self.api_keys) if self.api_keys else self.home / "api-keys.json"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables such as `os.environ`.

        Raises SettingsError for an unknown TRUEGRAIN_* variable or a value that is not allowed. An empty value means
        the default, so that a line of `.env` can be left blank.
        """
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
        given = {name: value for name, value in given.items() if name not in (CLIENT_URL, CLIENT_KEY)}
        try:
            return cls.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
        except ValidationError as error:
            raise SettingsError("; ".join(_explain(problem, cls.variables()) for problem in error.errors())) from error

    def to_environment(self) -> dict[str, str]:
        """Return the settings as variables, for a program that reads them with `from_environment`."""
        return {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items()}

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the description of each setting by the name of its variable."""
        return {PREFIX + name.upper(): field.description or "" for name, field in cls.model_fields.items()}


def _explain(problem: Mapping[str, object], known: Mapping[str, str]) -> str:
    location = problem["loc"]
    name = PREFIX + str(location[0]).upper() if isinstance(location, tuple) else PREFIX
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"{name} is not a setting of Truegrain: {hint}"
    return f"{name}={problem['input']!r} is not allowed: {problem['msg']}"
