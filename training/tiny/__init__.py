"""The embedded language model's adapter: generated conversations, training, export."""
