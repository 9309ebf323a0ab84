package hamming

import "golang.org/x/sys/cpu"

// fastest is the kernel of this processor.
var fastest = func() kernel {
	if x := cpu.X86; x.HasAVX512F && x.HasAVX512VPOPCNTDQ && x.HasBMI2 {
		return kernel{withinVectors, nextVectors, 256, 1024}
	}
	return plain
}()

func withinVectors(words []uint64, starts []uint32, distance int, at *cursor, out []match) int {
	if len(words) == 0 || len(starts) < 2 || len(out) == 0 {
		at.group = max(at.group, int64(len(starts)-1))
		return 0
	}
	return int(within512(&words[0], &starts[0], int64(len(starts)-1), int64(distance), at, &out[0], int64(len(out))))
}

// within512 is withinPlain with AVX-512; the last start is at most the number of words.
//
//go:noescape
func within512(words *uint64, starts *uint32, groups, distance int64, at *cursor, out *match, room int64) int64

func nextVectors(word uint64, words []uint64, distance int) int {
	if len(words) == 0 {
		return 0
	}
	return int(next512(word, &words[0], int64(len(words)), int64(distance)))
}

// next512 is nextPlain with AVX-512, of one word at least.
//
//go:noescape
func next512(word uint64, words *uint64, n, distance int64) int64
