package cpu

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/pairloom/pairloom/trainer/device"
)

// processorTime is what this process has used.
func processorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkActivations runs each operation in both types, at the sizes of a
// step of vit-small (16 pictures of 197 tokens) and of rn50 (8 pictures), and
// reports processor time, since others may want the processor too.
func BenchmarkActivations(b *testing.B) {
	const tokens, width, hidden = 16 * 197, 384, 4 * 384
	const pixels, channels = 8 * 56 * 56, 256
	offsets := make([]int32, 17)
	for i := range offsets {
		offsets[i] = int32(i * 197)
	}
	captions := make([]int32, 65)
	for i := range captions {
		captions[i] = int32(i * 20)
	}
	pictures := device.AttentionShape{Rows: tokens, Sequences: 16, Longest: 197, Width: width, Heads: 6}
	texts := device.AttentionShape{Rows: 64 * 20, Sequences: 64, Longest: 20, Width: width, Heads: 6, Causal: true}
	for _, op := range []struct {
		name string
		make func(l *lab) func()
	}{
		{"sum", func(l *lab) func() {
			x, y := l.active(tokens*width), l.active(tokens*width)
			return func() { l.Sum(y, y, x) }
		}},
		{"pixels", func(l *lab) func() {
			x, y := l.alloc(device.U8, 16*224*224*3), l.active(16*224*224*3)
			n := device.Normalization{Deviation: [3]float32{1, 1, 1}}
			return func() { l.Pixels(y, x, 16, 224, n) }
		}},
		{"patchify", func(l *lab) func() {
			x, y := l.active(16*224*224*3), l.active(tokens*768)
			return func() { l.Patchify(y, x, 16, 224, 16) }
		}},
		{"bias", func(l *lab) func() {
			y, bias := l.active(tokens*hidden), l.f32(hidden)
			return func() { l.Bias(y, bias, tokens, hidden) }
		}},
		{"bias backward", func(l *lab) func() {
			y, bias := l.active(tokens*hidden), l.f32(hidden)
			return func() { l.BiasBackward(bias, y, tokens, hidden) }
		}},
		{"layer norm", func(l *lab) func() {
			y, x, gain, stats := l.active(tokens*width), l.active(tokens*width), l.f32(width), l.f32(2*tokens)
			return func() { l.LayerNorm(y, stats, x, gain, gain, tokens, width, 1e-5) }
		}},
		{"layer norm backward", func(l *lab) func() {
			dx, dy, x, gain, stats := l.active(tokens*width), l.active(tokens*width), l.active(tokens*width), l.f32(width), l.filled(2*tokens, 0.5)
			dgain, dshift := l.f32(width), l.f32(width)
			return func() { l.LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain, tokens, width, 0) }
		}},
		{"gelu", func(l *lab) func() {
			y, x := l.active(tokens*hidden), l.active(tokens*hidden)
			return func() { l.GELU(y, x, false) }
		}},
		{"gelu backward", func(l *lab) func() {
			dx, dy, x := l.active(tokens*hidden), l.active(tokens*hidden), l.active(tokens*hidden)
			return func() { l.GELUBackward(dx, dy, x, false) }
		}},
		{"attention", func(l *lab) func() { return attention(l, pictures, offsets) }},
		{"attention backward", func(l *lab) func() { return attentionBackward(l, pictures, offsets) }},
		{"causal attention", func(l *lab) func() { return attention(l, texts, captions) }},
		{"causal attention backward", func(l *lab) func() { return attentionBackward(l, texts, captions) }},
		{"batch statistics", func(l *lab) func() {
			x, stats := l.active(pixels*channels), l.f32(2*channels)
			return func() { l.BatchStats(stats, x, device.Running{}, pixels, channels, 1e-5, 0.1) }
		}},
		{"batch norm", func(l *lab) func() {
			x, y, shortcut, stats, gain := l.active(pixels*channels), l.active(pixels*channels), l.active(pixels*channels), l.f32(2*channels), l.f32(channels)
			return func() { l.BatchNorm(y, x, stats, gain, gain, shortcut, pixels, channels, true) }
		}},
		{"batch norm backward", func(l *lab) func() {
			x, dx, dy, stats, gain := l.active(pixels*channels), l.active(pixels*channels), l.active(pixels*channels), l.f32(2*channels), l.f32(channels)
			dgain, dshift := l.f32(channels), l.f32(channels)
			return func() {
				l.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, gain, device.Buffer{}, pixels, channels, true)
			}
		}},
		{"batch norm backward with shortcut", func(l *lab) func() {
			x, y, dx, dy, stats, gain := l.active(pixels*channels), l.active(pixels*channels), l.active(pixels*channels), l.active(pixels*channels), l.f32(2*channels), l.f32(channels)
			dgain, dshift := l.f32(channels), l.f32(channels)
			return func() {
				l.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, gain, y, pixels, channels, true)
			}
		}},
		{"average pool", func(l *lab) func() {
			x, y := l.active(pixels*channels), l.active(pixels*channels/4)
			return func() { l.AvgPool(y, x, 8, 56, channels) }
		}},
		{"average pool backward", func(l *lab) func() {
			dx, dy := l.active(pixels*channels), l.active(pixels*channels/4)
			return func() { l.AvgPoolBackward(dx, dy, 8, 56, channels, 0) }
		}},
	} {
		for _, level := range levels {
			for _, of := range []device.Type{device.F32, device.BF16} {
				b.Run(fmt.Sprintf("kernels=%s/op=%s/type=%s", level.name, op.name, of), func(b *testing.B) {
					d := open(1, level.level)
					l := &lab{Device: d, of: of, random: rand.New(rand.NewPCG(1, 2))}
					call := op.make(l)
					call()
					if err := d.Sync(); err != nil {
						b.Fatal(err)
					}
					before := processorTime()
					for b.Loop() {
						call()
						if err := d.Sync(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(processorTime()-before)/1e6/float64(b.N), "cpu-ms/op")
					for _, m := range l.held {
						m.Free()
					}
					if err := d.Close(); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

func attention(l *lab, a device.AttentionShape, offsets []int32) func() {
	qkv, out, lse, at := l.active(a.Rows*3*a.Width), l.active(a.Rows*a.Width), l.f32(a.Rows*a.Heads), l.ints(offsets...)
	return func() { l.Attention(out, lse, qkv, at, a) }
}

func attentionBackward(l *lab, a device.AttentionShape, offsets []int32) func() {
	qkv, dqkv, dout, at := l.active(a.Rows*3*a.Width), l.active(a.Rows*3*a.Width), l.active(a.Rows*a.Width), l.ints(offsets...)
	out, lse := l.active(a.Rows*a.Width), l.filled(a.Rows*a.Heads, 5)
	return func() { l.AttentionBackward(dqkv, dout, out, lse, qkv, at, a) }
}
