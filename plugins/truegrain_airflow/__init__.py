"""Airflow's rim: the pieces that the DAGs share and that know Airflow."""
