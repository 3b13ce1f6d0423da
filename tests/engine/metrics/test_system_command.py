"""The program that replaces Marina's own reading of the machine."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.metrics.system_command import run_system_command

# What people wrote for TorchServe.
COLLECTOR = """
import logging, sys
from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
logging.info(str(Metric("CPUUtilization", 750, "percent", [Dimension("Level", "Host")])))
logging.info(str(Metric("GPUUtilization", 1.5e-3, "percent", [Dimension("Level", "Host"), Dimension("DeviceId", 0)])))
print(*sys.argv[1:])
logging.info("")
print("CPUUtilization.Percent:1|#Level:Host|#hostname:x,1")
"""


def script(folder: Path, source: str) -> str:
    path = folder / "collector.py"
    path.write_text(source)
    return str(path)


def test_the_values_of_a_script_for_torchserve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = run_system_command(f"{script(tmp_path, COLLECTOR)} --gpu 0", threading.Event())
    assert found == {"CPUUtilization": {("Host",): 750.0}, "GPUUtilization": {("Host", "0"): 0.0015}}
    assert "not a metric: '--gpu 0'" in caplog.text


def test_a_script_that_fails_is_an_error_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"code 1: ZeroDivisionError: division by zero"):
        run_system_command(script(tmp_path, "1 / 0"), threading.Event())
    with pytest.raises(OSError, match="No such file"):
        run_system_command(str(tmp_path / "gone.py"), threading.Event())


def test_a_script_is_killed_when_marina_ends(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(OSError, match="code -9"):
        run_system_command(script(tmp_path, "import time; time.sleep(60)"), cancel)
