"""Promises to start from: the latency limits of MLPerf Inference's server and interactive scenarios, as published.

Source: https://github.com/mlcommons/inference_policies, July 2026; TTFT and TPOT of the 99th percentile there, of every
request here. They are made for far larger machines and models: a measure of what services are held to.
"""

from desk.facts.tiers import Promise

SOURCE = "MLPerf Inference policies, July 2026"

PROMISES: dict[str, Promise] = {
    name: Promise(ttft_s=ttft_ms / 1000, tokens_per_second_per_user=round(1000 / tpot_ms, 1))
    for name, ttft_ms, tpot_ms in (
        ("Llama 3.1 8B, server", 2000, 100),
        ("Llama 3.1 8B, interactive", 500, 30),
        ("Llama 2 70B, server", 2000, 200),
        ("Llama 2 70B, interactive", 450, 40),
        ("Llama 3.1 405B, server", 6000, 175),
        ("Llama 3.1 405B, interactive", 4500, 80),
        ("DeepSeek R1, server", 2000, 80),
        ("DeepSeek R1, interactive", 1500, 15),
        ("gpt-oss 120B, server", 3000, 80),
        ("gpt-oss 120B, interactive", 2000, 20),
    )
}
