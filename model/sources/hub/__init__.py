"""Data sets of the Hugging Face hub, by name: `hf://datasets/<owner>/<name>[@revision]/…`."""
