"""The commands of `python -m enhancer`: a module each, with `declare` for its flags and a function that runs it.

None imports torch or numpy before it runs, so that --help is quick.
"""
