"""A performance of one actor on another: the same expressions, on the target's own shapes, with what no shape
explains carried over."""
