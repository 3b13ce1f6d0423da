"""What Marina measures: TorchServe's families of metrics, read by Prometheus or written to log files.

The hot path leaves plain numbers where the work happens; families, names and texts come in when somebody reads them.
"""
