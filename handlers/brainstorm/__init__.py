"""Brainstorms: rounds of pictured ideas on which a team votes."""
