"""The model beside the baselines: the same corrupted frames for every method, and the figures of each."""
