package batch

// Inverse cosine transforms of 8x8 blocks to n x n samples, n = 8, 4, 2 or 1:
// fewer samples are the block scaled down, made from its lowest frequencies
// alone. All passes leave out the factor 1/sqrt(2) per axis, so that a result is
// 8 times the sample; 128 is added at the end.
//
// n = 8 is the factorisation of Loeffler, Ligtenberg and Moschytz (1989) in
// 13-bit fixed point with two extra bits between the passes, which is what
// libjpeg's default transform computes, to the bit.

const (
	fractionBits = 13
	extraBits    = 2 // kept between the passes
)

// Factors with fractionBits behind the point.
const (
	fix0298 = 2446  // 0.298631336
	fix0390 = 3196  // 0.390180644
	fix0541 = 4433  // 0.541196100
	fix0765 = 6270  // 0.765366865
	fix0899 = 7373  // 0.899976223
	fix1175 = 9633  // 1.175875602
	fix1501 = 12299 // 1.501321110
	fix1847 = 15137 // 1.847759065
	fix1961 = 16069 // 1.961570560
	fix2053 = 16819 // 2.053119869
	fix2562 = 20995 // 2.562915447
	fix3072 = 25172 // 3.072711026
	fix1306 = 10703 // 1.306562965
)

func clamp(v int32) byte {
	if uint32(v) <= 255 {
		return byte(v)
	}
	return byte(^(v >> 31)) // 0 below, 255 above
}

// idct writes the samples of one block. dst starts at its first sample.
func idct(dst []byte, stride int, block *[64]int32, n int) {
	switch n {
	case 8:
		idct8(dst, stride, block)
	case 4:
		idct4(dst, stride, block)
	case 2:
		a, b, c, d := block[0], block[1], block[8], block[9]
		dst[0], dst[1] = eighth(a+b+c+d), eighth(a-b+c-d)
		dst[stride], dst[stride+1] = eighth(a+b-c-d), eighth(a-b-c+d)
	default:
		dst[0] = eighth(block[0])
	}
}

func eighth(v int32) byte { return clamp((v+4)>>3 + 128) }

// idctFlat is idct of a block whose first value alone is not zero.
func idctFlat(dst []byte, stride int, first int32, n int) {
	v := eighth(first)
	for y := range n {
		row := dst[y*stride:][:n]
		for x := range row {
			row[x] = v
		}
	}
}

func idct4(dst []byte, stride int, block *[64]int32) {
	for x := range 4 {
		c0, c1, c2, c3 := block[x], block[8+x], block[16+x], block[24+x]
		even0, even1 := (c0+c2)<<extraBits, (c0-c2)<<extraBits
		const down, half = fractionBits - extraBits, 1 << (fractionBits - extraBits - 1)
		odd0 := (c1*fix1306 + c3*fix0541 + half) >> down
		odd1 := (c1*fix0541 - c3*fix1306 + half) >> down
		block[x], block[24+x] = even0+odd0, even0-odd0
		block[8+x], block[16+x] = even1+odd1, even1-odd1
	}
	for y := range 4 {
		row := (*[4]int32)(block[8*y:])
		even0, even1 := (row[0]+row[2])<<fractionBits, (row[0]-row[2])<<fractionBits
		odd0 := row[1]*fix1306 + row[3]*fix0541
		odd1 := row[1]*fix0541 - row[3]*fix1306
		const down, half = fractionBits + extraBits + 3, 1<<(fractionBits+extraBits+2) + 128<<(fractionBits+extraBits+3)
		out := (*[4]byte)(dst[y*stride:])
		out[0], out[3] = clamp((even0+odd0+half)>>down), clamp((even0-odd0+half)>>down)
		out[1], out[2] = clamp((even1+odd1+half)>>down), clamp((even1-odd1+half)>>down)
	}
}

func idct8(dst []byte, stride int, block *[64]int32) {
	for x := range 8 {
		c := (*[57]int32)(block[x:])
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			v := c[0] << extraBits
			c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = v, v, v, v, v, v, v, v
			continue
		}
		e0, e1, e2, e3, o0, o1, o2, o3 := butterfly(c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56])
		const down, half = fractionBits - extraBits, 1 << (fractionBits - extraBits - 1)
		c[0], c[56] = (e0+o3+half)>>down, (e0-o3+half)>>down
		c[8], c[48] = (e1+o2+half)>>down, (e1-o2+half)>>down
		c[16], c[40] = (e2+o1+half)>>down, (e2-o1+half)>>down
		c[24], c[32] = (e3+o0+half)>>down, (e3-o0+half)>>down
	}
	for y := range 8 {
		r := (*[8]int32)(block[8*y:])
		e0, e1, e2, e3, o0, o1, o2, o3 := butterfly(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		const down, half = fractionBits + extraBits + 3, 1<<(fractionBits+extraBits+2) + 128<<(fractionBits+extraBits+3)
		out := (*[8]byte)(dst[y*stride:])
		out[0], out[7] = clamp((e0+o3+half)>>down), clamp((e0-o3+half)>>down)
		out[1], out[6] = clamp((e1+o2+half)>>down), clamp((e1-o2+half)>>down)
		out[2], out[5] = clamp((e2+o1+half)>>down), clamp((e2-o1+half)>>down)
		out[3], out[4] = clamp((e3+o0+half)>>down), clamp((e3-o0+half)>>down)
	}
}

// butterfly is the transform of 8 values: four even sums and four odd ones, with
// fractionBits behind the point. Output k is e[k]+o[3-k], output 7-k e[k]-o[3-k].
func butterfly(c0, c1, c2, c3, c4, c5, c6, c7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	z := (c2 + c6) * fix0541
	low, high := z-c6*fix1847, z+c2*fix0765
	sum, difference := (c0+c4)<<fractionBits, (c0-c4)<<fractionBits
	e0, e3 = sum+high, sum-high
	e1, e2 = difference+low, difference-low

	all := (c7 + c3 + c5 + c1) * fix1175
	z1, z2 := -(c7+c1)*fix0899, -(c5+c3)*fix2562
	z3, z4 := all-(c7+c3)*fix1961, all-(c5+c1)*fix0390
	o0 = c7*fix0298 + z1 + z3
	o1 = c5*fix2053 + z2 + z4
	o2 = c3*fix3072 + z2 + z3
	o3 = c1*fix1501 + z1 + z4
	return
}
