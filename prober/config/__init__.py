"""The configuration: a YAML file becomes frozen models, and those the orders for runs.

What is wrong with a file is told all at once, each in a sentence with its place, before anything is probed. Imported
only where a configuration is read: what reading takes has its price in memory.
"""
