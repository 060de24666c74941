"""Starts Truegrain on one machine, takes it through its main job once, and stops it again."""
