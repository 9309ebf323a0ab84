package doctor

import "golang.org/x/sys/cpu"

// features are those of the processor for which there are kernels.
func features() []string {
	list := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2 && cpu.X86.HasFMA}, {"avx512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW},
		{"avx512_bf16", cpu.X86.HasAVX512BF16},
	} {
		if f.has {
			list = append(list, f.name)
		}
	}
	return list
}
