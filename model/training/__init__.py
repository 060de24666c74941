"""How a detector is made: the only place that knows torch and timm. Run it with `python -m model.training`."""
