"""Fitting a face to 2D landmarks that cameras see."""
