"""The commands under Store."""
