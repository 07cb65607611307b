"""Fitting a face model to what was seen of a performance: scans, landmarks, or both."""
