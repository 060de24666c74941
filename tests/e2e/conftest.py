"""Starts Truegrain once for all end-to-end tests."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.settings import Settings
from support.manual import blocks, run_block
from support.running_stack import Stack, launch, processes_of
from support.small_images import many
from truegrain_rig.process import free_ports


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 600 images whose texture tells their class, and one broken image, where the manual has it."""
    folder = tmp_path_factory.mktemp("reader") / "pictures" / "labelled"
    for image in many(600, format_="BMP"):
        path = folder / image.label / image.origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
    (folder / "ai" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not really")
    return folder


@pytest.fixture(scope="session")
def stack(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything, take the images to a served verdict, and always stop everything at the end."""
    mlflow, airflow, service = free_ports(3)
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        source=str(images),
        recipe=str(Path(__file__).with_name("brief.toml")),
        gate_policy=str(Path(__file__).with_name("limits.toml")),
        poll_seconds=1,
        queue_seconds=30,  # what else goes on here may stop a worker for a while; nobody is to be turned away
        tracking_uri=f"http://127.0.0.1:{mlflow}",
        mlflow_port=mlflow,
        airflow_port=airflow,
        service_port=service,
    )
    try:
        [up_with_own_images] = [block for block in blocks("train/own-images.md") if "SOURCE=~/" in block]
        up = run_block(up_with_own_images, settings, folder=images, seconds=600, HOME=str(images.parents[1]))
        assert up.returncode == 0, up.stdout + up.stderr
        yield Stack(settings, up.stdout)
    finally:
        launch("down", settings, seconds=120)
        for process in processes_of(settings.home):
            process.send_signal(signal.SIGKILL)
