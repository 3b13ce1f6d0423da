"""The record of models on the disk: its rows, its database, and how a damaged one is put together again."""
