"""A layer as Changes, and as a tar; images are made of them elsewhere."""
