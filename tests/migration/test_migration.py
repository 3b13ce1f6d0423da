"""A deployment made for TorchServe serves from `marina-server` with no edit but the addresses.

The same scripts must print the same with a real TorchServe; `make differential` runs that.
"""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.differential import environment
from tests.migration.deployments import (
    Deployment,
    marina_command,
    marina_variables,
    move,
    options,
    serving,
)
from tests.support.peer_environments import PeerMissingError
from tests.support.rpc_client import generate

SMOKE = """\
ping {'status': 'Healthy'}
echo (200, 'as it came')
echo file (200, '01')
sentiment (200, '{\\n  "label": "good"\\n}')
sentiment 2.0 (200, '{\\n  "label": "bad"\\n}')
explain (200, '[\\n  "good",\\n  "great"\\n]')
regressor (200, '[\\n  2.5\\n]')
v1 (200, '{\\n  "label": "good"\\n}')
invocations (200, 'old path')
bad (418, '{\\n  "code": 418,\\n  "type": "InternalServerException",\\n  "message": "Send another word."\\n}\\n')
chosen 200 chosen yes text/plain
unknown (404, '{\\n  "code": 404,\\n  "type": "ModelNotFoundException",\\n  "message": "Model not found: none"\\n}\\n')
streamer chunked piece 0;piece 1;end
batched True
session (200, '1')
session (200, '3')
session (200, '6')
meter ['counted', 'counted', 'counted']
batcher 1.0 2 2 4 ['READY', 'READY']
echo 1.0 2 2 1 ['READY', 'READY']
sentiment 2.0 1 1 1 ['READY']
"""
GRPC = """\
sentiment {
  "label": "good"
}
streamer piece 0;piece 1;end
scaled Workers scaled to 2 for model: meter
listed 8
"""
REGISTERED = ("batcher", "chooser", "echo", "meter", "regressor", "sentiment", "session", "streamer")


def check(deployment: Deployment) -> None:
    """Run every script of the deployment, and compare what it prints."""
    deployed = deployment.run("sh", "deploy.sh")
    assert "Workers scaled to 2 for model: batcher" in deployed
    assert [name for name in REGISTERED if f'"modelName": "{name}"' in deployed] == list(REGISTERED)
    assert deployment.run(sys.executable, "smoke.py") == SMOKE
    stubs = deployment.folder / "stubs"
    stubs.mkdir()
    generate(stubs)
    printed = deployment.run(sys.executable, "grpc_client.py", PYTHONPATH=str(stubs))
    assert printed.partition("sentiment")[2] == GRPC.partition("sentiment")[2]
    with urllib.request.urlopen(f"{deployment.variables['METRICS']}/metrics") as answer:
        families = {one.name: one for one in text_string_to_metric_families(answer.read().decode())}
    assert [sample.value for sample in families["OrdersSeen"].samples] == [3.0]
    assert sum(sample.value for sample in families["Requests2XX"].samples) > 20


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return move(tmp_path / "deployment")


@pytest.mark.end_to_end
def test_the_deployment_serves_from_marina(deployment: Deployment) -> None:
    with serving(deployment, marina_command(), **marina_variables(deployment)):
        check(deployment)


@pytest.mark.differential
@pytest.mark.timeout(600)
def test_the_deployment_serves_alike_from_torchserve(deployment: Deployment) -> None:
    try:
        environment.prepare()
    except PeerMissingError as missing:
        pytest.skip(str(missing))
    temporary = deployment.folder / "tmp"
    temporary.mkdir()
    with serving(deployment, [environment.program("torchserve"), *options()], TMPDIR=str(temporary)):
        check(deployment)
