"""The API: verdicts over HTTP from the detector in production. Knows no Airflow, torch or Great Expectations."""
