"""Adapting a checkpoint to one person: her pairs shared out, settings chosen, the outcome told."""
