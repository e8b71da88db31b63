"""Make the model files on which `desk bench` holds other engines against this one, from the embedded model's weights.

    python -m venv P && P/bin/pip install onnxruntime-genai==0.18.0 onnxruntime==1.32.0 llama-cpp-python==0.3.36
    python -m venv B && B/bin/pip install torch==2.13.0 transformers==5.23.0 onnxruntime-genai==0.18.0 \
        onnx-ir==1.1.0 gguf==0.19.0
    P/bin/python tests/bench/make_peers.py q8 WEIGHTS.gguf OUT/SmolLM2-135M-Instruct.Q8_0.gguf
    B/bin/python tests/bench/make_peers.py int4 WEIGHTS.gguf OUT/smollm2-genai-int4

The first is written by llama.cpp's own quantiser: the same weights, dequantised, in 8 bits. The second comes from
onnxruntime-genai's own builder and is lossy: a peer in speed, not in quality. Then:

    desk models build smollm2-135m
    desk bench --model smollm2-135m --model OUT/smollm2-genai-int4 --peers P/bin/python \
        --gguf OUT/SmolLM2-135M-Instruct.Q8_0.gguf --gguf WEIGHTS.gguf --json > bench.json
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def q8(weights, out):
    """Quantise to Q8_0."""
    import llama_cpp

    how = llama_cpp.llama_model_quantize_default_params()
    how.allow_requantize = True
    how.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    return llama_cpp.llama_model_quantize(str(weights).encode(), str(out).encode(), how)


def int4(weights, out):
    """Expand the weights to 32-bit floats, and have the builder quantise them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    # The weights are floats by now, but the model remembers how they came, and would refuse to be saved.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with tempfile.TemporaryDirectory() as floats:
        model.save_pretrained(floats)
        AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(floats)
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", "", "-i", floats, "-o", str(out)]
        return subprocess.run([*builder, "-p", "int4", "-e", "cpu"]).returncode


if __name__ == "__main__":
    make = {"q8": q8, "int4": int4}[sys.argv[1]]
    target = Path(sys.argv[3])
    target.parent.mkdir(parents=True, exist_ok=True)
    sys.exit(make(Path(sys.argv[2]).resolve(), target))
