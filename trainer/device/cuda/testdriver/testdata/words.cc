// Runs testdata/words.cu's kernels and prints what is wrong.
#include "driver.h"

static float wide(uint16_t b) {
	uint32_t w = (uint32_t)b << 16;
	float x;
	memcpy(&x, &w, 4);
	return x;
}

static void sums() {
	std::vector<float> x(1000);
	for (size_t i = 0; i < x.size(); i++) x[i] = (float)i;
	address y = device(12);
	launch("sums", Shape{3, 1, 1, 256}, y, device(x), 1000);
	for (float s : host<float>(y, 3))
		if (s != 499500) printf("sums: %g\n", s);
}

static void squares() {
	std::vector<uint16_t> x(16 * 256);
	for (size_t i = 0; i < x.size(); i++) x[i] = (uint16_t)(0x3f80 + i * 2654435761u % 64); // 1 to 1.5
	address y = device(x.size() * 4);
	for (int valid = 1; valid >= 0; valid--) {
		launch("squares", Shape{16, 1, 1, 32, 1, 1, 512}, y, device(x), valid);
		auto got = host<float>(y, x.size());
		for (size_t m = 0; m < 16; m++)
			for (size_t i = 0; i < 16; i++)
				for (size_t j = 0; j < 16; j++) {
					float want = 0;
					for (size_t k = 0; k < 16; k++) want += wide(x[256 * m + 16 * i + k]) * wide(x[256 * m + 16 * k + j]);
					if (!valid) want = 0;
					if (got[256 * m + 16 * i + j] != want) printf("squares %zu: [%zu,%zu] is %g, not %g\n", m, i, j, got[256 * m + 16 * i + j], want);
				}
	}
}

static void votes() {
	address y = device(66 * 4);
	launch("votes", Shape{1, 1, 1, 64}, y);
	auto got = host<uint32_t>(y, 66);
	for (unsigned w = 0; w < 2; w++) {
		uint32_t want = 0;
		for (unsigned l = 0; l < 32; l++) want |= (uint32_t)(l % 3 == w) << l;
		if (got[w] != want) printf("votes of warp %u: %08x, not %08x\n", w, got[w], want);
	}
	for (unsigned t = 0; t < 64; t++)
		if (got[2 + t] != (t ^ 5)) printf("thread %u has %u\n", t, got[2 + t]);
}

int main() {
	start();
	sums();
	squares();
	votes();
	if (cuCtxSynchronize()) printf("fault\n");
}
