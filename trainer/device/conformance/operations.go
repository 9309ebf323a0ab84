package conformance

import (
	"fmt"
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// operations lists the differentiable operations, in shapes that meet the
// edges of blocked and vectorised code: 1, odd sizes, sizes past a tile.
func operations() []operation {
	var list []operation
	for _, s := range [][3]int{{1, 1, 1}, {5, 7, 3}, {17, 33, 20}} {
		for _, transposed := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			list = append(list, matmul(s[0], s[1], s[2], transposed[0], transposed[1]))
		}
	}
	for _, s := range [][2]int{{1, 5}, {3, 16}, {9, 37}} {
		list = append(list, bias(s[0], s[1]), layerNorm(s[0], s[1]), normalize(s[0], s[1]), gather(s[0], s[1]))
	}
	// Past a strip of columns and a chunk of rows.
	list = append(list, bias(66, 129), layerNorm(3, 70), layerNorm(67, 5))
	list = append(list, gelu(67, false), gelu(67, true), sum(19))
	for _, causal := range []bool{false, true} {
		list = append(list,
			attention([]int{1}, 4, 1, causal),
			attention([]int{3, 1, 5}, 12, 3, causal),
			attention([]int{0, 19, 2}, 16, 1, causal))
	}
	list = append(list, pictureOperations()...)
	return append(list, contrastive(1, 3), contrastive(5, 4), contrastive(21, 9), sidedContrastive(21, 9, 0.75), siglip(1, 3), siglip(5, 4), siglip(21, 9), blend(19), crossEntropy(3, 2), crossEntropy(9, 37))
}

func matmul(m, n, k int, transA, transB bool) operation {
	ra, ca, rb, cb := k, 1, n, 1
	if transA {
		ra, ca = 1, m
	}
	if transB {
		rb, cb = 1, k
	}
	return operation{
		name: fmt.Sprintf("matmul/%dx%dx%d/%v/%v", m, n, k, transA, transB), inputs: []int{m * k, k * n, m * n}, output: m * n,
		forward: func(in [][]float64) []float64 {
			c := append([]float64(nil), in[2]...)
			for i := range m {
				for j := range n {
					for l := range k {
						c[i*n+j] += in[0][i*ra+l*ca] * in[1][l*rb+j*cb]
					}
				}
			}
			return c
		},
		device: func(b *bench, in []device.Buffer, dc device.Buffer) (device.Buffer, []device.Buffer) {
			da, db := b.zeros(m*k), b.zeros(k*n)
			b.MatMul(in[2], in[0], in[1], m, n, k, transA, transB, 1)
			if transA {
				b.MatMul(da, in[1], dc, k, m, n, transB, true, 0)
			} else {
				b.MatMul(da, dc, in[1], m, k, n, false, !transB, 0)
			}
			if transB {
				b.MatMul(db, dc, in[0], n, k, m, true, transA, 0)
			} else {
				b.MatMul(db, in[0], dc, k, n, m, !transA, false, 0)
			}
			return in[2], []device.Buffer{da, db, {}}
		},
		tolerance: 2e-6,
	}
}

func bias(rows, cols int) operation {
	return operation{
		name: fmt.Sprintf("bias/%dx%d", rows, cols), inputs: []int{rows * cols, cols}, output: rows * cols,
		forward: func(in [][]float64) []float64 {
			y := append([]float64(nil), in[0]...)
			for i := range y {
				y[i] += in[1][i%cols]
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			dbias := b.zeros(cols)
			b.BiasBackward(dbias, dy, rows, cols)
			b.Bias(in[0], in[1], rows, cols)
			return in[0], []device.Buffer{dy, dbias}
		},
		tolerance: 1e-6,
	}
}

func sum(n int) operation {
	return operation{
		name: "sum", inputs: []int{n, n}, output: n,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, n)
			for i := range y {
				y[i] = in[0][i] + in[1][i]
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, copied := b.zeros(n), b.zeros(n)
			b.Sum(y, in[0], in[1])
			b.Copy(copied, dy)
			return y, []device.Buffer{dy, copied}
		},
		tolerance: 1e-6,
	}
}

