"""How pictures leave the program: with whose certificate, and one marked copy of each kept at hand."""
