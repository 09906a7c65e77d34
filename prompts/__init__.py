"""Language: the tag protocol, the system prompt, LLM profiles and the prompt adapter."""
