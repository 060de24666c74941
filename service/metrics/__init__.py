"""What Prometheus is told of the service, of drift and of the pipeline."""
