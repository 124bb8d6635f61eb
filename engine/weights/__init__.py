"""The weights of published models: which there are, where they lie, and how they come here.

It knows files, HTTP and TOML, and nothing of torch or of what the files hold. `registry` says what
there is, `fetching` brings a file from its mirrors to its final name, `cache` knows the folder.
"""
