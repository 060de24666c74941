"""Great Expectations, imported here once, for its import warns."""

import warnings

with warnings.catch_warnings():
    # great_expectations 1.24.1 imports sre_constants, deprecated since Python 3.11.
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations  # noqa: F401
