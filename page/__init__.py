"""The pieces of the page that `app.py` puts together. Nothing here is part of the library."""
