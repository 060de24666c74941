"""What data must be before anything is trained on it or answered from it. Great Expectations lives here only."""

import logging

# On import, for Great Expectations logs 200 lines while it is imported itself. Airflow's own setting for the level of a
# logger (`namespace_levels`) does not reach the process of a task.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
