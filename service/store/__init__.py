"""How a detector gets from the registry into service, and what is known of it there."""
