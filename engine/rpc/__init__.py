"""Scripts' way in beside REST: gRPC, on the same façade and by the same rules. On the loop.

`protos/` is the interface and `interface` its messages; `management`, `inference`, `sequences` and `open_inference`
(with `tensors`) answer the calls that `calls` wraps, `failures` turns errors into statuses, `gate` says who may call,
`server` puts services behind a port, `servers` says which, and `doors` is Host's way in. All but `doors` needs grpcio.
"""
