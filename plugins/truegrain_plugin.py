"""Registers Truegrain's timetable with Airflow. The code is in `truegrain_airflow`, which .airflowignore hides."""

from airflow.plugins_manager import AirflowPlugin

from truegrain_airflow.timetable import AnchoredTimetable


class TruegrainPlugin(AirflowPlugin):
    """Registers the timetable, so that a serialised DAG can be read back."""

    name = "truegrain"
    timetables = [AnchoredTimetable]  # noqa: RUF012 - Airflow reads a plain list
