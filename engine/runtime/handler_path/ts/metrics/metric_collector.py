"""The program that TorchServe measures the machine with: `python -m ts.metrics.metric_collector --gpu N`."""

from __future__ import annotations

import argparse
import logging
import sys

from . import system_metrics
from .process_memory_metric import check_process_mem_usage

if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    parser = argparse.ArgumentParser(description="Print metrics of the machine, and the memory of processes.")
    parser.add_argument("--gpu", type=int, default=0, help="how many GPUs there are")
    system_metrics.collect_all(system_metrics, parser.parse_args().gpu)
    check_process_mem_usage(sys.stdin)
