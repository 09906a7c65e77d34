"""Language models: `model` at any OpenAI-compatible endpoint, `embedded` the one that needs none."""
