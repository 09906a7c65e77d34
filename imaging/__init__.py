"""Pictures: requests and recipes, the job queue, engines, consistency controls, outputs. Knows no chat."""
