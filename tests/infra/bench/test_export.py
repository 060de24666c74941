"""The measurement of the conformal band tells a kept promise from a broken one."""

import numpy as np
from scipy.special import expit

from truegrain_bench.measurements.export import conformal_error


def test_the_error_is_within_the_promise_of_the_band_that_is_measured() -> None:
    labels = np.arange(2000) % 2
    probabilities = expit(np.random.default_rng(0).normal(2 * (labels - 0.5), 1.0))
    errors = [conformal_error(probabilities, labels, alpha=alpha) for alpha in (0.01, 0.05, 0.2)]
    assert np.all(np.array(errors) <= np.array([0.01, 0.05, 0.2]) * 1.1)
    assert errors[0] < errors[1] < errors[2]
