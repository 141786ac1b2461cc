"""How certain a mean is: bootstrap intervals."""

import numpy as np

from enhancer.seeding import rng_for

RESAMPLES = 5000
CONFIDENCE = 0.95


def interval(differences: np.ndarray, name: str) -> tuple[float, float]:
    """Return the bootstrap percentile interval of the mean of paired differences, drawn from a stream of its own."""
    from scipy.stats import bootstrap  # here rather than above: it takes a second, which an evaluation need not wait

    if len(differences) == 1:  # nothing to draw from
        return float(differences[0]), float(differences[0])
    found = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=rng_for("compare", name),
    ).confidence_interval
    return float(found.low), float(found.high)
