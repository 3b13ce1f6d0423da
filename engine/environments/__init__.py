"""What workers run in: an interpreter, and the packages that an archive asks for.

An archive whose manifest names a `requirementsFile` gets its packages before its workers start, when the setting
`install_py_dep_per_model` says so (TorchServe). They lie in a folder of their own that outlives Marina, shared by every
version that asks for the same. Everything runs on the loop, pip in processes, the disk in threads.
"""
