"""The parts of the documentation site that are made of the program itself, when the site is built.

`hooks` is what mkdocs calls. A comment such as `<!-- site: command imagine -->` in a page is
replaced by what a module here makes of the program, so that a page cannot go stale; whoever reads
the Markdown in the repository sees the text around it.
"""
