"""Writes a dataset version as files that other tools read: Parquet or WebDataset."""
