"""How much of a picture an edit keeps, and how much of what was asked it does."""
