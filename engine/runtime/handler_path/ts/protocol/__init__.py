"""TorchServe's messages between server and worker, for handlers and tests that call their encoders."""
