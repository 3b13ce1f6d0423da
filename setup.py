"""The step of the build that pyproject.toml cannot name: descriptors of the gRPC interface, out of its .proto files.

They hold for every version of protobuf, which code that protoc generates does not.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROTOS = Path(__file__).parent / "engine" / "rpc" / "protos"
DESCRIPTORS = PROTOS / "interface.binpb"


class BuildWithDescriptors(build_py):
    """Compiles the interface beside its sources, from where an editable install, a wheel and an sdist take it."""

    def run(self) -> None:
        """Compile, then build."""
        compile_interface()
        super().run()


def compile_interface() -> None:
    """Write the descriptors of every .proto file and of what they import; raises SystemExit for a mistake in one."""
    import google.rpc  # noqa: PLC0415 - the packages of the build alone have these two
    import grpc_tools  # noqa: PLC0415
    from grpc_tools import protoc  # noqa: PLC0415

    folders = (PROTOS, Path(grpc_tools.__path__[0]) / "_proto", Path(google.rpc.__path__[0]).parents[1])
    sources = [*sorted(path.name for path in PROTOS.glob("*.proto")), "google/rpc/error_details.proto"]
    command = ["protoc", *(f"-I{folder}" for folder in folders), "--include_imports"]
    if protoc.main([*command, f"--descriptor_set_out={DESCRIPTORS}", *sources]):
        raise SystemExit("The gRPC interface cannot be compiled; protoc's own words are above.")


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithDescriptors})
