"""What pictures say of themselves: invisible watermark, metadata, signature, visible label, and how it is read."""
