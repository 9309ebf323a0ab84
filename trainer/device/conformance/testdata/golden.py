#!/usr/bin/env python3
"""Writes golden.safetensors: what PyTorch makes of each operation, in float64.

golden.py OUT

A case has its inputs NAME/in0..., a random dy NAME/dy, PyTorch's result NAME/y
and the gradient of sum(dy*y) for each input, NAME/d0... All start from numbers
that float32 holds, so that both sides see the same; the results are rounded to
float32 at the end. Names are those of the operations in golden.go.
"""
import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

out = {}
generator = torch.Generator().manual_seed(4)


def draw(*shape, shift=0.0):
    return (torch.randn(*shape, generator=generator) + shift).double()


def keep(name, tensors):
    for key, t in tensors.items():
        out[f"{name}/{key}"] = t.detach().float().reshape(-1).clone()


def case(name, inputs, f, constant=()):
    """Runs f; inputs whose places are in constant need no gradient."""
    for i, t in enumerate(inputs):
        t.requires_grad_(i not in constant)
    y = f(*inputs)
    dy = draw(*y.shape) if y.dim() else draw(1)[0]
    y.backward(dy)
    keep(name, {f"in{i}": t for i, t in enumerate(inputs)})
    keep(name, {f"d{i}": t.grad for i, t in enumerate(inputs) if i not in constant})
    keep(name, {"y": y, "dy": dy})


def matmul(m, n, k, trans_a, trans_b):
    def f(a, b, c):
        return c + (a.T if trans_a else a) @ (b.T if trans_b else b)

    inputs = [draw(*((k, m) if trans_a else (m, k))), draw(*((n, k) if trans_b else (k, n))), draw(m, n)]
    case(f"matmul/{m}x{n}x{k}/{str(trans_a).lower()}/{str(trans_b).lower()}", inputs, f, constant=(2,))


def attention(lengths, width, heads, causal):
    """Captions padded to the longest, as PyTorch has them; the rows packed."""
    longest = max(lengths)

    def f(qkv):
        parts = [F.pad(s, (0, 0, 0, longest - len(s))) for s in qkv.split(lengths)]
        q, k, v = torch.stack(parts).reshape(len(lengths), longest, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
        mask = mask[:, None, None, :].expand(-1, -1, longest, -1)
        if causal:
            mask = mask & torch.ones(longest, longest, dtype=torch.bool).tril()
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = y.transpose(1, 2).reshape(len(lengths), longest, width)
        return torch.cat([y[i, :n] for i, n in enumerate(lengths)])

    name = f"attention/[{' '.join(map(str, lengths))}]/heads={heads}/causal={str(causal).lower()}"
    case(name, [draw(sum(lengths), 3 * width)], f)


def contrastive(n, dim):
    def f(x, y, scale):
        logits = scale.exp() * x @ y.T
        labels = torch.arange(n)
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

    case(f"contrastive/{n}x{dim}", [F.normalize(draw(n, dim)).float().double(), F.normalize(draw(n, dim)).float().double(), torch.tensor([2.5]).double()], f)


def siglip(n, dim):
    def f(x, y, scale, bias):
        z = scale.exp() * x @ y.T + bias
        return -F.logsigmoid(z * (2 * torch.eye(n) - 1)).sum() / n

    case(f"siglip/{n}x{dim}", [F.normalize(draw(n, dim)).float().double(), F.normalize(draw(n, dim)).float().double(), torch.tensor([2.25]).double(), torch.tensor([-9.5]).double()], f)


def pictures_of(x, batch, side):
    """Rows of channels to PyTorch's order."""
    return x.reshape(batch, side, side, -1).permute(0, 3, 1, 2)


def rows_of(y):
    return y.permute(0, 2, 3, 1).flatten(0, 2)


def conv3x3(batch, side, into, out_of):
    def f(x, w):
        return rows_of(F.conv2d(pictures_of(x, batch, side), w, padding=1))

    case(f"conv3x3/{batch}x{side}/{into}-{out_of}", [draw(batch * side * side, into), draw(out_of, into, 3, 3)], f)


def batchnorm(rows, cols, relu, shortcut):
    def f(x, gain, shift, *residual):
        y = F.batch_norm(x, None, None, gain, shift, training=True, eps=1e-5)
        for r in residual:
            y = y + r
        return F.relu(y) if relu else y

    inputs = [draw(rows, cols, shift=0.5), draw(cols, shift=0.5), draw(cols, shift=0.5)]
    if shortcut:
        inputs.append(draw(rows, cols))
    case(f"batchnorm/{rows}x{cols}/relu={str(relu).lower()}/shortcut={str(shortcut).lower()}", inputs, f)


def attention_pool(batch, tokens, width, heads):
    def f(q, x, wk, wv):
        q = q[:, None]
        x = x.reshape(batch, tokens, width)
        y, _ = F.multi_head_attention_forward(
            q.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), width, heads, None, torch.zeros(3 * width).double(),
            None, None, False, 0.0, torch.eye(width).double(), None, use_separate_proj_weight=True,
            q_proj_weight=torch.eye(width).double(), k_proj_weight=wk, v_proj_weight=wv, need_weights=False)
        return y[0]

    inputs = [draw(batch, width), draw(batch * tokens, width), draw(width, width) / width**0.5, draw(width, width) / width**0.5]
    case(f"attentionpool/{batch}x{tokens}x{width}/heads={heads}", [t.float().double() for t in inputs], f)


