"""The command `truegrain`, and the Python client of the service."""
