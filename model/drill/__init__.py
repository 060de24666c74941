"""Records a drill, compares it with its goals, and tells it in sentences."""
