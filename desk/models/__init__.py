"""Models: what can run, how it is made from open weights, and how text becomes token ids.

`catalogue` what can be built, `store` what is built, `worker` the child that builds (`builder`, which joins
`checkpoint` the file as published, `precision` the numbers to ship, `rotation`, `blocks`, `graph` the ONNX decoder and
`vocabulary` the tokenizer's file), `kernels` which provider can
run a graph, `text` the door to the tokenizer and the chat template, `manifest` the note beside
every model.
"""
