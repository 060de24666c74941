"""The checks and limits that a request passes before it reaches the detector."""
