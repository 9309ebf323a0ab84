// unfold: the windows of a 3x3 convolution of stride 2 and padding 1.
static void TYPED(unfold)(T *out, const T *pictures, int64_t batch, int64_t side) {
	int64_t n = side / 2;
#pragma omp parallel for schedule(static)
	for (int64_t line = 0; line < batch * n; line++) {
		int64_t b = line / n, top = 2 * (line % n) - 1;
		T *to = out + line * n * 27;
		for (int64_t c = 0; c < 3; c++)
			for (int64_t ky = 0; ky < 3; ky++, to += 3) {
				int64_t y = top + ky;
				const T *row = pictures + ((b * 3 + c) * side + y) * side;
				int outside = y < 0 || y >= side;
				for (int64_t i = 0; i < n; i++) // right of the last pixel is outside for no i: side is even
					for (int64_t kx = 0; kx < 3; kx++)
						to[i * 27 + kx] = outside || 2 * i + kx < 1 ? 0 : row[2 * i + kx - 1];
			}
	}
}
