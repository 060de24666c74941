"""From trained weights to the released artifact: calibration, export, quantisation."""
