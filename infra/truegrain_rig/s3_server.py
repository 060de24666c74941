"""Runs an S3 server (moto's) behind a door that cuts connections, for ingestion from a store that is not reliable."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from truegrain_rig.cut_connections import Door, open_door
from truegrain_rig.process import await_answer, free_ports, running

_BUCKET: Final = "incoming"
_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Store:
    """An S3 server with one bucket: its environment for a client, its `door`, and the URL of the bucket."""

    environment: Mapping[str, str]
    door: Door
    url: str = f"s3://{_BUCKET}"

    def put(self, folder: Path) -> None:
        """Copy the files of a folder into the bucket, under their paths from the folder above it."""
        self.file_system().put(os.fspath(folder), f"{_BUCKET}/{folder.name}", recursive=True)

    def put_bytes(self, path: str, content: bytes) -> None:
        """Write one file of the bucket."""
        self.file_system().pipe_file(f"{_BUCKET}/{path}", content)

    def file_system(self) -> Any:
        """Return the bucket's file system, past the door."""
        from fsspec import filesystem

        return filesystem(
            "s3",
            key=self.environment["AWS_ACCESS_KEY_ID"],
            secret=self.environment["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=f"http://127.0.0.1:{self.door.behind}",
        )


@contextmanager
def running_s3(home: Path, *, cut_every: int) -> Iterator[Store]:
    """Run the server until the block ends; its log is in `home`, and every `cut_every`-th answer to a GET is cut."""
    (port,) = free_ports(1)
    log = home / "s3.log"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with (
        running(command, log=log) as process,
        open_door(port, cut_every=cut_every) as door,
    ):
        await_answer(f"http://127.0.0.1:{port}/moto-api/", process, log, seconds=_SECONDS)
        environment = {
            "AWS_ACCESS_KEY_ID": "measured",
            "AWS_SECRET_ACCESS_KEY": "measured",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{door.port}",
        }
        store = Store(environment, door)
        store.file_system().mkdir(_BUCKET)
        yield store
