"""Checks dataset versions and predictions against rules. Only this package imports Great Expectations."""

import logging

# Done on import, because Great Expectations logs 200 lines while it is imported. Airflow's own setting for log levels
# (`namespace_levels`) does not reach the process of a task.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
