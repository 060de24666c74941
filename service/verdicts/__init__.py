"""Judges image files: from the bytes of a file to the verdict that is sent."""
