"""One module a command: an `Options` dataclass whose docstrings are the help, and `run(options) ->
figures`.
"""
