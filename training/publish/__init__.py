"""Checkpoints and apps on their way to the Hub."""