func layerNorm(rows, cols int) operation {
	const eps = 1e-5
	return operation{
		name: fmt.Sprintf("layernorm/%dx%d", rows, cols), inputs: []int{rows * cols, cols, cols}, output: rows * cols,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, rows*cols)
			for i := range rows {
				var mean, variance float64
				for j := range cols {
					mean += in[0][i*cols+j] / float64(cols)
				}
				for j := range cols {
					variance += (in[0][i*cols+j] - mean) * (in[0][i*cols+j] - mean) / float64(cols)
				}
				for j := range cols {
					y[i*cols+j] = (in[0][i*cols+j]-mean)/math.Sqrt(variance+eps)*in[1][j] + in[2][j]
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, stats := b.zeros(rows*cols), b.zeros(2*rows)
			dx, dgain, dshift := b.zeros(rows*cols), b.zeros(cols), b.zeros(cols)
			b.LayerNorm(y, stats, in[0], in[1], in[2], rows, cols, eps)
			b.LayerNormBackward(dx, dgain, dshift, dy, stats, in[0], in[1], rows, cols, 1)
			return y, []device.Buffer{dx, dgain, dshift}
		},
		tolerance: 2e-6, shift: 0.5,
	}
}

func gelu(n int, quick bool) operation {
	return operation{
		name: fmt.Sprintf("gelu/quick=%v", quick), inputs: []int{n}, output: n,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, n)
			for i, v := range in[0] {
				if y[i] = v * 0.5 * math.Erfc(-v/math.Sqrt2); quick {
					y[i] = v / (1 + math.Exp(-1.702*v))
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y := b.zeros(n)
			b.GELU(y, in[0], quick)
			b.GELUBackward(dy, dy, in[0], quick)
			return y, []device.Buffer{dy}
		},
		tolerance: 1e-6,
	}
}

