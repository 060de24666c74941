"""Trains detectors; the only package that imports torch and timm. Run it with `python -m model.training`."""
