"""Versions of the images that a detector is trained and tested on: lake, ingestion, assembly, splits, tombstones."""
