"""How fast a checkpoint is here: by stage, size and batch, against a plain run of it and against the hardware's limits."""

from enhancer.bench.figure import figure
from enhancer.bench.run import Settings, bench
from enhancer.bench.table import table

__all__ = ["Settings", "bench", "figure", "table"]
