"""What Airflow must know of Truegrain. The code is in the package beside, which Airflow must not run file by file."""

from airflow.plugins_manager import AirflowPlugin

from truegrain_airflow.timetable import AnchoredTimetable


class TruegrainPlugin(AirflowPlugin):
    """Registers the timetable, so that a serialised DAG can be read back."""

    name = "truegrain"
    timetables = [AnchoredTimetable]  # noqa: RUF012 - Airflow reads a plain list