func attention(lengths []int, width, heads int, causal bool) operation {
	offsets, rows, longest := []int32{0}, 0, 0
	for _, n := range lengths {
		rows += n
		longest = max(longest, n)
		offsets = append(offsets, int32(rows))
	}
	size := width / heads
	shape := device.AttentionShape{Rows: rows, Sequences: len(lengths), Longest: longest, Width: width, Heads: heads, Causal: causal}
	return operation{
		name: fmt.Sprintf("attention/%v/heads=%d/causal=%v", lengths, heads, causal), inputs: []int{rows * 3 * width}, output: rows * width,
		forward: func(in [][]float64) []float64 {
			y, qkv := make([]float64, rows*width), in[0]
			for s := range lengths {
				for h := range heads {
					for i := offsets[s]; i < offsets[s+1]; i++ {
						last := offsets[s+1]
						if causal {
							last = i + 1
						}
						var total float64
						for j := offsets[s]; j < last; j++ {
							var score float64
							for c := h * size; c < (h+1)*size; c++ {
								score += qkv[int(i)*3*width+c] * qkv[int(j)*3*width+width+c]
							}
							p := math.Exp(score / math.Sqrt(float64(size)))
							total += p
							for c := h * size; c < (h+1)*size; c++ {
								y[int(i)*width+c] += p * qkv[int(j)*3*width+2*width+c]
							}
						}
						for c := h * size; c < (h+1)*size; c++ {
							y[int(i)*width+c] /= total
						}
					}
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, lse, dqkv, at := b.zeros(rows*width), b.zeros(rows*heads), b.zeros(rows*3*width), b.ints(offsets...)
			b.Fill(dqkv, 7) // all of it must be overwritten
			b.Attention(y, lse, in[0], at, shape)
			b.AttentionBackward(dqkv, dy, y, lse, in[0], at, shape)
			return y, []device.Buffer{dqkv}
		},
		tolerance: 3e-6,
	}
}

func gather(rows, cols int) operation {
	const entries = 4
	ids := make([]int32, rows)
	for i := range ids {
		ids[i] = int32(i*3%(entries+1)) - 1 // -1 and repeats among them
	}
	return operation{
		name: fmt.Sprintf("gather/%dx%d", rows, cols), inputs: []int{entries * cols, rows * cols}, output: rows * cols,
		forward: func(in [][]float64) []float64 {
			y := append([]float64(nil), in[1]...)
			for i, id := range ids {
				for j := 0; id >= 0 && j < cols; j++ {
					y[i*cols+j] += in[0][int(id)*cols+j]
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			at, dtable := b.ints(ids...), b.zeros(entries*cols)
			b.Gather(in[1], in[0], at, rows, cols, 1)
			b.GatherBackward(dtable, dy, at, rows, cols)
			return in[1], []device.Buffer{dtable, dy}
		},
		tolerance: 1e-6,
	}
}

func normalize(rows, cols int) operation {
	return operation{
		name: fmt.Sprintf("normalize/%dx%d", rows, cols), inputs: []int{rows * cols}, output: rows * cols,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, rows*cols)
			for i := range rows {
				var sum float64
				for j := range cols {
					sum += in[0][i*cols+j] * in[0][i*cols+j]
				}
				for j := range cols {
					y[i*cols+j] = in[0][i*cols+j] / math.Sqrt(sum)
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, norm, dx := b.zeros(rows*cols), b.zeros(rows), b.zeros(rows*cols)
			b.Normalize(y, norm, in[0], rows, cols)
			b.NormalizeBackward(dx, dy, y, norm, rows, cols)
			return y, []device.Buffer{dx}
		},
		tolerance: 1e-6,
	}
}

// contrastive counts rows and columns the same, as CLIP does.
func contrastive(n, dim int) operation {
	o := sidedContrastive(n, dim, 0.5)
	o.name = fmt.Sprintf("contrastive/%dx%d", n, dim)
	return o
}

func sidedContrastive(n, dim int, share float64) operation {
	return operation{
		name: fmt.Sprintf("contrastive/%dx%d/share=%g", n, dim, share), inputs: []int{n * dim, n * dim, 1}, output: 1,
		forward: func(in [][]float64) []float64 {
			s := make([]float64, n*n)
			for i := range n {
				for j := range n {
					for c := range dim {
						s[i*n+j] += math.Exp(in[2][0]) * in[0][i*dim+c] * in[1][j*dim+c]
					}
				}
			}
			var loss float64
			for i := range n {
				var row, col float64
				for j := range n {
					row += math.Exp(s[i*n+j] - s[i*n+i])
					col += math.Exp(s[j*n+i] - s[i*n+i])
				}
				loss += (share*math.Log(row) + (1-share)*math.Log(col)) / float64(n)
			}
			return []float64{loss}
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			loss, lse := b.zeros(1), b.zeros(2*n)
			dx, dyy, dscale := b.zeros(n*dim), b.zeros(n*dim), b.zeros(1)
			b.Contrastive(loss, lse, in[0], in[1], in[2], n, dim, float32(share))
			b.ContrastiveBackward(dx, dyy, dscale, lse, in[0], in[1], in[2], n, dim, float32(share))
			b.times(dy, dx, dyy, dscale)
			return loss, []device.Buffer{dx, dyy, dscale}
		},
		tolerance: 1e-5,
	}
}

// times scales a loss's gradients by the suite's random dy, on the host: a loss
// is the end of the tape, its own gradient is 1.
func (b *bench) times(dy device.Buffer, grads ...device.Buffer) {
	scale := b.read(dy)[0]
	for _, g := range grads {
		values := b.read(g)
		for i := range values {
			values[i] *= scale
		}
		b.Write(g, values)
	}
}

func siglip(n, dim int) operation {
	return operation{
		name: fmt.Sprintf("siglip/%dx%d", n, dim), inputs: []int{n * dim, n * dim, 1, 1}, output: 1,
		forward: func(in [][]float64) []float64 {
			var loss float64
			for i := range n {
				for j := range n {
					z := in[3][0]
					for c := range dim {
						z += math.Exp(in[2][0]) * in[0][i*dim+c] * in[1][j*dim+c]
					}
					if i == j {
						z = -z
					}
					loss += math.Log(1+math.Exp(z)) / float64(n)
				}
			}
			return []float64{loss}
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			loss, dx, dyy, dscale, dbias := b.zeros(1), b.zeros(n*dim), b.zeros(n*dim), b.zeros(1), b.zeros(1)
			b.Siglip(loss, in[0], in[1], in[2], in[3], n, dim)
			b.SiglipBackward(dx, dyy, dscale, dbias, in[0], in[1], in[2], in[3], n, dim)
			b.times(dy, dx, dyy, dscale, dbias)
			return loss, []device.Buffer{dx, dyy, dscale, dbias}
		},
		tolerance: 1e-5,
	}
}

func blend(n int) operation {
	const keep = 0.75
	return operation{
		name: "blend", inputs: []int{n, n}, output: n,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, n)
			for i := range y {
				y[i] = keep*in[0][i] + (1-keep)*in[1][i]
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, _ device.Buffer) (device.Buffer, []device.Buffer) {
			b.Blend(in[0], in[1], keep)
			return in[0], nil
		},
		tolerance: 1e-6,
	}
}
