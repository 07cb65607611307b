"""All built-in node types, declared on import."""

from __future__ import annotations

from . import nodes_anim, nodes_blend, nodes_dag, nodes_deform, nodes_util
from .schema import TYPES

if not TYPES:
    nodes_dag.register()
    nodes_deform.register()
    nodes_blend.register()
    nodes_anim.register()
    nodes_util.register()
