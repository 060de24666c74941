"""The domain: images, datasets, detectors and decisions. It knows no Airflow, no Flask and no Great Expectations."""
