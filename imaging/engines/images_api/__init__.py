"""What differs between servers of the OpenAI images API: models, parameters, refusals, answers, addresses."""
