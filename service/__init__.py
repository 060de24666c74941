"""The API: verdicts over HTTP from the detector in production. Does not import Airflow, torch or Great Expectations."""
