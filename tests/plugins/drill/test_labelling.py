"""People label images through the drill's own service: what they agree on is in the next dataset version."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from model.lake import Lake
from model.manifest import read_manifest
from model.registry import connect
from model.settings import Settings
from truegrain_airflow.drill import labelling, learning
from truegrain_airflow.drill.plan import Plan, settings_of
from truegrain_airflow.drill.serving import free_port, serving
from truegrain_airflow.drill.traffic import Traffic

PLAN = Plan(newcomer="patch", images=240, calm=8, labelled=6)
