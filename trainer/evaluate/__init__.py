"""How good a model is and what it looks like: scores, tables, report, pictures, speed."""

from aim_maya.core import lazy

__all__ = ["Preview", "anatomy_accuracy", "accuracy_table", "jaw_accuracy", "target_rows", "write_report"]

__getattr__ = lazy(
    __name__,
    score="jaw_accuracy target_rows",
    anatomy="anatomy_accuracy",
    tables="accuracy_table",
    report="write_report",
    pictures="Preview",
)
