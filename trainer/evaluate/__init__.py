"""How good a model is and what it looks like: scores, tables, report, pictures, speed."""
