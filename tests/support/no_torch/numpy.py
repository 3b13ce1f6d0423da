"""In the way of the real one, for worker processes whose handlers do not need it."""

raise ImportError("this test's workers go without numpy")
