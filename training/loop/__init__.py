"""A training run: the trainer, its folder, validation, trackers."""
