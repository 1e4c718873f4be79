"""Events with who, when and why, and found by the path that they touched."""
