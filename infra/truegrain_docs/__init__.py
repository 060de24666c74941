"""Writes the pages of the manual that repeat what the code says: settings, endpoints, metrics, rules, figures."""
