"""Adds a button to a task in Airflow's pages that opens the report of its training run."""

from typing import Any

from airflow.sdk import BaseOperatorLink

from truegrain_airflow.environment import read_settings


class ReportLink(BaseOperatorLink):
    """Links to the report in MLflow of the training run that is a task's first argument.

    The address is computed when the task ends, and Airflow keeps it as an XCom. Airflow's webserver reads only the
    XCom, so this class needs no registration by a plugin. If there is no address, the task's log says why.
    """

    name = "Evaluation report"
    xcom_key = "report_page"

    def get_link(self, operator: Any, *, ti_key: object) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the report; raises RegistryUnavailable if MLflow does not answer."""
        from model.registry import connect
        from model.registry.run_files import PAGE

        settings = read_settings()
        root = settings.mlflow_url or settings.tracking_uri
        return connect(settings).page_address(str(operator.op_args[0]), PAGE, root=root)


def report(called: Any) -> Any:
    """Add the button to the task that a TaskFlow call created; returns the call."""
    called.operator.operator_extra_links = (ReportLink(),)
    return called
