"""The face parser: its data and its training."""
