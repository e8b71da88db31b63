"""Make the fixtures beside this file: tiny random models, written by the exporters that users' models come from.

    python -m venv v && v/bin/pip install torch==2.13.0 transformers==4.57.6 optimum-onnx==0.1.0 \
        onnx==1.23.2 onnxruntime==1.32.0
    python -m venv g && g/bin/pip install torch==2.13.0 transformers==5.23.0 onnxruntime-genai==0.18.0 onnx-ir==1.1.0
    BUILDER=g/bin/python v/bin/python tests/data/layouts/make.py [NAME...]

Two environments, since optimum and the builder of onnxruntime-genai want different versions of transformers.
Each folder gets `expected.json`: what transformers computes in 32-bit floats on the weights that the graph holds (where
the graph is quantised: on those weights, expanded again), as greedy continuations and the logits before each token.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

HERE = Path(__file__).parent
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SHAPE = {
    "vocab_size": 288,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS = {
    "llama": LlamaConfig(tie_word_embeddings=True, rope_theta=5_000.0, **SHAPE),
    "qwen3": Qwen3Config(tie_word_embeddings=True, rope_theta=20_000.0, **SHAPE),
    "gemma3": Gemma3TextConfig(
        sliding_window=16,
        layer_types=["sliding_attention", "full_attention"],
        query_pre_attn_scalar=16,
        rope_theta=50_000.0,
        rope_local_base_freq=1_000.0,
        **SHAPE,
    ),
    "phi3": Phi3Config(tie_word_embeddings=False, original_max_position_embeddings=128, **SHAPE),
}
PROMPTS = [[5, 17, 271, 44, 260, 9], [7], [(11 + 13 * k) % 280 + 3 for k in range(70)]]
NEW_TOKENS = 24


def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level vocabulary of 288 tokens, trained on a few sentences."""
    text = "The factory makes tokens from power, and whoever runs it watches how well it does that. " * 4
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=288, special_tokens=MARKS, initial_alphabet=alphabet, min_frequency=1)
    made.train_from_iterator([text], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE
    )


def checkpoint(family: str, folder: Path) -> torch.nn.Module:
    """A random model of the family in `folder`, as transformers saves it."""
    torch.manual_seed(len(family))
    model = AutoModelForCausalLM.from_config(CONFIGS[family], dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.add_(0.2 * torch.randn_like(weight))
        # The smaller its embedding, the less a model with tied ones repeats its last token.
        model.get_input_embeddings().weight.mul_(0.15 if family == "gemma3" else 0.6)
    model.generation_config.eos_token_id = [2, 0]
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return model


def record(model: torch.nn.Module, folder: Path, **more: object) -> None:
    """Write what the model answers to `PROMPTS`, each alone and from scratch at every token."""
    answers = []
    for prompt in PROMPTS:
        ids, tops = list(prompt), []
        for _ in range(NEW_TOKENS):
            with torch.no_grad():
                logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            values, indices = logits.topk(4)
            tops.append([[int(i), round(float(v), 5)] for v, i in zip(values, indices, strict=True)])
            ids.append(int(indices[0]))
        answers.append({"prompt": prompt, "answer": ids[len(prompt) :], "top": tops})
    (folder / "expected.json").write_text(json.dumps({**more, "answers": answers}, separators=(",", ":")) + "\n")


def genai(source: Path, folder: Path, precision: str, provider: str, *options: str) -> None:
    """A folder of onnxruntime-genai's model builder.

    Version 0.18 reads the two rotary bases of Gemma 3 as transformers 4 names them, but needs transformers 5.
    """
    config, prelude = json.loads((source / "config.json").read_text()), ""
    if "rope_local_base_freq" in config:
        kinds = {"full_attention": config["rope_theta"], "sliding_attention": config["rope_local_base_freq"]}
        named = {kind: {"rope_type": "default", "rope_theta": base} for kind, base in kinds.items()}
        config["rope_parameters"] = {**named, **named["full_attention"]}
        (source / "config.json").write_text(json.dumps(config))
        prelude = f"transformers.Gemma3TextConfig.rope_local_base_freq = {kinds['sliding_attention']}; "
    run = "runpy.run_module('onnxruntime_genai.models.builder', run_name='__main__', alter_sys=True)"
    command = [os.environ["BUILDER"], "-c", f"import runpy, transformers; {prelude}{run}"]
    command += ["-i", source, "-o", folder, "-p", precision, "-e", provider, "-c", source / "cache"]
    command += ["--extra_options", *options] if options else []
    subprocess.run([str(part) for part in command], check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})


def optimum(source: Path, folder: Path) -> None:
    """An export of optimum with its growing cache."""
    main_export(str(source), folder, task="text-generation-with-past", opset=18, do_validation=False)


