"""The data card of a dataset version, in Croissant: a description that other tools and search engines read."""
