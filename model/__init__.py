"""The domain: images, datasets, detectors and the decisions about them. Knows no Airflow, Flask or Great Expectations."""
