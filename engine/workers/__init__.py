"""What does exist: worker processes, from launch to death.

`lifecycle` decides (pure), `worker` acts (the one executor of a life), `pool` compares a version's target with its
workers (`reconciler`, pure), `launcher` starts processes and `channel` speaks frames with them. All on the loop.
"""
