// patchify: squares of pixels as rows, channel by channel, row by row; row 0
// of each picture stays zero for the class token.
static void TYPED(patchify)(T *out, const T *pictures, int64_t batch, int64_t side, int64_t patch) {
	int64_t n = side / patch, width = 3 * patch * patch;
#pragma omp parallel for schedule(static)
	for (int64_t b = 0; b < batch; b++) {
		T *to = out + b * (1 + n * n) * width;
		memset(to, 0, (size_t)width * sizeof(T));
		to += width;
		for (int64_t py = 0; py < n; py++)
			for (int64_t px = 0; px < n; px++)
				for (int64_t c = 0; c < 3; c++)
					for (int64_t y = 0; y < patch; y++, to += patch)
						memcpy(to, pictures + ((b * 3 + c) * side + py * patch + y) * side + px * patch, (size_t)patch * sizeof(T));
	}
}
