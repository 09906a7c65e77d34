"""Words: what a message names, and everyday English for messages in other languages."""
