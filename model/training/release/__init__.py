"""Turns trained weights into the released artifact: calibration, export, quantisation."""
