"""The table of predictions, the drift measured on it, and the decision whether to ask for a training."""
