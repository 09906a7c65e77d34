"""Generated iT2I conversations to train the embedded model on; `turns` puts them together."""
