"""What runs inside Maya: the deformer node, capture, attach and restore. The thinking is in core and runtime;
here is the host."""
