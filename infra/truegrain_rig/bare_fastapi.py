"""A minimal FastAPI application for a detector, under uvicorn: it answers a probability alone."""

import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from truegrain_rig.bare_app import ARTIFACT
from truegrain_rig.plain_judge import PlainDetector


def create_app() -> FastAPI:
    """Build the application; each worker loads the detector that the variable BARE_ARTIFACT names."""
    app = FastAPI()
    detector = PlainDetector(Path(os.environ[ARTIFACT]))

    @app.get("/")
    def alive() -> str:
        return "alive"

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, float]:
        return {"probability": await run_in_threadpool(detector.judge, await request.body())}

    return app


if __name__ == "__main__":
    uvicorn.run(
        f"{Path(__file__).parent.name}.{Path(__file__).stem}:create_app",
        factory=True,
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        access_log=False,
        log_level="warning",
    )
