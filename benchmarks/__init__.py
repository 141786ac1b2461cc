"""Scripts that measure ratios in one run; never part of the tests' verdict."""
