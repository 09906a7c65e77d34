"""The embedded language model's own dialect: a compact prompt, one command line, and the LoRA that speaks it.

A 135M-parameter model cannot follow the long few-shot prompt that larger models get. Here it sees a
picture table and the message, writes one command line, and code turns that into the tagged reply of the
protocol. Importing this package does no work and never loads torch.
"""
