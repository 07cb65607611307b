"""How good a model is and what it looks like: scores, tables, report, pictures, speed."""

from aim_maya.core.lazy import lazy

__all__ = ["Preview", "anatomy_score", "figures_table", "score_jaw", "target_rows", "write_report"]

__getattr__ = lazy(
    __name__,
    score="score_jaw target_rows",
    anatomy="anatomy_score",
    tables="figures_table",
    report="write_report",
    preview="Preview",
)
