"""Adapting a checkpoint to one person: her pairs looked at and shared out, settings chosen, the outcome told."""
