"""The page of DAGs, read from Airflow's own parser."""

import json
import os
import subprocess
import sys
from inspect import cleandoc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from model import TELEMETRY_OFF
from truegrain_docs.markdown import code, literal, page, table
from truegrain_rig.stack import ROOT

PARSE: Final = """
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
assert not bag.import_errors, bag.import_errors
print(json.dumps({
    dag.dag_id: {
        "doc": dag.doc_md,
        "tasks": [task.task_id for task in dag.topological_sort()],
        "fields": {
            name: {"title": field.schema.get("title", name), "meaning": field.description,
                   "required": "null" not in field.schema["type"]}
            for name, field in dag.params.items()
        },
    }
    for dag in bag.dags.values()
}))
"""


def dags() -> str:
    """Return each DAG with its tasks in order, the fields of its form and what to do when it is red."""
    read = _parsed()
    return page(
        "DAGs",
        "To start a DAG by hand, open the DAG in Airflow and press *Trigger*. A field of the form may stay empty unless"
        " the table calls the field required.",
        *(_section(name, read[name]) for name in sorted(read)),
    )


def _section(name: str, dag: dict[str, Any]) -> str:
    fields = [
        (code(field), each["title"], literal(each["meaning"] or ""), "yes" if each["required"] else "")
        for field, each in dag["fields"].items()
    ]
    return "\n\n".join(
        [
            f"## {name}",
            cleandoc(dag["doc"] or ""),
            f"Tasks: {' → '.join(map(code, dag['tasks']))}",
            *([table(("parameter", "field", "meaning", "required"), fields)] if fields else []),
        ]
    )


def _parsed() -> dict[str, Any]:
    """Return what an Airflow of its own, with an empty home, reads of the DAGs."""
    with TemporaryDirectory() as home:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TRUEGRAIN"))}
        settings = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{Path(home) / 'airflow.db'}",
            "TRUEGRAIN_HOME": home,
            **TELEMETRY_OFF,
        }
        done = subprocess.run(
            [sys.executable, "-c", PARSE],
            env=inherited | settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    parsed: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return parsed
