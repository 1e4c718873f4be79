"""What is kept and what goes: which contents the log needs, and how the others leave."""
