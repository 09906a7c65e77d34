"""The picture engine against stock pipelines: time, memory and work as ratios."""
