"""Predictions in their database, drift measured on them, and whether a training is asked for."""
