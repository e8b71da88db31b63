"""A tiny random model, made by the program's own builder: the graph that ships, in a few megabytes."""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType
from tokenizers.pre_tokenizers import ByteLevel

from desk.models import builder
from desk.models.catalogue import Entry
from desk.models.precision import PRECISIONS

LAYERS, HEAD_SIZE, VOCABULARY, CONTEXT = 2, 64, 512, 512


def tiny_model(folder: Path, precision: str, heads: int = 3, kv_heads: int = 1) -> Path:
    """A model folder under `folder` in one of the program's precisions; three heads to one as in the embedded model."""
    source = folder / f"tiny-{heads}-{kv_heads}.gguf"
    if not source.exists():
        _write_checkpoint(source, heads, kv_heads)
    model = folder / f"{source.stem}-{precision}"
    model.mkdir()
    entry = Entry(
        name=source.stem,
        title="Tiny random model",
        licence="Apache-2.0",
        distribution="none",
        version="0",
        file=source.name,
        bytes=source.stat().st_size,
        sha256="",
        precisions=tuple(PRECISIONS),
    )
    builder.write(source, entry, PRECISIONS[precision], model, lambda stage, done, total: None)
    return model


def _write_checkpoint(path: Path, heads: int, kv_heads: int) -> None:
    """A llama of random weights, published as the embedded model is: matrices in Q4_1, the embedding in Q8_0."""
    hidden, feed_forward = heads * HEAD_SIZE, 8 * HEAD_SIZE
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_feed_forward_length(feed_forward)
    writer.add_context_length(CONTEXT)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    tokens = ["<end>", "th", *sorted(ByteLevel.alphabet())]
    tokens += [f"<{index}>" for index in range(len(tokens), VOCABULARY)]
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (VOCABULARY - 1))
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(1)  # no random or stub run is likely to end on it
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")

    random = np.random.default_rng(1)

    def put(name: str, *shape: int, form: GGMLQuantizationType = GGMLQuantizationType.Q4_1) -> None:
        values = random.standard_normal(shape, np.float32) / np.sqrt(shape[-1])
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, form), raw_dtype=form)

    def put_norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(hidden, np.float32))

    put("token_embd", VOCABULARY, hidden, form=GGMLQuantizationType.Q8_0)
    put_norm("output_norm")
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        put_norm(f"{at}.attn_norm")
        put(f"{at}.attn_q", hidden, hidden)
        put(f"{at}.attn_k", kv_heads * HEAD_SIZE, hidden)
        put(f"{at}.attn_v", kv_heads * HEAD_SIZE, hidden)
        put(f"{at}.attn_output", hidden, hidden)
        put_norm(f"{at}.ffn_norm")
        put(f"{at}.ffn_gate", feed_forward, hidden)
        put(f"{at}.ffn_up", feed_forward, hidden)
        put(f"{at}.ffn_down", hidden, feed_forward)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
