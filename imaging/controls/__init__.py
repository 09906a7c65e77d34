"""One file a consistency technique, its paper cited, its tensor shapes in the docstrings."""
