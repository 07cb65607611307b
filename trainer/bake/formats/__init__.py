"""Point caches: frames of a model written to npz, OBJ, USD and Alembic, one at a time, whole or not at
all.
"""
