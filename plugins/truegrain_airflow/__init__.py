"""What the DAGs do, each in the module of its name, and the pieces of Airflow that they share."""
