"""Measures the figures that the manual states."""
