"""Fitting a cloud of 3D Gaussians to views of a scene."""
