"""The hot path between an API and a worker: jobs, the job queue of each version, batching and dispatch. On the loop.

Nothing here starts a task, takes a lock or touches the disk; a request costs one job, one future and two frames.
"""
