"""Models: what can run, how it comes here or is made from open weights, and how text becomes token ids.

`catalogue` the models known by name, `store` what lies on this machine, `condition` what has become of each and what
can be done, `fit` what a lane takes of the memory, `ram` how much of it is free, `manifest` the note beside a model
that was built here.

`worker` is the child that builds (`builder`, which joins `checkpoint` the file as published, `families` its network,
`precision` the numbers to ship, `packed` and `blocks` how they lie, `rotation`, `graph` the ONNX decoder and
`vocabulary` the tokenizer's file), fetches (`hub` the door to the hub, `partial` what is not whole yet, `contacts`
every host), and takes in what the user brings (`imports`, `archives`). `claims` and `disk` guard folders and room.

`text` is the door to the tokenizer and the chat template, `kernels` tells whether a provider can run a graph, and
`foreign` reads the graphs of other exporters.
"""
