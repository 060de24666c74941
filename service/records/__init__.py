"""The records that the service keeps: predictions, and users' reports on them."""
