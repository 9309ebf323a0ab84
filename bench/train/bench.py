#!/usr/bin/env python3
"""Runs both sides step by step in turn and prints the table.

bench.py OURS FOLDER CASE...   a CASE is MODEL:BATCH:PRECISION, e.g. vit-b-32:64:fp32

All programs of a case are started and warmed up, then asked for one step each,
round after round, so that what else the machine does falls on all of them; each
one's best step counts. The bench fails if the losses differ. Settings: ROUNDS
(5), PEERS ("eager compiled"; one at a time where memory is short: all programs
of a case are resident together), THREADS (2), KERNELS (avx2 holds all programs to
AVX2), BEFORE (our program of another version, which runs beside).
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PEERS = os.environ.get("PEERS", "eager compiled").split()
THREADS = os.environ.get("THREADS", "2")
BEFORE = os.environ.get("BEFORE")
KERNELS = os.environ.get("KERNELS")
if KERNELS == "avx2":
    os.environ.update(ATEN_CPU_CAPABILITY="avx2", ONEDNN_MAX_CPU_ISA="AVX2", MKL_ENABLE_INSTRUCTIONS="AVX2")
# The largest difference of losses, in each of the first steps.
TOLERANCE = {"fp32": 1e-3, "bf16": 3e-2}


class Program:
    """A side of the bench, asked over its stdin."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start = self.read()
        self.losses, self.seconds = self.start["losses"], []

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended, exit code {self.process.wait()}")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def step(self):
        answer = self.ask("step")
        self.losses.append(answer["loss"])
        self.seconds.append(answer["seconds"])

    def end(self):
        self.peak = self.ask("end")["peak_bytes"]
        if self.process.wait() != 0:
            sys.exit(f"{self.name} failed at its end")


def run(ours, folder, case):
    model, batch, precision = case.split(":")
    weights = os.path.join(folder, f"{model}.weights")
    inputs = os.path.join(folder, f"{model}-{batch}.inputs")
    peer = [sys.executable, os.path.join(HERE, "peer.py"), model, weights, inputs, "--threads", THREADS]
    if precision == "bf16":
        peer.append("--bf16")
    settings = ["-threads", THREADS, "-precision", precision]
    kernels = ["-kernels", KERNELS] if KERNELS else []
    programs = [Program("pairloom", [ours, "step", model, weights, inputs, *settings, *kernels])]
    if BEFORE:
        programs.append(Program("pairloom before", [BEFORE, "step", model, weights, inputs, *settings]))
    if "eager" in PEERS:
        programs.append(Program("open_clip", peer))
    if "compiled" in PEERS:
        programs.append(Program("open_clip, torch.compile", peer + ["--compile"]))
    sgemm = Program("sgemm", [ours, "sgemm", *settings, *kernels])
    for _ in range(ROUNDS):
        for p in programs:
            p.step()
        for _ in range(10):
            sgemm.step()
    for p in programs + [sgemm]:
        p.end()

    gflop = programs[0].start["flops"] / 1e9
    rate = sgemm.start["flops"] / 1e9 / min(sgemm.seconds)
    best = min(programs[0].seconds)
    for p in programs:
        seconds = min(p.seconds)
        worst = max(abs(a - b) for a, b in zip(p.losses, programs[0].losses))
        if worst > TOLERANCE[precision]:
            sys.exit(f"{case}: the losses of {p.name} are {p.losses}, ours {programs[0].losses}")
        print(
            f"| {model} | {batch} | {precision} | {p.name} | {seconds:.2f} | {max(p.seconds):.2f} | {int(batch) / seconds:.1f} | {seconds / best:.2f}"
            f" | {gflop / seconds:.0f} | {100 * gflop / seconds / rate:.0f}% | {p.peak / 2**20:.0f} | {p.peak / programs[0].peak:.2f} | {p.start['first_seconds']:.0f} | {worst:.1e} |",
            flush=True,
        )
    print(f"{case}: a product of 2048^3 {rate:.0f} GFLOP/s, {gflop:.0f} useful GFLOP a step", file=sys.stderr)


def main():
    print("| model | batch | numbers | program | best step s | worst step s | pairs/s | ours is faster | useful GFLOP/s | of sgemm's | peak MiB | of our peak | first step s | loss differs by |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for case in sys.argv[3:]:
        run(sys.argv[1], sys.argv[2], case)


main()
