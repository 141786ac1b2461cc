"""Clips: reading and writing them, the motion in them, and holding what was restored frame by frame still."""
