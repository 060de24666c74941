-- One PostgreSQL server, a database for each program that keeps its state in it.
CREATE DATABASE airflow;
CREATE DATABASE mlflow;
CREATE DATABASE predictions;
