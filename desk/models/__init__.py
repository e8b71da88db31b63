"""Models: what can run, how it is made from open weights, and how text becomes token ids.

`catalogue` what can be built, `store` what is built, `manifest` the note beside every model, `worker` the child that
builds (`builder`, which joins `checkpoint` the file as published, `precision` the numbers to ship, `rotation`,
`blocks`, `graph` the ONNX decoder and `vocabulary` the tokenizer's file), `text` the door to the tokenizer and the
chat template, `kernels` whether a provider can run a graph.
"""
