"""A thread as files: a zip of everything, a PDF, slides, or one page."""
