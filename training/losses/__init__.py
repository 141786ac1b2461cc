"""Losses of training: terms over the features of frozen networks, and discriminators."""
