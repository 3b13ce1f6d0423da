"""Everything that runs inside a worker process. Standard library only; torch is imported when a handler wants it.

Any interpreter from Python 3.9 on can run it: the engine starts `__main__.py` as a plain file, which mounts this folder
as the package `marina_runtime` and puts `handler_path/` (the `ts` package that handlers import) on the module path. On
the engine's side only `frames` and `shared_memory` are imported, as modules of `engine.runtime`.
"""
