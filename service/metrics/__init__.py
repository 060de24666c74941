"""The metrics that Prometheus gets: of the service, of drift and of the pipeline."""
