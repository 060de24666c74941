"""The table of predictions, drift measured on it, and whether a training is asked for."""
