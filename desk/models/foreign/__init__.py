"""Models of users: folders as other programs export them, described so that the engine can run them as they are.

`anatomy` reads a graph without its weights, `wiring` finds how it wants to be fed, `layout` which file of a folder to
take and what its configuration says. With the library onnx: `tail` gives a graph the end that it needs, `fitness` asks
whether a provider has a kernel for every node.
"""
