"""The files of published models: which there are, where to download them, and the cache folder.

Nothing here imports torch or knows what the files hold. `registry` lists the models and their
files, `fetching` downloads a file from its mirrors, `cache` manages the folder.
"""
