"""Links: the buttons of a task in Airflow's own pages that lead to what it made."""

from typing import Any

from airflow.sdk import BaseOperatorLink

from truegrain_airflow.environment import read_settings


class ReportLink(BaseOperatorLink):
    """Leads to the report of the training run that is a task's first argument, on its page in MLflow.

    The task computes the address as it ends and Airflow keeps it as an XCom. Its webserver reads no more than that, so
    it need not know this class, and no plugin registers it. When the address cannot be had, the task's log says why.
    """

    name = "Evaluation report"
    xcom_key = "report_page"

    def get_link(self, operator: Any, *, ti_key: object) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address; raises RegistryUnavailable when MLflow does not answer."""
        from model.registry import connect
        from model.registry.run_files import PAGE

        settings = read_settings()
        root = settings.mlflow_url or settings.tracking_uri
        return connect(settings).page_address(str(operator.op_args[0]), PAGE, root=root)


def report(called: Any) -> Any:
    """Give the task that a call of a TaskFlow function makes a button to its report; returns the call."""
    called.operator.operator_extra_links = (ReportLink(),)
    return called
