"""Curves or a performance through a model to point caches, frame by frame."""
