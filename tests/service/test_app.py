import subprocess
import sys

from model.settings import Settings
from service.app import create_app

HEAVY = ("torch", "timm", "airflow", "great_expectations", "mlflow", "pandas", "scipy")


def test_the_service_starts_without_what_only_training_and_the_pipeline_need(tmp_path: object) -> None:
    program = (
        "import sys\n"
        "from model.settings import Settings\n"
        "from service.app import create_app\n"
        f"create_app(Settings(home={str(tmp_path)!r}))\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"


def test_importing_the_application_does_nothing() -> None:
    program = "import threading, service.app; print(threading.active_count())"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "1\n"


def test_two_applications_do_not_share_their_metrics(tmp_path: object) -> None:
    first, second = (create_app(Settings(home=tmp_path)) for _ in range(2))  # type: ignore[arg-type]
    first.test_client().get("/healthz")
    assert 'status="200"' in first.test_client().get("/metrics").text
    assert 'flask_http_request_total{method="GET",status="200"}' not in second.test_client().get("/metrics").text
    for app in (first, second):
        app.extensions["truegrain"].stop()
