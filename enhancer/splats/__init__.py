"""Clouds of 3D Gaussians: reading and writing them, cameras, rendering, and what too few Gaussians make of a picture."""
