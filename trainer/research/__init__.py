"""The model beside baselines and beside itself with one thing changed: the figures of docs."""
