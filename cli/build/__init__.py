"""Builds: a context, and stages whose steps run or copy, each sealed as it is done."""
