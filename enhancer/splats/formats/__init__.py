"""Files of Gaussian clouds, a module a format: each checks a file by its header and turns what it holds into a cloud."""
