"""One program per engine: the same empty tasks in the same shapes, run in the engine's own environment."""
