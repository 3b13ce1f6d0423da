"""SageMaker's way with many models: the whole machine as model store, folders without a manifest, its own handler."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engine.settings import Settings, load
from tests.support.servers import Server, make_home, serving

pytestmark = pytest.mark.end_to_end

# As its toolkit writes it, on ports of this test.
CONFIG = """vmargs=-XX:-UseContainerSupport
enable_envvars_config=true
model_store=/
default_service_handler=$$SAGEMAKER_HANDLER$$
default_workers_per_model=1
async_logging=true
decode_input_request=false
inference_address=http://127.0.0.1:0
management_address=http://127.0.0.1:0
metrics_address=http://127.0.0.1:0
grpc_inference_port=0
grpc_management_port=0
"""
HANDLER = """
import os, sys

class HandlerService:
    def initialize(self, context):
        sys.path.append(os.path.join(context.system_properties["model_dir"], "code"))
        self.multi = os.environ["SAGEMAKER_MULTI_MODEL"]

    def handle(self, data, context):
        from inference import answer
        return [answer(self.multi) for _ in data]
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings with the toolkit in the environment, as a package on the PYTHONPATH."""
    package = tmp_path / "site" / "toolkit"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "handler_service.py").write_text(HANDLER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("SAGEMAKER_MULTI_MODEL", "true")
    monkeypatch.setenv("SAGEMAKER_HANDLER", "toolkit.handler_service")
    (tmp_path / "ts.properties").write_text(CONFIG)
    return load(["--ts-config", "ts.properties"], os.environ, tmp_path, program="torchserve")


def test_a_folder_is_registered_by_its_whole_path_and_answers(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "0a1b" / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text("def answer(multi): return f'multi {multi}'\n")
    (folder / "weights").touch()

    async def scenario(server: Server) -> None:
        wish = {"model_name": "whole-path", "url": str(folder), "synchronous": True, "initial_workers": 1}
        registered = await server.manage("POST", "/models", json=wish)
        assert registered.status == 200, registered
        answer = await server.ask("inference", "POST", "/models/whole-path/invoke", data=b"1")
        assert (answer.status, answer.body) == (200, b"multi true")
        [described] = await server.describe("whole-path")
        assert described["modelUrl"] == str(folder)
        assert (await server.manage("DELETE", "/models/whole-path")).status == 200

    async def main() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            await scenario(server)

    asyncio.run(main())
    assert (folder / "weights").exists()


def test_it_comes_back_with_the_record(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "0a1b" / "model"
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text("def handle(data, context): return data and ['x'] * len(data)\n")

    async def main() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            wish = {"model_name": "m", "url": str(folder), "handler": "handler.py:handle", "initial_workers": 0}
            assert (await server.manage("POST", "/models", json=wish)).status == 200
        async with serving(make_home(tmp_path), settings) as server:
            assert await server.names() == ["m"]

    asyncio.run(main())
