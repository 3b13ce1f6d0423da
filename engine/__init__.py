"""Marina's serving engine: plain asyncio, no Qt.

The nouns: a *model* has *versions*, one of them the default; a version is unpacked from an *archive* and has a *target*
number of *workers*; each worker is a process that runs the archive's *handler*; requests become *jobs* in the version's
*job queue* and reach a worker as a *batch*. `engine.engine.Engine` is the one façade over all of it, `engine.host.Host`
puts the listeners in front, and docs/architecture.md has the map.
"""

VERSION = "0.1.0"
# TorchServe's, which handlers and clients may ask for.
SERVER_VERSION = "0.12.0"
