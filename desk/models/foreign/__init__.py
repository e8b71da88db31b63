"""Models of users: folders as other programs export them, described so that the engine can run them as they are.

`anatomy` reads a graph without its weights, `wiring` finds how it wants to be fed, `layout` which file of a folder to
take and what its configuration says, `fitness` (which alone needs onnx) whether a provider has a kernel for every node.
"""
