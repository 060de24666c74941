"""The released artifact: how it is written and checked, loaded, calibrated, and how it decides."""
