"""Starts Truegrain on one machine, runs its main job once (images to a served verdict), and stops it again."""