def adamw(n, steps):
    """Clipping at 0.5 and AdamW, step after step; y is the parameter at the end,
    d0 and d1 are the moments."""
    param = torch.nn.Parameter(draw(n))
    grads = draw(steps, n)
    start = param.detach().clone()
    optimizer = torch.optim.AdamW([param], lr=0.01, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    for g in grads:
        param.grad = g.clone()
        torch.nn.utils.clip_grad_norm_([param], 0.5)
        optimizer.step()
    state = optimizer.state[param]
    keep(f"adamw/{n}x{steps}", {"in0": start, "in1": grads, "dy": torch.zeros(1), "y": param, "d0": state["exp_avg"], "d1": state["exp_avg_sq"]})


def main():
    for transposed in [(False, False), (True, False), (False, True), (True, True)]:
        matmul(13, 20, 33, *transposed)
    case("bias/33x21", [draw(33, 21), draw(21)], lambda x, b: x + b)
    case("layernorm/17x96", [draw(17, 96, shift=0.5), draw(96, shift=0.5), draw(96, shift=0.5)], lambda x, g, b: F.layer_norm(x, (96,), g, b, 1e-5))
    case("gelu/quick=false", [draw(257)], F.gelu)
    case("gelu/quick=true", [draw(257)], lambda x: x * torch.sigmoid(1.702 * x))
    for causal in [False, True]:
        attention([7, 1, 21, 9], 32, 2, causal)
    ids = torch.arange(9) * 3 % 5 - 1
    case("gather/9x37", [draw(4, 37), draw(9, 37)], lambda table, y: y + torch.where(ids[:, None] < 0, 0.0, F.embedding(ids.clamp(0), table)))
    case("normalize/17x48", [draw(17, 48)], lambda x: F.normalize(x))
    contrastive(33, 20)
    siglip(33, 20)
    conv3x3(2, 7, 16, 12)
    for relu in [False, True]:
        for shortcut in [False, True]:
            batchnorm(40, 13, relu, shortcut)
    case("avgpool/2x6/20", [draw(2 * 36, 20)], lambda x: rows_of(F.avg_pool2d(pictures_of(x, 2, 6), 2)))
    case("meantoken/3x9x16", [draw(27, 16)], lambda x: torch.cat([x.reshape(3, 9, 16).mean(1, keepdim=True), x.reshape(3, 9, 16)], 1).flatten(0, 1))
    attention_pool(3, 10, 32, 2)
    case("stem/2x10/12", [draw(2, 3, 10, 10), draw(12, 3, 3, 3)], lambda x, w: rows_of(F.conv2d(x, w, stride=2, padding=1)), constant=(0,))
    case("patches/2x12/4/10", [draw(2, 3, 12, 12), draw(10, 3, 4, 4)],
         lambda x, w: F.pad(F.conv2d(x, w, stride=4).flatten(2).transpose(1, 2), (0, 0, 1, 0)).flatten(0, 1), constant=(0,))
    adamw(131, 8)
    save_file(out, sys.argv[1], metadata={"torch": torch.__version__})


main()
