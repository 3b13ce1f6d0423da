"""The GPUs of this machine: what they say about themselves, and which of them a worker gets."""
