"""Implements the tasks of the DAGs: one module for each DAG, named after it, and modules that several DAGs share."""
