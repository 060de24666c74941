"""Runs a drill: an unknown generator appears on a separate platform, which has to notice and recover."""
