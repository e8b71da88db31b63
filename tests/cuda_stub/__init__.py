"""A stub CUDA runtime: onnxruntime's real CUDA provider runs on a Linux machine without a GPU.

`build` compiles five small libraries with gcc; `CudaStub` loads them into a child process, before onnxruntime, and
reads their counters. The host side is real (placement, shape checks, allocations, copies, launches, graphs, errors);
kernels do nothing, so results mean nothing. What each call does stands in `runtime.c`.
"""
