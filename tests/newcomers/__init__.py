"""What docs/architecture.md's table of "where a newcomer adds things" promises, done in a copy of the tree."""
