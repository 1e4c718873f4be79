"""What a Dockerfile means: its stages, its steps with everything in them settled, and what each step is made from."""
