"""Shows what a source holds before it is ingested."""
