"""A tiny random decoder with the inputs and outputs of a real one, made with onnx: quick, exact (float32), the same
every time."""

import hashlib

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from desk.models.manifest import MANIFEST, FileStamp, Manifest

LAYERS, HIDDEN, HEADS, KV_HEADS, SIZE, CONTEXT = 2, 64, 4, 2, 16, 512
END = 0
WORDS = ["<end>", "<user>", "<system>", "<answer>", *(f" w{n}" for n in range(96)), "<unknown>"]
VOCABULARY = len(WORDS)
CANDIDATES = 64
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<answer>{% endif %}"
)


def write(folder, seed=0, end=END, words=WORDS):
    """Write the model into `folder`; `end` is the token that ends an answer, one no draw gives where it is -1."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_graph(folder / "model.onnx", np.random.default_rng(seed))
    _write_tokenizer(folder / "tokenizer.json", words)
    files = {
        name: FileStamp(
            bytes=(folder / name).stat().st_size, sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest()
        )
        for name in ("model.onnx", "tokenizer.json")
    }
    manifest = Manifest(
        name=folder.name,
        title="Tiny decoder",
        precision="fp32",
        revision=f"seed {seed}",
        licence="Apache-2.0",
        builder="tests",
        graph="model.onnx",
        tokenizer="tokenizer.json",
        chat_template=TEMPLATE,
        layers=LAYERS,
        kv_heads=KV_HEADS,
        head_size=SIZE,
        kv_type="float32",
        vocabulary=VOCABULARY,
        context=CONTEXT,
        candidates=CANDIDATES,
        eos=(end if end >= 0 else 10**6,),
        bos=None,
        parameters=100_000,
        weights_bytes=files["model.onnx"].bytes,
        files=files,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return folder


def _write_tokenizer(path, words):
    """A word is a token, its space included; whatever else is unknown."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"<[a-z]+>| [a-z]\d+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(path))


def _write_graph(path, random):
    nodes, weights = [], []

    def weight(name, *shape, scale=None):
        spread = scale if scale is not None else shape[0] ** -0.5
        array = (random.standard_normal(shape) * spread).astype(np.float32)
        weights.append(numpy_helper.from_array(array, name))
        return name

    def constant(name, array):
        weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(kind, inputs, outputs, domain="", **attributes):
        nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def norm(x, name):
        ones = constant(f"{name}.weight", np.ones(HIDDEN, np.float32))
        return node("SimplifiedLayerNormalization", [x, ones], [name], axis=-1, epsilon=1e-5, stash_type=1)

    angles = np.arange(CONTEXT)[:, None] * 10_000.0 ** (-np.arange(0, SIZE, 2) / SIZE)
    cos = constant("cos", np.cos(angles).astype(np.float32))
    sin = constant("sin", np.sin(angles).astype(np.float32))
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"]),
        helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, ["rows"]),
        helper.make_tensor_value_info("total_len", TensorProto.INT32, []),
        helper.make_tensor_value_info("last_idx", TensorProto.INT64, ["rows", 1]),
    ]
    outputs = [
        helper.make_tensor_value_info("top_v", TensorProto.FLOAT, ["rows", 1, CANDIDATES]),
        helper.make_tensor_value_info("top_i", TensorProto.INT64, ["rows", 1, CANDIDATES]),
    ]
    x = node("Gather", [weight("embedding", VOCABULARY, HIDDEN, scale=1.0), "input_ids"], ["x"])
    for layer in range(LAYERS):
        cache = []
        for part in ("key", "value"):
            shape = ["rows", KV_HEADS, "capacity", SIZE]
            past, present = f"past_key_values.{layer}.{part}", f"present.{layer}.{part}"
            inputs.append(helper.make_tensor_value_info(past, TensorProto.FLOAT, shape))
            outputs.append(helper.make_tensor_value_info(present, TensorProto.FLOAT, shape))
            cache.append((past, present))
        qkv = weight(f"qkv.{layer}", HIDDEN, (HEADS + 2 * KV_HEADS) * SIZE)
        node("MatMul", [norm(x, f"norm.{layer}"), qkv], [f"projected.{layer}"])
        attended = node(
            "GroupQueryAttention",
            [f"projected.{layer}", "", "", cache[0][0], cache[1][0], "seqlens_k", "total_len", cos, sin],
            [f"attended.{layer}", cache[0][1], cache[1][1]],
            domain="com.microsoft",
            num_heads=HEADS,
            kv_num_heads=KV_HEADS,
            do_rotary=1,
        )
        mixed = node("MatMul", [attended, weight(f"out.{layer}", HEADS * SIZE, HIDDEN)], [f"mixed.{layer}"])
        x = node("Add", [x, mixed], [f"sum.{layer}"])
    last = node("Unsqueeze", ["last_idx", constant("axis", np.array([-1], np.int64))], ["last"])
    row = node("GatherND", [norm(x, "normed"), last], ["row"], batch_dims=1)
    logits = node("MatMul", [row, weight("head", HIDDEN, VOCABULARY, scale=0.4)], ["logits"])
    node("TopK", [logits, constant("candidates", np.array([CANDIDATES], np.int64))], ["top_v", "top_i"], axis=-1)
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    domains = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    save(helper.make_model(graph, opset_imports=domains, ir_version=10), path)