def transformers_js(source: Path, folder: Path) -> None:
    """Configuration at the root and one graph per precision under `onnx`, as transformers.js' own script lays out."""
    flat = source / "flat"
    optimum(source, flat)
    (folder / "onnx").mkdir(parents=True)
    for path in flat.iterdir():
        if path.suffix != ".onnx":
            shutil.copy(path, folder)
    plain = onnx.load(flat / "model.onnx")
    onnx.save(convert_float_to_float16(onnx.load(flat / "model.onnx")), folder / "onnx" / "model_fp16.onnx")
    quantizer = MatMulNBitsQuantizer(plain, block_size=32, is_symmetric=True)
    quantizer.process()
    onnx.save(quantizer.model.model, folder / "onnx" / "model_q4.onnx")


def expanded(model: torch.nn.Module, graph: Path) -> torch.nn.Module:
    """The model with those of its matrices that the graph holds in 4 bits as those 4 bits say."""
    found = onnx.load(graph)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.data.clone())  # no longer tied to the embedding
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in found.graph.initializer}
    linears = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    for node in found.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        sizes = {a.name: a.i for a in node.attribute if a.type == onnx.AttributeProto.INT}
        assert sizes.get("bits", 4) == 4
        rows, columns, block = sizes["N"], sizes["K"], sizes["block_size"]
        packed = tensors[node.input[1]].reshape(rows, -1, block // 2)
        values = np.stack([packed & 15, packed >> 4], -1).reshape(rows, -1, block).astype(np.float32)
        zero = np.full((rows, values.shape[1], 1), 8, np.float32)
        if len(node.input) > 3 and node.input[3]:
            pairs = tensors[node.input[3]].reshape(rows, -1)
            zero = np.stack([pairs & 15, pairs >> 4], -1).reshape(rows, -1)[:, : values.shape[1], None]
        scales = tensors[node.input[2]].astype(np.float32).reshape(rows, -1, 1)
        matrix = torch.from_numpy(((values - zero) * scales).reshape(rows, -1)[:, :columns].astype(np.float32))
        put(linears, matrix)
    if any(node.op_type == "GatherBlockQuantized" for node in found.graph.node):
        model.get_input_embeddings().weight = linears["lm_head"].weight  # the very same bits
    return model


def put(linears: dict[str, torch.nn.Linear], matrix: torch.Tensor) -> None:
    """Write `matrix` over the weights nearest to it: a whole matrix, several that it joins (q, k, v), or half of one
    that it is a part of (gate and up)."""
    places = []
    for name, linear in linears.items():
        weight = linear.weight.data
        places += [[weight], list(weight.chunk(2)[:1]), list(weight.chunk(2)[1:])]
        if name.endswith("q_proj"):
            places.append(
                [linears[name.replace("q_proj", part)].weight.data for part in ("q_proj", "k_proj", "v_proj")]
            )
    distance, place = min(
        ((float((torch.cat(place) - matrix).abs().mean()), place) for place in places if shape(place) == matrix.shape),
        key=lambda found: found[0],
    )
    assert distance < 0.1, distance
    for part, values in zip(place, matrix.split([len(part) for part in place]), strict=True):
        part.copy_(values)


def shape(parts: list[torch.Tensor]) -> tuple[int, ...]:
    return (sum(len(part) for part in parts), parts[0].shape[1])


def main() -> None:
    wanted = sys.argv[1:]

    def begin(name: str, family: str) -> tuple[torch.nn.Module, Path, Path] | None:
        if wanted and name not in wanted:
            return None
        folder, source = HERE / name, Path(tempfile.mkdtemp())
        shutil.rmtree(folder, ignore_errors=True)
        return checkpoint(family, source), source, folder

    # With activations in 32-bit floats the reference is exact. A cache of the window's size is refused here.
    for family, precision, provider in (
        ("llama", "fp32", "cpu"),
        ("llama", "int4", "cpu"),
        ("llama", "fp16", "cuda"),
        ("qwen3", "fp32", "cpu"),
        ("qwen3", "int4", "cpu"),
        ("gemma3", "fp32", "cpu"),
        ("phi3", "int4", "cpu"),
        ("llama", "fp16", "dml"),  # asks for position_ids, since rotation is a node of its own there
    ):
        if made := begin(f"genai-{family}-{precision}{'-positions' if provider == 'dml' else ''}", family):
            model, source, folder = made
            exact = ["accuracy_level=1"] if precision == "int4" and family != "qwen3" else []
            genai(source, folder, precision, provider, "windowed_kv_cache=false", *exact)
            record(expanded(model, folder / "model.onnx"), folder)
    if made := begin("genai-gemma3-windowed", "gemma3"):
        model, source, folder = made
        genai(source, folder, "fp32", "cpu")
        (folder / "model.onnx.data").unlink()  # what is refused by its graph needs no weights
    for family in ("llama", "qwen3", "gemma3"):
        if made := begin(f"optimum-{family}", family):
            model, source, folder = made
            optimum(source, folder)
            record(model, folder)
    if made := begin("js-llama", "llama"):
        model, source, folder = made
        transformers_js(source, folder)
        record(expanded(model, folder / "onnx" / "model_q4.onnx"), folder)


if __name__ == "__main__":
    main()
