"""The page of settings."""

from model.settings import PREFIX, Settings
from truegrain_docs.markdown import code, literal, page, table


def settings() -> str:
    """Return each setting with its default and its meaning."""
    rows = (
        (code(f"{PREFIX}{name.upper()}"), code(field.default), literal(field.description or ""))
        for name, field in Settings.model_fields.items()
    )
    return page(
        "Settings",
        "A setting is an environment variable. `make up` and `docker-compose` also read the file `.env`: start from"
        f" `.env.example`. An unknown name that begins with `{PREFIX}` is refused.",
        "The telemetry of Airflow, Great Expectations, MLflow and onnxruntime is switched off by `model/__init__.py`."
        " `mlflow models serve` runs without Truegrain: set `ORT_DISABLE_TELEMETRY=1` before you start it.",
        table(("variable", "default", "meaning"), rows),
    )
