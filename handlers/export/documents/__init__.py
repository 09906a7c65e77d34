"""A thread as a document: storyboard (PDF), slides (PPTX), one page (HTML)."""
