"""The aimDeformer: its attributes as data, what it reads of an evaluation, and the node."""
