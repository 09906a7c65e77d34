"""Rounds of brainstorms: how they go on, what they draw, and what their buttons do."""
