"""Run one DAG in this process as Airflow's own `dags test` does, and print the state of each of its tasks as JSON.

Usage: python run_dag.py <dag id> <conf as JSON> [module that replaces model.retraining.steps]
"""
